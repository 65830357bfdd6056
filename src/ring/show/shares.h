// How the circle is divided among the members of a namespace, in exact arcs, and what a change of
// v-nodes would do to that. A position belongs to the first v-node at or clockwise after it among
// the namespace's own v-nodes: load, capabilities and whether a member takes work do not count, so
// this is where work falls by the plain ring, not who gets it.
#pragma once

#include <bitset>
#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include "ring/placement.h"

namespace phoenix {

inline constexpr uint64_t kWholeCircle = uint64_t{1} << 32;

// Positions that belong to each member, by MemberIndex; 0 for numbers that are not joined. All
// namespaces at once; each one's sum is the whole circle.
std::vector<uint64_t> shares(const Placement& placement);

struct ShareChange {
  uint64_t before = 0;  // positions
  uint64_t after = 0;
};
struct RingChange {
  uint64_t vnodes = 0;                         // of the namespace, with those that leave
  uint64_t positions = 0;                      // that change hands
  std::map<MemberIndex, ShareChange> members;  // whose share changes
  std::bitset<kSlots> slots;                   // with positions that change hands
};
// What it means for a namespace if the v-nodes that `leaving` names are taken from the circle.
using Leaving = std::function<bool(Position, MemberIndex)>;
RingChange without(const Placement& placement, std::string_view ns, const Leaving& leaving);
// The same change the other way round: they were put there.
RingChange reversed(RingChange change);

// Names the v-nodes that a member has beyond its first `kept`, but for those at whose position one
// of the kept stands too. Requires: it is joined with `weight`, and no mask lies over positions.
class TailOf {
 public:
  TailOf(const Placement& placement, MemberIndex member, uint32_t weight, uint32_t kept);
  bool operator()(Position position, MemberIndex member) const;

 private:
  MemberIndex member_;
  std::vector<Position> tail_;  // sorted
};

}  // namespace phoenix
