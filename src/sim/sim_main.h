// Entry of `phoenix sim`: one seed (or a range) of the simulator, virtual time only. Prints the
// trace hash, and every violation with its invariant; no wall time appears anywhere.
#pragma once

#include <cstdint>
#include <string>

namespace phoenix {

struct SimOptions {
  uint64_t seed_first = 1;
  uint64_t seed_last = 1;   // >= seed_first; inclusive
  int64_t steps = 2000;     // 1..100,000,000 steps of each seed; not with several hosts
  int64_t hosts = 0;        // 0: one host with a store of its own; else so many that share one
  std::string scenario;     // file to play instead of the generated workload; empty: none
  std::string planted_bug;  // name of a planted bug; needs a build with PHOENIX_PLANTED_BUGS
  bool json = false;
  bool verbose = false;  // print the trace itself
};

// 0: no violation. 1: a violation, printed with the seed and the command that replays it.
// 2: the options cannot be carried out (unknown bug or scenario).
int run_sim(const SimOptions& options);

}  // namespace phoenix
