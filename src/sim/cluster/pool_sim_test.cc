#include <gtest/gtest.h>

#include "sim/cluster/pool_report.h"
#include "sim/scenario/test_files.h"

namespace phoenix::sim {
namespace {

constexpr uint64_t kPoolSeeds = 30;

// Run once for all tests below: what they ask is answered by the same runs.
const std::vector<PoolRunResult>& pool_sweep() {
  static const std::vector<PoolRunResult> kSweep = [] {
    std::vector<PoolRunResult> results;
    for (uint64_t seed = 1; seed <= kPoolSeeds; ++seed) {
      results.push_back(run_pool_seed({.seed = seed, .script = {}}));
    }
    return results;
  }();
  return kSweep;
}

SimOptions three_hosts() {
  SimOptions options;
  options.hosts = 3;
  return options;
}

TEST(PoolSimulator, FindsNoViolation) {
  for (const PoolRunResult& result : pool_sweep()) {
    EXPECT_FALSE(result.violation.has_value()) << pool_seed_text(result, three_hosts());
  }
}

TEST(PoolSimulator, DoesAndSuffersEnough) {
  PoolFaultCounts faults;
  PoolFigures sums;
  for (const PoolRunResult& result : pool_sweep()) {
    faults.add(result.faults);
    for (const auto& [name, value] : result.figures) sums[name] += value;
  }
  for (size_t i = 0; i < kPoolFaults; ++i) EXPECT_GT(faults.of[i], 0U) << kPoolFaultNames[i];
  EXPECT_GT(sums["fences"], 2 * kPoolSeeds);
  EXPECT_GT(sums["views"], 6 * kPoolSeeds);
  EXPECT_GT(sums["completed"], 50 * kPoolSeeds);
  EXPECT_GT(sums["worker-moves"], 3 * kPoolSeeds);
  EXPECT_GT(sums["lapses"], kPoolSeeds);
}

TEST(PoolSimulator, RunsTheSameSeedTheSameWayTwice) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_EQ(run_pool_seed({.seed = seed, .script = {}}).hash, pool_sweep()[seed - 1].hash)
        << "seed " << seed;
  }
  EXPECT_NE(pool_sweep()[0].hash, pool_sweep()[1].hash);
}

TEST(PoolScript, SaysWhichLineItCannotRead) {
  const auto script = parse_pool_script("hosts 3\nat soon crash h1\n");
  ASSERT_FALSE(script.has_value());
  EXPECT_NE(script.error().detail.find("line 2"), std::string::npos);
  EXPECT_FALSE(parse_pool_script("expect fences > 3\n").has_value());
  EXPECT_FALSE(parse_pool_script("lease 3 1\n").has_value());
  EXPECT_FALSE(parse_pool_script("come 3s 1s\n").has_value());
  EXPECT_FALSE(parse_pool_script("come 3s\n").has_value());
  EXPECT_FALSE(parse_pool_script("submit soon\n").has_value());
}

TEST(PoolScript, ComparesFiguresWithWhatIsExpected) {
  const auto script =
      parse_pool_script("expect fences >= 2  # some\nexpect views <= 3\nexpect lapses == 0\n");
  ASSERT_TRUE(script.has_value());
  EXPECT_TRUE(unmet(*script, {{"fences", 2}, {"views", 3}, {"lapses", 0}}).empty());
  EXPECT_EQ(unmet(*script, {{"fences", 1}, {"views", 4}, {"lapses", 1}}).size(), 3U);
  EXPECT_EQ(unmet(*script, {}).size(), 3U);
}

// Each file of tests/scenarios/cluster under its seeds.
class PoolScenario : public testing::TestWithParam<std::string> {};

TEST_P(PoolScenario, HoldsUnderItsSeeds) {
  SimOptions options = three_hosts();
  options.scenario = std::string(PHOENIX_SCENARIOS) + "/" + GetParam() + ".txt";
  const auto script = read_pool_script(options.scenario);
  ASSERT_TRUE(script.has_value()) << script.error().detail;
  for (uint64_t seed = script->seed_first; seed <= script->seed_last; ++seed) {
    const PoolRunResult result = run_pool_seed({.seed = seed, .script = *script});
    const bool good = !result.violation && result.unmet.empty();
    EXPECT_TRUE(good) << pool_seed_text(result, options);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, PoolScenario, testing::ValuesIn(scenario_files()),
                         scenario_test_name);

}  // namespace
}  // namespace phoenix::sim
