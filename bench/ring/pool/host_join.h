// Joins to a real node whose store answers at once: what a newcomer is given there of what others
// hold.
#pragma once

#include <cstddef>

namespace phoenix::bench {

struct HostJoins {
  size_t moved = 0;       // packets that the newcomers were given of those others had
  size_t handed_out = 0;  // of these, such as had been handed out
  size_t movable = 0;     // not handed out before the first of them came
};
// Members of workload A with a session each, four fifths of which take what they are given; then
// as many join as are asked for, one by one.
HostJoins join_a_host(size_t members, size_t packets, size_t joins);

}  // namespace phoenix::bench
