// All lines of a ring at once, from the v-nodes of all members: a few times faster than one by one.
#pragma once

#include <span>
#include <vector>

#include "ring/catalogue/members.h"
#include "ring/circle/line_array.h"

namespace phoenix::ring {

// Fills lines that are fresh, masks included. Any order. Returns the v-nodes that found their line
// full: these are still to be put in. Requires: not empty; so many lines that they are as large as
// the v-nodes.
std::vector<Vnode> fill_lines(const Members& members, LineArray& lines,
                              std::span<const Vnode> vnodes);

}  // namespace phoenix::ring
