// The ring of ketama, memcached's clients' hashing: 160 points a member, four out of each MD5 of
// "member-0" to "member-39", and a search that compares two neighbours at each step.
#pragma once

#include <string>
#include <vector>

#include "bench/ring/peers/points.h"

namespace phoenix::bench {

class Ketama {
 public:
  static constexpr uint32_t kDigests = 40;

  explicit Ketama(const std::vector<std::string>& members);

  // Requires: not empty.
  uint32_t owner(Position position) const {
    const Point* points = points_.data();
    const size_t size = points_.size();
    size_t low = 0;
    size_t high = size;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      const Position at = points[middle].position;
      const Position before = middle == 0 ? 0 : points[middle - 1].position;
      if (position <= at && (position > before || middle == 0)) return points[middle].member;
      if (at < position) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return points[low == size ? 0 : low].member;
  }
  const Points& points() const { return points_; }

 private:
  Points points_;
};

}  // namespace phoenix::bench
