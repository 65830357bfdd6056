// Who takes part in these measurements, and the keys of hosts and members by name: the same in
// every process.
#pragma once

#include <algorithm>
#include <string_view>

#include "lineage/crypto/key.h"
#include "lineage/crypto/sha256.h"

namespace phoenix::bench {

inline constexpr const char* kPairGiver = "giver";
inline constexpr const char* kPairReceiver = "receiver";
inline constexpr size_t kPairContextBytes = 2'048;

inline lineage::KeyPair pair_key(std::string_view name) {
  lineage::Seed seed;
  const Digest digest = lineage::sha256("key of ", name);
  std::copy(digest.begin(), digest.end(), seed.begin());
  return lineage::KeyPair::from_seed(seed);
}

}  // namespace phoenix::bench
