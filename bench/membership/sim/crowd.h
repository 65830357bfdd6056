// What the simulated rows share: runs of many seeds on all processors, and who thinks what of whom.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/membership/rows.h"
#include "sim/gossip/pool.h"

namespace phoenix::bench {

// Calls `run` for 0..count-1, on as many threads as there are processors. A run knows nothing of
// the others.
void in_parallel(size_t count, const std::function<void(size_t)>& run);

// One of the runs of a row, by its number.
struct Run {
  size_t number = 0;
  RunFile::Numbers found;
};
// Of 0..count-1 those that are known already and those of the options' share, which are run now;
// in order. Errors: they cannot be kept.
Result<std::vector<Run>> take_runs(const MembershipBench& options, size_t count,
                                   const std::function<std::string(size_t)>& name,
                                   const std::function<RunFile::Numbers(size_t)>& run);

// A pool of so many hosts that know each other and have settled, in the daemon's own timing.
std::unique_ptr<hostsim::Pool> settled_pool(size_t hosts, uint64_t seed);
inline constexpr Duration kSettling = seconds(5);

// So many different numbers below `below`, in order.
std::vector<uint32_t> choose(size_t count, size_t below, Prng& prng);

// Whether this host's view is exactly all hosts but those of `without`.
bool sees_all_but(const hostsim::Pool& pool, uint32_t host, const std::vector<bool>& without);

}  // namespace phoenix::bench
