// How far a text needs no look at each of its bytes: JSON is mostly text that stands as it is.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace phoenix::json {

// How many bytes at the beginning are ASCII and stand in a JSON string as they are, or some fewer:
// eight at a time are looked at, and those that are left over at the end are not.
inline size_t plain_bytes(std::string_view text) {
  constexpr uint64_t kEach = 0x0101010101010101;
  constexpr uint64_t kHigh = kEach * 0x80;
  size_t i = 0;
  for (; text.size() - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
    uint64_t eight = 0;
    std::memcpy(&eight, text.data() + i, sizeof eight);
    // A difference borrows into the high bit where a byte is too small. It may go on borrowing
    // above that, so of those that are found the lowest is for certain.
    const uint64_t below_space = eight - kEach * 0x20;
    const uint64_t is_quote = (eight ^ kEach * '"') - kEach;
    const uint64_t is_backslash = (eight ^ kEach * '\\') - kEach;
    const uint64_t is_delete = (eight ^ kEach * 0x7f) - kEach;
    const uint64_t odd = (eight | below_space | is_quote | is_backslash | is_delete) & kHigh;
    if (odd == 0) continue;
    if constexpr (std::endian::native != std::endian::little) break;
    return i + static_cast<size_t>(std::countr_zero(odd)) / 8;
  }
  return i;
}

}  // namespace phoenix::json
