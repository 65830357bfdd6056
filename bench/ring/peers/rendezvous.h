// Rendezvous hashing, also called highest random weight (Thaler, Ravishankar: "Using Name-Based
// Mappings to Increase Hit Rates", 1998): each member's hash with the key, the highest wins.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/siphash.h"

namespace phoenix::bench {

class Rendezvous {
 public:
  explicit Rendezvous(const std::vector<std::string>& members) {
    for (const std::string& member : members) seeds_.push_back(siphash13({}, member));
  }
  // Requires: not empty.
  uint32_t owner(uint64_t key) const {
    const uint64_t* seeds = seeds_.data();
    const size_t size = seeds_.size();
    uint64_t best = 0;
    size_t owner = 0;
    for (size_t i = 0; i < size; ++i) {
      const uint64_t score = mix(key ^ seeds[i]);
      if (score <= best) continue;
      best = score;
      owner = i;
    }
    return static_cast<uint32_t>(owner);
  }

 private:
  // The two halves of one wide product, folded.
  static uint64_t mix(uint64_t x) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{x} * 0x9e3779b97f4a7c15;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

  std::vector<uint64_t> seeds_;
};

}  // namespace phoenix::bench
