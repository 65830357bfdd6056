// Policies that are laid down, changed and lifted in mid-life, among all faults: nobody is given
// what they keep from them, and what waits for them goes on when it may.
#include <gtest/gtest.h>

#include "sim/report.h"
#include "sim/sim_main.h"
#include "sim/world.h"

namespace phoenix::sim {
namespace {

TEST(GovernedSim, FindsNoViolationWhilePoliciesChange) {
  SimOptions options;
  options.govern = true;
  PolicyCounts counts;
  uint64_t rejected = 0;
  for (uint64_t seed = 1; seed <= 16; ++seed) {
    options.sign = seed % 4 == 0;
    const RunResult result = run_seed({.seed = seed, .sign = options.sign, .govern = true});
    EXPECT_FALSE(result.violation.has_value()) << seed_text(result, options);
    counts.grants += result.governed.grants;
    counts.handoffs += result.governed.handoffs;
    counts.refusals += result.governed.refusals;
    counts.approved += result.governed.approved;
    for (size_t row = 0; row < kLifecycleRows; ++row) {
      if (lifecycle_table()[row].event == Event::kReject) rejected += result.row_visits[row];
    }
  }
  EXPECT_GT(counts.grants, 1'000U);
  EXPECT_GT(counts.handoffs, 30U);
  EXPECT_GT(counts.refusals, 400U);
  EXPECT_GT(counts.approved, 20U);
  EXPECT_GT(rejected, 10U);
}

TEST(GovernedSim, RunsTheSameSeedTheSameWayTwice) {
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    const RunOptions options{.seed = seed, .govern = true};
    EXPECT_EQ(run_seed(options).hash, run_seed(options).hash) << seed;
  }
}

}  // namespace
}  // namespace phoenix::sim
