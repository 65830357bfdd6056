// What a member that joined is to have of the packets that others own and were not handed yet:
// exactly those that it would get if all of them were placed anew in the order given, on what their
// owners hold besides. The others stay where they are, so nobody but the newcomer gets anything,
// and a join moves as much as it must for the newcomer to have its due, no more and no less.
//
// Decides only; what it returns is not moved yet. Pure, single-threaded. Costs one placement a
// packet: bounding how many are looked at is the caller's.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ring/placement.h"

namespace phoenix {

struct Drawable {
  MemberIndex owner = kNoMember;  // joined, and the packet's load is counted in its own
  PlaceQuery query;               // as the packet would be placed today
};

// Indices into `packets`, ascending. All loads are afterwards what they were before; that is why
// the ring is not const. Packets that the newcomer does not match need not be shown: they can only
// make it a little exacter.
std::vector<size_t> drawn_by(Placement& ring, MemberIndex newcomer,
                             std::span<const Drawable> packets);

}  // namespace phoenix
