// AnchorHash (Mendelson, Vargaftik, Barabash, Lorenz, Keslassy, Orda: "AnchorHash: A Scalable
// Consistent Hash", 2020), the in-place form of section 4. Buckets are numbers 0..capacity-1; any
// may leave, the last one that left comes back first, and the capacity is fixed for good. The
// answer depends on the order of removals, so all who are to agree must know that order.
#pragma once

#include <cstdint>

#include "bench/ring/peers/huge_pages.h"

namespace phoenix::bench {

class AnchorHash {
 public:
  // Buckets 0..working-1 are there. Requires: 0 < working <= capacity.
  AnchorHash(uint32_t capacity, uint32_t working);

  // The key is a hash itself, so its bits serve for the first step.
  uint32_t owner(uint64_t key) const {
    const Bucket* buckets = buckets_.data();
    uint32_t b = reduce(key, capacity_);
    // A bucket that is gone leads on to one of those that were there when it left.
    while (buckets[b].left_at > 0) {
      const uint32_t left_at = buckets[b].left_at;
      uint32_t h = reduce(mix(key, b), left_at);
      while (buckets[h].left_at >= left_at) h = buckets[h].successor;
      b = h;
    }
    return b;
  }

  // The bucket that is there again. Requires: one has left.
  uint32_t add();
  // Requires: it is there, and not the only one.
  void remove(uint32_t b);
  uint32_t working() const { return working_; }

 private:
  struct Bucket {
    uint32_t left_at = 0;  // "A": how many were left when it left; 0 while it is there
    uint32_t successor;    // "K": who took its place
  };

  // The upper half of a hash as a number below n.
  static uint32_t reduce(uint64_t hash, uint32_t n) {
    return static_cast<uint32_t>((hash >> 32) * n >> 32);
  }
  // A cheap hash of the key for each bucket; peers_test.cc shows that it spreads evenly.
  static uint64_t mix(uint64_t key, uint32_t b) {
    uint64_t x = key ^ (b * uint64_t{0x9e3779b97f4a7c15});
    x ^= x >> 32;
    return x * 0xd6e8feb86659fd93;
  }

  uint32_t capacity_;
  uint32_t working_;
  HugeVector<Bucket> buckets_;
  HugeVector<uint32_t> order_;    // "W": the buckets that are there
  HugeVector<uint32_t> place_;    // "L": where in that order
  HugeVector<uint32_t> removed_;  // "R"
};

}  // namespace phoenix::bench
