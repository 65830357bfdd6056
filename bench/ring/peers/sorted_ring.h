// The ring as a sorted array with binary search.
#pragma once

#include <algorithm>

#include "bench/ring/peers/points.h"

namespace phoenix::bench {

class SortedRing {
 public:
  // Requires: sorted.
  explicit SortedRing(Points points) : points_(std::move(points)) {}
  // Requires: not empty.
  uint32_t owner(Position position) const {
    const Point* begin = points_.data();
    const Point* end = begin + points_.size();
    const Point* found = std::lower_bound(
        begin, end, position, [](const Point& point, Position p) { return point.position < p; });
    return found == end ? begin->member : found->member;
  }

 private:
  Points points_;
};

}  // namespace phoenix::bench
