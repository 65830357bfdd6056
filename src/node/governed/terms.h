// The terms under which one packet may be handed on: its scopes, its meaning, the contracts that it
// goes by. Lives no longer than the head that it is about. Private to src/node.
#pragma once

#include "node/parts/impl.h"

namespace phoenix {

class Node::Impl::Terms {
 public:
  Terms(const Impl& node, const Packet& head, Status present)
      : node_(node), head_(head), present_(present) {}

  // Takes the namespace off a receiver that is named with it; a packet stays in its own.
  std::optional<Error> name_receiver(OwnerCall& call) const;
  // Whether the giver has signed what binds the packet. Its scopes count where the call names none.
  std::optional<Error> check_signed(OwnerCall& call, const lineage::HandoffOffer& said) const;
  struct Broken {
    Error error;
    std::optional<PolicyRefusal> word;  // whose word is all that it lacks
  };
  // Whether `to` (kNobody: it would wait for somebody) may have it, as it is given.
  std::optional<Broken> check(const OwnerCall& call, MemberNo to) const;
  // A packet that asks for evidence completes with a result that shows it.
  std::optional<Error> check_result(const OwnerCall& call) const;

  // What governs a packet once it is handed on.
  static std::shared_ptr<const Governed> handed_on(const OwnerCall& call, const Packet& head);

 private:
  Error breach(const policy::Refusal& refusal) const;
  std::optional<Error> check_meaning(const OwnerCall& call) const;
  std::optional<Error> check_named(const OwnerCall& call) const;
  PolicyRefusal word_for(const ContractBook::InForce& contract, MemberNo to) const;

  const Impl& node_;
  const Packet& head_;
  const Status present_;
};

}  // namespace phoenix
