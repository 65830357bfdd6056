// Entry of `phoenix sim`: one seed (or a range) of the simulator, virtual time only. Prints the
// trace hash, and every violation with its invariant; no wall time appears anywhere.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace phoenix {

struct SimOptions {
  uint64_t seed_first = 1;
  uint64_t seed_last = 1;  // >= seed_first; inclusive
  // 1..100,000,000 steps of each seed, not with several hosts; 0: 2,000, of a world 100.
  int64_t steps = 0;
  int64_t hosts = 0;  // 0: one host with a store of its own; else so many that share one
  // A file to play instead of the generated workload, or names of worlds (worlds/churn_world.h)
  // with commas between, "worlds" for all of them; empty: none.
  std::string scenario;
  std::string planted_bug;  // name of a planted bug; needs a build with PHOENIX_PLANTED_BUGS
  bool sign = false;        // members have keys and go by contracts; one host or several
  bool govern = false;      // policies are in force, which change; of one host
  bool json = false;
  bool verbose = false;  // print the trace itself
  // Set: seeds from seed_first on for as long as it answers true, whatever seed_last says. Then
  // only what fails is printed, and a line at the end. The caller has the clock; there is none in
  // here.
  std::function<bool()> more;

  int64_t steps_or(int64_t otherwise) const { return steps == 0 ? otherwise : steps; }
  bool goes_on_with(uint64_t seed) const { return more ? more() : seed <= seed_last; }
};

// "2" or "0.5"; an error unless it is more than nothing and at most 10,000.
Result<Duration> parse_hours(std::string_view text);

inline constexpr int64_t kSeedSteps = 2'000;
inline constexpr int64_t kWorldSteps = 100;

// 0: no violation. 1: a violation, printed with the seed and the command that replays it.
// 2: the options cannot be carried out (unknown bug or scenario).
int run_sim(const SimOptions& options);

}  // namespace phoenix
