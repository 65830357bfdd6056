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

}  // namespace phoenix
