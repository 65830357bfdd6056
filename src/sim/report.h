// What a run says to people and to machines. No wall time: the same seed prints the same text.
#pragma once

#include <string>

#include "sim/sim_main.h"
#include "sim/world.h"

namespace phoenix::sim {

// Several lines: seed, steps, faults by kind, hash, and the violation with how to replay it.
std::string seed_text(const RunResult& result, const SimOptions& options);
// One line.
std::string seed_json(const RunResult& result);
// "phoenix sim --seed 7 --steps 2000"
std::string replay_command(uint64_t seed, const SimOptions& options);
// "seeds 900, from 5 to 904, violations 0": of a run that lasted until a time; `next` was not
// played.
std::string closing_text(uint64_t first, uint64_t next, uint64_t violations);
// "request-lost 12, kill 3"
std::string faults_text(const FaultCounts& faults);

}  // namespace phoenix::sim
