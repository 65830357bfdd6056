// Positions on the 32-bit ring. What is hashed is fixed for good, because it decides what is
// stored:
//   v-node   'V' u16le(len) namespace u16le(len) id u32le(replica)
//   packet   'P' u16le(len) namespace u16le(n) {u16le(len) capability}... u16le(len) salt
// under SipHash-1-3 with the pool's ring key; the top 32 of the 64 bits are the position.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/siphash.h"

namespace phoenix {

using Position = uint32_t;

inline constexpr uint32_t kSlots = 4096;
// 0 .. kSlots - 1: one of the ring's fixed, equal ranges.
using SlotId = uint16_t;
constexpr SlotId slot_of(Position position) { return static_cast<SlotId>(position >> 20); }

// max(1, (128 * weight + 50) / 100). Requires: 1 <= weight <= 10,000.
constexpr uint32_t vnode_count(uint32_t weight) {
  const uint32_t count = (128 * weight + 50) / 100;
  return count == 0 ? 1 : count;
}

Position vnode_position(const RingKey& key, std::string_view ns, std::string_view id,
                        uint32_t replica);

// The positions of one member's v-nodes, by replica.
class VnodePositions {
 public:
  VnodePositions(const RingKey& key, std::string_view ns, std::string_view id);
  Position operator()(uint32_t replica) const {
    return static_cast<Position>(series_(replica) >> 32);
  }

 private:
  SipHashSeries series_;
};

// Requires: capabilities sorted bytewise and unique.
Position packet_position(const RingKey& key, std::string_view ns,
                         std::span<const std::string> capabilities, std::string_view salt);

}  // namespace phoenix
