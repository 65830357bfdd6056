// Jump consistent hash (Lamping, Veach: "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014).
// Buckets are numbers 0..n-1, and only the last can leave.
#pragma once

#include <cstdint>

namespace phoenix::bench {

// Requires: buckets > 0. The key's bits are used as they are.
inline uint32_t jump_hash(uint64_t key, uint32_t buckets) {
  int64_t bucket = 0;
  int64_t next = 0;
  while (next < int64_t{buckets}) {
    bucket = next;
    key = key * 2862933555777941757 + 1;
    // Where, if the number of buckets grew, this key would move for the next time.
    next = static_cast<int64_t>(
        static_cast<double>(bucket + 1) *
        (static_cast<double>(int64_t{1} << 31) / static_cast<double>((key >> 33) + 1)));
  }
  return static_cast<uint32_t>(bucket);
}

}  // namespace phoenix::bench
