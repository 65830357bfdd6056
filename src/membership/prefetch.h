// Tells the processor what will be needed soon, for who goes over more data than its caches hold
// and knows what comes next. Never changes an outcome. Any address will do.
#pragma once

#include <algorithm>
#include <cstddef>

namespace phoenix::gossip {

inline constexpr size_t kCacheLine = 64;

// At most 64 lines from there on.
inline void prefetch(const void* from, size_t bytes) {
  const char* const begin = static_cast<const char*>(from);
  for (size_t at = 0; at < std::min(bytes, 64 * kCacheLine); at += kCacheLine) {
    __builtin_prefetch(begin + at);
  }
}

}  // namespace phoenix::gossip
