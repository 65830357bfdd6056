// The points of a ring as plain pairs, and the sorts that a build of any ring is measured against.
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
// The same passes, each digit's points gathered into a cache line that goes to memory past the
// caches: nothing is read only to be overwritten, which is most of what the plain form waits for.
// Requires: fewer than 2^32 points.
void streaming_radix_sort(Points& points, Points& spare);

}  // namespace phoenix::bench
