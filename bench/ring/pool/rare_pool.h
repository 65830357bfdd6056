// Many members, and 512 capabilities from common ones to such that one member has; among them some
// that exclude one another, wholly or but for a few members. What makes choosing an owner hard.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/prng.h"
#include "ring/placement.h"

namespace phoenix::bench {

class RarePool {
 public:
  static constexpr size_t kCapabilities = 512;
  static constexpr std::array<size_t, 4> kFew = {64, 16, 8, 1};

  // 16 v-nodes a member in the mean: half of them have 15, half 17.
  RarePool(size_t members, uint32_t max_load);

  Placement& ring() { return ring_; }
  size_t members() const { return members_; }
  // The class of a capability beside the 512 that so many members have, one of kFew.
  ClassId held_by(size_t holders);
  // One to three of the 512, each as likely as any other.
  std::vector<std::string> random_set(Prng& prng) const;

 private:
  void give(size_t capability, size_t member) {
    held_[member].push_back(static_cast<uint16_t>(capability));
  }
  void deal(Prng& prng);

  size_t members_;
  Placement ring_;
  std::vector<std::vector<uint16_t>> held_;  // by member, until they have joined
};

}  // namespace phoenix::bench
