// The simulator of several hosts proves itself: each known bug, planted, is found within a hundred
// seeds by one of the invariants that it breaks.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/planted.h"
#include "sim/cluster/pool_world.h"

namespace phoenix::sim {
namespace {

struct PoolExpected {
  PlantedBug bug;
  std::vector<Invariant> breaks;
  std::string scenario = {};  // where random faults seldom come together as it takes
};

PoolScript script_of(const PoolExpected& expected) {
  if (expected.scenario.empty()) return {};
  const auto script =
      read_pool_script(std::string(PHOENIX_SCENARIOS) + "/" + expected.scenario + ".txt");
  EXPECT_TRUE(script.has_value()) << script.error().detail;
  return script.value_or(PoolScript{});
}

class PoolPlanted : public testing::TestWithParam<PoolExpected> {
 protected:
  ~PoolPlanted() override { plant(PlantedBug::kNone); }
};

TEST_P(PoolPlanted, IsFoundByAnInvariantThatItBreaks) {
  ASSERT_TRUE(plant(GetParam().bug));
  const PoolScript script = script_of(GetParam());
  std::string others;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const PoolRunResult result = run_pool_seed({.seed = seed, .script = script});
    if (!result.violation) continue;
    if (std::ranges::find(GetParam().breaks, result.violation->invariant) !=
        GetParam().breaks.end()) {
      RecordProperty("seed", std::to_string(seed));
      RecordProperty("what", result.violation->what);
      return;
    }
    others += std::string(invariant_name(result.violation->invariant)) + ": " +
              result.violation->what + "\n";
  }
  FAIL() << planted_bug_name(GetParam().bug) << " was not found within 100 seeds, but:\n" << others;
}

INSTANTIATE_TEST_SUITE_P(
    Bugs, PoolPlanted,
    testing::Values(
        PoolExpected{PlantedBug::kDeposedCreates, {Invariant::kOneOwner}},
        PoolExpected{PlantedBug::kTakerFences, {Invariant::kOneOwner}},
        PoolExpected{PlantedBug::kReleaseForgotten, {Invariant::kBounded}, "03-slots-come-back"},
        // What never was written is acknowledged, or delivered.
        PoolExpected{PlantedBug::kTombstoneTakenForReal,
                     {Invariant::kNothingLost, Invariant::kOneOwner}},
        PoolExpected{PlantedBug::kSessionEndNotCompared, {Invariant::kOneOwner}},
        PoolExpected{PlantedBug::kReleasedInFlight, {Invariant::kOneOwner}},
        PoolExpected{PlantedBug::kOlderRecordWins,
                     {Invariant::kOwnedOrParked, Invariant::kBounded, Invariant::kDelivery,
                      Invariant::kNode},
                     "12-older-and-newer-record"},
        PoolExpected{PlantedBug::kUnknownTakenForFailed,
                     {Invariant::kOneOwner, Invariant::kOwnedOrParked}},
        PoolExpected{PlantedBug::kUnknownTakenForDone,
                     {Invariant::kNothingLost, Invariant::kOneOwner}},
        PoolExpected{PlantedBug::kOneIdTwice, {Invariant::kOneOwner}},
        PoolExpected{
            PlantedBug::kLeaseWithoutHold, {Invariant::kExclusive}, "14-home-that-cannot-know"},
        PoolExpected{PlantedBug::kNotDeliveredAgain, {Invariant::kBounded, Invariant::kDelivery}},
        PoolExpected{PlantedBug::kAdoptedAtOnce, {Invariant::kExclusive}},
        PoolExpected{PlantedBug::kWithdrawalNotTold, {Invariant::kDelivery, Invariant::kBounded}},
        PoolExpected{PlantedBug::kAnswerNotKept, {Invariant::kNothingLost, Invariant::kFence}},
        PoolExpected{PlantedBug::kTicketNotWaitedFor, {Invariant::kExclusive}},
        PoolExpected{PlantedBug::kTicketPromiseForgotten, {Invariant::kExclusive}},
        PoolExpected{PlantedBug::kRecordsNotReadAgain,
                     {Invariant::kLineage, Invariant::kBounded},
                     "35-entering-with-old-news"},
        PoolExpected{PlantedBug::kStoreNotLookedAt, {Invariant::kLineage}, "35-certified-leavers"}),
    [](const auto& info) {
      std::string name;
      for (char c : planted_bug_name(info.param.bug)) name += c == '-' ? '_' : c;
      return name;
    });

// Without a bug this build finds nothing either: what the tests above find is the bug.
TEST(PoolPlantedBuild, IsSoundWithoutABug) {
  ASSERT_TRUE(plant(PlantedBug::kNone));
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const PoolRunResult result = run_pool_seed({.seed = seed, .script = {}});
    EXPECT_FALSE(result.violation.has_value()) << result.violation->what;
  }
}

}  // namespace
}  // namespace phoenix::sim
