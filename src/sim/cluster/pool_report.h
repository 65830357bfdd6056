// What a run of several hosts says to people and to machines, and how `phoenix sim --hosts` plays
// seeds of them. No wall time: the same seed prints the same text.
#pragma once

#include <string>

#include "sim/cluster/pool_world.h"
#include "sim/sim_main.h"

namespace phoenix::sim {

// That of the file, or the mixed one of so many hosts.
Result<PoolScript> script_of(const SimOptions& options);
std::string pool_seed_text(const PoolRunResult& result, const SimOptions& options);
std::string pool_seed_json(const PoolRunResult& result);
std::string pool_replay_command(uint64_t seed, const SimOptions& options);
std::string pool_faults_text(const PoolFaultCounts& faults);
// As run_sim().
int play_pool_seeds(const SimOptions& options);

}  // namespace phoenix::sim
