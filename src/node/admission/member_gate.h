// Whether members may register, change and leave: their keys, and what policies say at can-register
// and can-retire. One for each call. Private to src/node.
//
// Where a rule wants somebody's approval the call is refused and the approval asked for; the same
// call passes once it is given. An approval of what a member is to be is good for one such call;
// one of its leaving for that revision of it. Whoever calls has to be there: the answer to a
// register is its session's token.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/parts/impl.h"

namespace phoenix {

class Node::Impl::MemberGate {
 public:
  MemberGate(Impl& node, const Caller& caller) : node_(node), caller_(caller) {}

  std::optional<Error> registers(const MemberRecord& wanted, std::string_view proof);
  // `next`: what its record would be. Who holds so much load now.
  std::optional<Error> changes(const MemberRecord& next, uint32_t load);
  // With what was let in: the approvals that let it are good no more.
  void spend(Write& write);
  // True: one of them may not leave, and the call has been refused.
  bool keeps(RequestId call, const std::vector<MemberNo>& members);

 private:
  // What is asked of somebody else's word.
  struct Wish {
    policy::Point point = policy::Point::kRegister;
    const MemberRecord& record;
    std::string what;   // names it: another wish has another
    std::string words;  // for people
    uint32_t load = 0;  // it holds
  };

  std::optional<Error> ask(const Wish& wish);
  std::optional<Error> by_word(const Wish& wish, PolicyRefusal refusal);
  std::optional<Error> put_into_queue(const DocumentKey& key, const Wish& wish,
                                      const PolicyRefusal& refusal);
  std::string asker() const;

  Impl& node_;
  const Caller& caller_;
  std::vector<DocumentKey> spent_;
};

}  // namespace phoenix
