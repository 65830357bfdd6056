// A small generator of pseudo-random numbers for the simulator, the demo, benches and tests: the
// same seed gives the same numbers on every platform and compiler, for ever. The distributions are
// our own because those of the standard library differ between libraries.
//
// xoshiro256** (Blackman, Vigna: "Scrambled linear pseudorandom number generators"), its state
// filled by splitmix64. Not for secrets: who sees a few outputs knows all others. No floats.
// A value type, single-threaded; a copy continues with the same numbers.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace phoenix {

// One step of splitmix64: advances the state, returns 64 well mixed bits.
constexpr uint64_t splitmix64(uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

class Prng {
 public:
  explicit constexpr Prng(uint64_t seed) {
    for (uint64_t& word : state_) word = splitmix64(seed);
  }

  // 64 uniform bits.
  constexpr uint64_t next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform in 0..bound-1; 0 for bound 0. The high half of next() * bound (Lemire: "Fast random
  // integer generation in an interval"); the few low halves that would favour some results are
  // drawn again, so there is no bias. Draws at most twice on average.
  constexpr uint64_t below(uint64_t bound) {
    if (bound == 0) return 0;
    __extension__ using Wide = unsigned __int128;
    Wide product = Wide{next()} * bound;
    if (static_cast<uint64_t>(product) < bound) {
      const uint64_t unfair = (0 - bound) % bound;
      while (static_cast<uint64_t>(product) < unfair) product = Wide{next()} * bound;
    }
    return static_cast<uint64_t>(product >> 64);
  }

  // Uniform in first..last, both included. Requires: first <= last.
  constexpr int64_t between(int64_t first, int64_t last) {
    const uint64_t width = static_cast<uint64_t>(last) - static_cast<uint64_t>(first) + 1;
    const uint64_t offset = width == 0 ? next() : below(width);
    return static_cast<int64_t>(static_cast<uint64_t>(first) + offset);
  }

  // True with probability numerator / denominator. Requires: denominator > 0.
  constexpr bool chance(uint64_t numerator, uint64_t denominator) {
    return below(denominator) < numerator;
  }

  // Every order equally likely (Fisher, Yates). Any container with size() and operator[].
  template <typename Container>
  constexpr void shuffle(Container& items) {
    for (size_t left = items.size(); left > 1; --left) {
      using std::swap;
      swap(items[left - 1], items[below(left)]);
    }
  }

  // An independent stream, so that one consumer's draws do not shift another's.
  constexpr Prng fork() { return Prng(next()); }

 private:
  std::array<uint64_t, 4> state_{};
};

}  // namespace phoenix
