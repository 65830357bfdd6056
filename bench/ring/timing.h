// How the rows that compare methods take time: one thread on one processor, rounds in which the
// methods take turns, keys made in a register, results that the compiler cannot drop. What is told
// is a median over rounds, ratios being taken round by round.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/prng.h"
#include "bench/clock.h"
#include "ring/point.h"

namespace phoenix::bench {

inline constexpr int kRounds = 5;

// From now on the calling thread stays on one processor.
void pin_thread();

// What a packet's hash is to all methods: 64 bits; a ring takes the upper half.
inline uint64_t next_key(uint64_t& state) { return splitmix64(state); }
inline Position position_of(uint64_t key) { return static_cast<Position>(key >> 32); }

// "10k x 128". Requires: a whole number of thousands or millions, if not less than one.
std::string size_text(size_t members);

// The compiler has to make this value.
inline void keep(uint64_t value) { asm volatile("" : : "r"(value) : "memory"); }

// The whole method: how often to call it, and for how many calls' time.
using Loop = std::function<void(size_t times)>;

// Each key is there before the last one's owner is known, as with packets that come in.
template <class Owner>
Loop independent(Owner owner) {
  return [owner](size_t times) {
    uint64_t state = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < times; ++i) sum += owner(next_key(state));
    keep(sum);
  };
}
// Each key needs the last one's owner first: the time that one lookup takes from end to end.
template <class Owner>
Loop dependent(Owner owner) {
  return [owner](size_t times) {
    uint64_t state = 0;
    uint64_t last = 0;
    for (size_t i = 0; i < times; ++i) {
      state += last;
      last = owner(next_key(state));
    }
    keep(last);
  };
}

// Nanoseconds a call, of each method one value a round.
class Rounds {
 public:
  // A round of a method takes about so much time; it is warmed up for a quarter of that.
  Rounds(int rounds, Duration each) : rounds_(rounds), each_(each) {}

  void add(const std::string& name, Loop loop) { methods_.push_back({name, std::move(loop)}); }
  void run();

  // In the order of adding.
  std::vector<std::string> names() const;
  double ns(const std::string& name) const;
  // Median of numerator / denominator, round by round.
  double ratio(const std::string& numerator, const std::string& denominator) const;

 private:
  struct Method {
    std::string name;
    Loop loop;
    size_t times = 1;
  };
  double measure(const Method& method) const;

  int rounds_;
  Duration each_;
  std::vector<Method> methods_;
  std::map<std::string, std::vector<double>> taken_;
};

}  // namespace phoenix::bench
