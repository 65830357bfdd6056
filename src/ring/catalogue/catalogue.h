// What a ring knows of its members that is the same at every host: names, weights, capabilities,
// the circle of all v-nodes. A host has one of its own. Hosts in one process, as the simulator
// plays them, may share one: then a member that several of them have joined is kept once, and each
// of them passes over the members that only others have joined. A record that has not come to all
// of them yet is two members here, with one name.
//
// Single-threaded: for placements of one thread.
#pragma once

#include <unordered_map>
#include <vector>

#include "ring/catalogue/members.h"
#include "ring/circle/circle.h"
#include "ring/classes/capabilities.h"
#include "ring/placement.h"

namespace phoenix {

class RingCatalogue {
 public:
  RingCatalogue(const RingKey& key, Position position_mask, bool shared)
      : key_(key), shared_(shared), members_(key, position_mask, capabilities_) {}

  // The number of this record, for one more placement. To be given back by release().
  MemberIndex acquire(const RingMember& record);
  // With all of its v-nodes or, where these have not been looked up yet, none.
  void release(MemberIndex index, std::vector<ring::Vnode> vnodes = {});
  // The number under which a member is to go on by another record. Its own: change() it. Another
  // one: acquired, and the former is to be released.
  MemberIndex successor(MemberIndex index, const RingMember& record);
  // Another weight or other capabilities under the same number. From its v-nodes to those that it
  // has after that; the shorter list is the beginning of the longer one.
  std::vector<ring::Vnode> change(MemberIndex index, const RingMember& record,
                                  const std::vector<ring::Vnode>& before);
  // Nobody else uses it.
  bool is_last_user(MemberIndex index) const { return members_[index].users == 1; }

  const RingKey& key() const { return key_; }
  bool shared() const { return shared_; }
  ring::Capabilities& capabilities() { return capabilities_; }
  const ring::Members& members() const { return members_; }
  ring::Circle& circle() { return circle_; }
  size_t bytes() const { return capabilities_.bytes() + members_.bytes() + circle_.bytes(); }

 private:
  uint64_t name_of(std::string_view ns, std::string_view id) const;
  MemberIndex find(const RingMember& record) const;

  RingKey key_;
  bool shared_;
  ring::Capabilities capabilities_{key_};
  ring::Members members_;
  ring::Circle circle_{members_};
  // Where it is shared: members by the hash of their names.
  std::unordered_multimap<uint64_t, MemberIndex> by_name_;
};

}  // namespace phoenix
