// What members that joined are to have of the packets that others own and were not handed yet:
// exactly those that they would get if all of them were placed anew in the order given, on what
// their owners hold besides. The others stay where they are, so nobody but the newcomers gets
// anything, and a join moves as much as it must for the newcomers to have their due, no more and no
// less. Those who join at the same moment are asked about together: one after the other, the later
// ones would take for settled what the earlier ones are about to get.
//
// Decides only; what it returns is not moved yet. Pure, single-threaded. Costs one placement a
// packet, however many join: bounding how many are looked at is the caller's.
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
struct Drawn {
  size_t packet = 0;  // index into `packets`
  MemberIndex to = kNoMember;
};

// Requires: `newcomers` ascending, none of them owns a packet shown. In the order of the packets,
// and within the room of each newcomer. All loads are afterwards what they were before; that is why
// the ring is not const. Packets that no newcomer matches need not be shown: they can only make it
// a little exacter.
std::vector<Drawn> drawn_by(Placement& ring, std::span<const MemberIndex> newcomers,
                            std::span<const Drawable> packets);

}  // namespace phoenix
