#include <gtest/gtest.h>

#include <array>

#include "packet/lifecycle.h"
#include "sim/report.h"
#include "sim/world.h"

namespace phoenix::sim {
namespace {

constexpr uint64_t kSeeds = 100;

struct Sweep {
  FaultCounts faults;
  std::array<uint64_t, kLifecycleRows> rows{};
  std::vector<RunResult> results;
};

// Run once for all tests below: what they ask is answered by the same hundred runs.
const Sweep& sweep() {
  static const Sweep kSweep = [] {
    Sweep sweep;
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      RunResult result = run_seed({.seed = seed});
      sweep.faults.add(result.faults);
      for (size_t i = 0; i < kLifecycleRows; ++i) sweep.rows[i] += result.row_visits[i];
      sweep.results.push_back(std::move(result));
    }
    return sweep;
  }();
  return kSweep;
}

TEST(Simulator, FindsNoViolation) {
  for (const RunResult& result : sweep().results) {
    EXPECT_FALSE(result.violation.has_value()) << seed_text(result, {});
  }
}

TEST(Simulator, IsLargeEnough) {
  for (const RunResult& result : sweep().results) {
    EXPECT_GE(result.steps, 2'000U) << "seed " << result.seed;
    EXPECT_GE(result.members, 20U) << "seed " << result.seed;
    EXPECT_GE(result.packets, 200U) << "seed " << result.seed;
    EXPECT_GE(result.faults.total(), 10U) << "seed " << result.seed;
  }
}

TEST(Simulator, ComparesManyChangesWithTheirPlans) {
  uint64_t plans = 0;
  uint64_t moves = 0;
  for (const RunResult& result : sweep().results) {
    plans += result.plans;
    moves += result.planned_moves;
  }
  EXPECT_GE(plans, 3 * kSeeds);
  EXPECT_GE(moves, 8 * kSeeds);
}

TEST(Simulator, InjectsEveryKindOfFault) {
  for (size_t i = 0; i < kUnsignedFaults; ++i)
    EXPECT_GT(sweep().faults.of[i], 0U) << kFaultNames[i];
}

// What no world of this sweep asks for: no approvals are refused in it, no tickets wanted.
bool is_elsewhere(const LifecycleRow& row) {
  return row.event == Event::kReject || row.event == Event::kTicket;
}

TEST(Simulator, VisitsEveryRowOfTheTransitionTable) {
  for (size_t i = 0; i < kLifecycleRows; ++i) {
    const LifecycleRow& row = lifecycle_table()[i];
    if (is_elsewhere(row)) continue;
    EXPECT_GT(sweep().rows[i], 0U)
        << "row " << i << ": " << (row.from ? status_name(*row.from) : "nothing") << " --"
        << event_name(row.event) << (row.grants ? ", granted" : "") << "--> "
        << status_name(row.to);
  }
}

TEST(Simulator, RunsTheSameSeedTheSameWayTwice) {
  for (const RunResult& result : sweep().results) {
    EXPECT_EQ(run_seed({.seed = result.seed}).hash, result.hash) << "seed " << result.seed;
  }
}

TEST(Simulator, RunsOtherSeedsInOtherWays) {
  EXPECT_NE(sweep().results[0].hash, sweep().results[1].hash);
}

}  // namespace
}  // namespace phoenix::sim
