#include "ring/snapshot.h"

#include <algorithm>

namespace phoenix {

MemberIndex RingSnapshot::owner(Position position) const {
  if (points_.empty()) return kNoMember;
  const auto at =
      std::lower_bound(points_.begin(), points_.end(), position,
                       [](const Point& point, Position p) { return point.position < p; });
  return at == points_.end() ? points_.front().member : at->member;
}

}  // namespace phoenix
