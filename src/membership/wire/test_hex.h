// For tests: bytes as hexadecimal digits, and back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace phoenix::gossip {

// Whatever is no digit is skipped, so that vectors can be spaced.
inline std::string from_hex(std::string_view digits) {
  std::string out;
  int half = -1;
  for (const char c : digits) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) continue;
    if (half < 0) {
      half = digit;
    } else {
      out.push_back(static_cast<char>(half << 4 | digit));
      half = -1;
    }
  }
  return out;
}

inline std::string to_hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return out;
}

// Bytes that look random in 0..range-1, by a plain linear congruence: the vectors made from them
// were made elsewhere by the same rule.
inline std::string noise(size_t size, uint32_t range) {
  std::string out;
  uint32_t state = 12345;
  for (size_t i = 0; i < size; ++i) {
    state = state * 1664525 + 1013904223;
    out.push_back(static_cast<char>((state >> 24) % range));
  }
  return out;
}

}  // namespace phoenix::gossip
