// Members that sign, whose keys and contracts change in mid-move: nothing is broken, and all of it
// happens.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "sim/cluster/pool_world.h"
#include "sim/report.h"
#include "sim/sim_main.h"
#include "sim/world.h"

namespace phoenix::sim {
namespace {

TEST(SignedSim, FindsNoViolationWhileKeysAndContractsChange) {
  SimOptions options;
  options.sign = true;
  FaultCounts faults;
  uint64_t accepted = 0;
  uint64_t attested = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const RunResult result = run_seed({.seed = seed, .sign = true});
    EXPECT_FALSE(result.violation.has_value()) << seed_text(result, options);
    faults.add(result.faults);
    accepted += result.handoffs.accepted;
    attested += result.handoffs.attested;
  }
  EXPECT_GT(faults.of[static_cast<size_t>(Fault::kKeyChange)], 100U);
  EXPECT_GT(faults.of[static_cast<size_t>(Fault::kTermsChange)], 100U);
  EXPECT_GT(accepted, 30U);
  EXPECT_GT(attested, 50U);
}

TEST(SignedSim, FindsNoViolationAmongSeveralHosts) {
  uint64_t accepted = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const PoolRunResult result = run_pool_seed({.seed = seed, .script = {}, .sign = true});
    EXPECT_FALSE(result.violation.has_value()) << "seed " << seed << ": " << result.violation->what;
    accepted += result.handoffs.accepted;
  }
  EXPECT_GT(accepted, 20U);
}

TEST(SignedSim, RunsTheSameSeedTheSameWayTwice) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const RunOptions options{.seed = seed, .sign = true};
    EXPECT_EQ(run_seed(options).hash, run_seed(options).hash) << seed;
  }
}

}  // namespace
}  // namespace phoenix::sim
