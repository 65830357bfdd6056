// Worlds of steady coming and going, by name: how often members join and leave, and what that
// costs. Nothing else goes wrong in them; the invariants are checked as in every run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "sim/check/violation.h"

namespace phoenix::sim {

// A step is a second of virtual time.
struct ChurnWorld {
  std::string_view name;
  int64_t members = 0;     // at the start
  int64_t join_per_mille;  // each step one joins with this probability
  int64_t leave_per_mille;
  int64_t packets_per_step = 0;
};

// low-churn, moderate-churn, high-churn, agent-swarm.
const std::vector<ChurnWorld>& churn_worlds();
// Null: no such world.
const ChurnWorld* find_churn_world(std::string_view name);

struct ChurnResult {
  const ChurnWorld* world = nullptr;
  uint64_t seed = 0;
  uint64_t steps = 0;
  uint64_t joins = 0;
  uint64_t drains = 0;  // who left with notice
  uint64_t deaths = 0;  // who left without
  uint64_t packets = 0;
  uint64_t ended = 0;  // of them
  // The three metrics of the architecture. Load: assigned weight over capacity of the active
  // members, looked at at the end of each step.
  double load_stddev = 0;         // the mean of all steps
  double load_max_over_mean = 0;  // likewise
  uint64_t moved = 0;             // packets that changes of membership took from an owner
  uint64_t had_to_move = 0;
  Duration handoff_p50;  // virtual: call received to commit durable
  Duration handoff_p99;
  Duration handoff_max;
  uint64_t handoffs = 0;
  Duration gap_p99;  // old owner's last accepted call to the commit that names the next
  uint64_t hash = 0;
  std::optional<Violation> violation;
};

// The same seed gives the same result.
ChurnResult run_churn(const ChurnWorld& world, uint64_t seed, int64_t steps, bool print_trace);

// One row each, under one head.
std::string churn_table(const std::vector<ChurnResult>& results);
// One line.
std::string churn_json(const ChurnResult& result);

}  // namespace phoenix::sim
