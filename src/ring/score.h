// The score of a member: reliability * trust * 1000 / (1000 + load per mille of maxLoad). Scores
// are fractions and compared as such, so equal means equal on every platform: see score_of().
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace phoenix {

// What placement reads of a member at each step of a walk, and what a change of its load changes,
// all members side by side: half a cache line each.
struct alignas(32) Standing {
  int32_t room = 0;           // maxLoad - load, below 0 if over; kClosedRoom while not placeable
  mutable uint32_t seen = 0;  // the last window that it was in, by number; no part of the value
  uint64_t score = 0;         // score_of()
  // Four bytes of the id, the highest first, behind what all members' ids begin with: in most pools
  // they tell two ids of a window apart.
  uint32_t id_word = 0;
  uint32_t load = 0;
  uint32_t max_load = 0;
  uint32_t merit = 0;  // merit_of()
};
static_assert(sizeof(Standing) == 32);

inline constexpr int32_t kClosedRoom = std::numeric_limits<int32_t>::min();

inline int32_t room_of(uint32_t load, uint32_t max_load) {
  const int64_t room = int64_t{max_load} - int64_t{load};
  return static_cast<int32_t>(std::clamp<int64_t>(room, kClosedRoom + 1, -(kClosedRoom + 1)));
}

// reliability * trust, each cut at 65,535.
inline uint32_t merit_of(uint32_t reliability, uint32_t trust) {
  return std::min(reliability, 65535u) * std::min(trust, 65535u);
}

// 1000 + load per mille, cut at 2^32 - 1. A maxLoad of 0 counts as 1: such a member has no room
// anyway.
inline uint32_t resistance_of(uint32_t load, uint32_t max_load) {
  const uint64_t permille = uint64_t{load} * 1000 / std::max(max_load, 1u);
  return static_cast<uint32_t>(
      std::min<uint64_t>(1000 + permille, std::numeric_limits<uint32_t>::max()));
}

// merit / resistance in 2^-22, cut off; the factor 1000 that all scores have is left out. A member
// that is not over its maxLoad resists with 1000 to 2000, and two different fractions of such
// denominators are at least 1 / 2000^2 apart, which is more than 2^-22: so of two members with room
// these numbers are less, equal or greater as their scores are by cross-multiplication.
inline uint64_t score_of(uint32_t merit, uint32_t resistance) {
  return (uint64_t{merit} << 22) / resistance;
}

}  // namespace phoenix
