// SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", one compression and three
// finalisation rounds), and the secret 16-byte key under which all positions of a pool are
// computed. Positions under another key have nothing in common with these: the key is part of what
// is stored.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace phoenix {

// Never in an answer, a log line or a tag.
struct RingKey {
  std::array<uint8_t, 16> bytes{};
};

uint64_t siphash13(const RingKey& key, std::string_view data);

// Many texts that differ only in a last u32: what they share is hashed once.
class SipHashSeries {
 public:
  SipHashSeries(const RingKey& key, std::string_view shared);
  // siphash13(key, shared followed by u32le(last)).
  uint64_t operator()(uint32_t last) const;

 private:
  std::array<uint64_t, 4> state_;  // behind the whole words of what is shared
  uint64_t rest_ = 0;              // its bytes beyond these
  unsigned rest_bits_ = 0;
  uint64_t length_;  // of the whole text, as it stands in the last word
};

}  // namespace phoenix
