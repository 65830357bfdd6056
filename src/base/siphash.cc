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

  uint64_t finish() {
    v2 ^= 0xff;
    for (int i = 0; i < 3; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

State begin(const RingKey& key) {
  const char* key_bytes = reinterpret_cast<const char*>(key.bytes.data());
  const uint64_t k0 = read_u64le(key_bytes);
  const uint64_t k1 = read_u64le(key_bytes + 8);
  return {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
          k1 ^ 0x7465646279746573};
}

// What is left over behind the whole words.
uint64_t read_rest(std::string_view data, size_t from) {
  uint64_t rest = 0;
  for (size_t at = from; at < data.size(); ++at) {
    rest |= static_cast<uint64_t>(static_cast<uint8_t>(data[at])) << (8 * (at - from));
  }
  return rest;
}

}  // namespace

uint64_t siphash13(const RingKey& key, std::string_view data) {
  State state = begin(key);
  const size_t whole = data.size() / 8 * 8;
  for (size_t at = 0; at < whole; at += 8) state.absorb(read_u64le(data.data() + at));
  // The last word: what is left over, and the length in the top byte.
  state.absorb(read_rest(data, whole) | static_cast<uint64_t>(data.size()) << 56);
  return state.finish();
}

SipHashSeries::SipHashSeries(const RingKey& key, std::string_view shared)
    : length_(static_cast<uint64_t>(shared.size() + sizeof(uint32_t)) << 56) {
  State state = begin(key);
  const size_t whole = shared.size() / 8 * 8;
  for (size_t at = 0; at < whole; at += 8) state.absorb(read_u64le(shared.data() + at));
  state_ = {state.v0, state.v1, state.v2, state.v3};
  rest_ = read_rest(shared, whole);
  rest_bits_ = static_cast<unsigned>(shared.size() - whole) * 8;
}

uint64_t SipHashSeries::operator()(uint32_t last) const {
  State state{state_[0], state_[1], state_[2], state_[3]};
  const uint64_t word = rest_ | static_cast<uint64_t>(last) << rest_bits_;
  if (rest_bits_ < 32) {
    state.absorb(word | length_);
  } else {
    // The number fills the word up, or reaches over into the next one.
    state.absorb(word);
    const uint64_t over = rest_bits_ == 32 ? 0 : static_cast<uint64_t>(last) >> (64 - rest_bits_);
    state.absorb(over | length_);
  }
  return state.finish();
}

}  // namespace phoenix
