#include "base/siphash.h"

#include <bit>
#include <cstring>

namespace phoenix {

namespace {

// Byte order is fixed as little-endian, whatever the machine.
uint64_t read_u64le(const char* from) {
  uint64_t value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap64(value);
  return value;
}

struct State {
  uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13);
    v1 ^= v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16);
    v3 ^= v2;
    v0 += v3;
    v3 = std::rotl(v3, 21);
    v3 ^= v0;
    v2 += v1;
    v1 = std::rotl(v1, 17);
    v1 ^= v2;
    v2 = std::rotl(v2, 32);
  }

  void absorb(uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  }
};

}  // namespace

uint64_t siphash13(const RingKey& key, std::string_view data) {
  const char* key_bytes = reinterpret_cast<const char*>(key.bytes.data());
  const uint64_t k0 = read_u64le(key_bytes);
  const uint64_t k1 = read_u64le(key_bytes + 8);
  State state{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
              k1 ^ 0x7465646279746573};
  const size_t whole = data.size() / 8 * 8;
  for (size_t at = 0; at < whole; at += 8) state.absorb(read_u64le(data.data() + at));

  // The last word: what is left over, and the length in the top byte.
  uint64_t last = static_cast<uint64_t>(data.size()) << 56;
  for (size_t at = whole; at < data.size(); ++at) {
    last |= static_cast<uint64_t>(static_cast<uint8_t>(data[at])) << (8 * (at - whole));
  }
  state.absorb(last);
  state.v2 ^= 0xff;
  for (int i = 0; i < 3; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace phoenix
