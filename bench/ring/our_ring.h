// The circle alone, with members of one weight, as the lookup rows want it: the one place where
// they touch the inside of src/ring.
#pragma once

#include <cstdint>
#include <string>

#include "ring/circle.h"
#include "ring/roster.h"

namespace phoenix::bench {

RingKey bench_key(uint64_t number);
RingMember bench_member(size_t number, uint32_t weight);

class OurRing {
 public:
  // Weight 100 is 128 v-nodes.
  OurRing(size_t members, uint32_t weight) {
    for (size_t i = 0; i < members; ++i) join(i, weight);
    circle_.settle();
  }
  OurRing(const OurRing&) = delete;
  OurRing& operator=(const OurRing&) = delete;

  // The number of a member in the roster.
  MemberIndex join(size_t number, uint32_t weight) {
    const MemberIndex index = roster_.add(bench_member(number, weight));
    circle_.add(index);
    return index;
  }
  void leave(MemberIndex index) {
    circle_.remove(index);
    roster_.remove(index);
  }
  void settle() { circle_.settle(); }

  MemberIndex owner(Position position) const {
    ring::Vnode vnode;
    ring::Circle::Cursor(circle_, position).next(vnode);
    return vnode.member;
  }

  const ring::Circle& circle() const { return circle_; }
  const ring::Roster& roster() const { return roster_; }

 private:
  RingKey key_ = bench_key(1);
  ring::Capabilities capabilities_{key_};
  ring::Roster roster_{key_, ~Position{0}, capabilities_};
  ring::Circle circle_{roster_};
};

}  // namespace phoenix::bench
