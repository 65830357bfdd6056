// The points of a ring as plain pairs, and the sort that a build of any ring is measured against.
#pragma once

#include <cstdint>

#include "bench/ring/peers/huge_pages.h"
#include "ring/point.h"

namespace phoenix::bench {

struct Point {
  Position position;
  uint32_t member;
};
using Points = HugeVector<Point>;

// Least significant digit first, three passes of 11 bits; equal positions stay in their order.
// `spare` is as large and ends with other content.
void radix_sort(Points& points, Points& spare);

}  // namespace phoenix::bench
