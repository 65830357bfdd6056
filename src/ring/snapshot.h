// The ring as it was: an immutable copy of all v-nodes and the names of their members, for threads
// other than the one that changes it. Any number may read it at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ring/placement.h"

namespace phoenix {

class RingSnapshot {
 public:
  struct Point {
    Position position;
    MemberIndex member;
  };

  size_t vnodes() const { return points_.size(); }
  // In ring order: by position, then by the members' (namespace, id) bytes.
  const std::vector<Point>& points() const { return points_; }
  // The member of the first v-node at or after a position; kNoMember of an empty ring.
  MemberIndex owner(Position position) const;
  // Requires: a member that has a point here.
  std::string_view ns(MemberIndex member) const { return name(member, 0); }
  std::string_view id(MemberIndex member) const { return name(member, 1); }

 private:
  friend class Placement;

  std::string_view name(MemberIndex member, size_t part) const {
    const size_t at = 2 * size_t{member} + part;
    return std::string_view(names_).substr(starts_[at], starts_[at + 1] - starts_[at]);
  }

  std::vector<Point> points_;
  std::string names_;             // namespace, id of each member one after the other
  std::vector<uint64_t> starts_;  // by 2 * member: where they start; one more than there are names
};

}  // namespace phoenix
