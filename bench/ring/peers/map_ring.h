// The ring as it is written most often: an ordered map from position to member. It keeps one
// member of those that share a position, and loses the others.
#pragma once

#include <map>

#include "bench/ring/peers/points.h"

namespace phoenix::bench {

class MapRing {
 public:
  // In the order of joining: that is how such a map is filled, and how its nodes lie in memory.
  explicit MapRing(const Points& points) {
    for (const Point& point : points) owners_.emplace(point.position, point.member);
  }
  // Requires: not empty.
  uint32_t owner(Position position) const {
    const auto found = owners_.lower_bound(position);
    return found == owners_.end() ? owners_.begin()->second : found->second;
  }
  size_t size() const { return owners_.size(); }

 private:
  std::map<Position, uint32_t> owners_;
};

}  // namespace phoenix::bench
