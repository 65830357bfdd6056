// The circle alone, with members of one weight, as the lookup rows want it: the one place where
// they touch the inside of src/ring.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/ring/peers/points.h"
#include "ring/catalogue/members.h"
#include "ring/circle/circle.h"

namespace phoenix::bench {

RingKey bench_key(uint64_t number);
// Ids are in the order of the numbers, so that a stable sort by position has equal positions in the
// ring's own order.
std::string bench_id(size_t number);
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

  // The member's index: as long as nobody left, its number.
  MemberIndex join(size_t number, uint32_t weight) {
    const MemberIndex index = members_.add(bench_member(number, weight));
    circle_.add(index);
    return index;
  }
  void leave(MemberIndex index) {
    circle_.remove(index, members_.vnodes_of(index));
    members_.remove(index);
  }
  void settle() { circle_.settle(); }

  MemberIndex owner(Position position) const { return circle_.ring().owner(position); }
  void owners(std::span<const Position> at, std::span<MemberIndex> out) const {
    circle_.ring().owners(at, out);
  }

  // The points of all members, member by member.
  Points points() const;

  const ring::Members& members() const { return members_; }
  size_t vnodes() const { return circle_.ring().size(); }
  size_t bytes() const { return circle_.bytes(); }
  // What lookups read of that.
  size_t line_bytes() const { return circle_.ring().lines() * sizeof(ring::Line); }
  size_t record_bytes() const { return members_.bytes(); }

 private:
  RingKey key_ = bench_key(1);
  ring::Capabilities capabilities_{key_};
  ring::Members members_{key_, ~Position{0}, capabilities_};
  ring::Circle circle_{members_};
};

// A second circle of the same members, from the pairs of all their v-nodes in any order.
class BuiltCircle {
 public:
  BuiltCircle(const OurRing& ring, std::span<const ring::Vnode> vnodes) : ring_(ring.members()) {
    ring_.build(vnodes);
  }
  size_t size() const { return ring_.size(); }

 private:
  ring::LineRing ring_;
};

}  // namespace phoenix::bench
