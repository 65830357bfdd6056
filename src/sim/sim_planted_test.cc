// The simulator proves itself: each known bug, planted, is found within a hundred seeds by the
// invariant that it breaks.
#include <gtest/gtest.h>

#include <string>

#include "base/planted.h"
#include "sim/world.h"

namespace phoenix::sim {
namespace {

struct Expectation {
  PlantedBug bug;
  Invariant breaks;
  bool sign = false;    // only where members sign
  bool govern = false;  // only where policies are in force
};

class Planted : public testing::TestWithParam<Expectation> {
 protected:
  ~Planted() override { plant(PlantedBug::kNone); }
};

TEST_P(Planted, IsFoundByTheInvariantThatItBreaks) {
  ASSERT_TRUE(plant(GetParam().bug));
  std::string others;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const RunResult result =
        run_seed({.seed = seed, .sign = GetParam().sign, .govern = GetParam().govern});
    if (!result.violation) continue;
    if (result.violation->invariant == GetParam().breaks) {
      RecordProperty("seed", std::to_string(seed));
      RecordProperty("what", result.violation->what);
      return;
    }
    others += std::string(invariant_name(result.violation->invariant)) + ": " +
              result.violation->what + "\n";
  }
  FAIL() << planted_bug_name(GetParam().bug) << " was not found as "
         << invariant_name(GetParam().breaks) << " within 100 seeds, but as:\n"
         << others;
}

INSTANTIATE_TEST_SUITE_P(
    Bugs, Planted,
    testing::Values(Expectation{PlantedBug::kEpochNotCompared, Invariant::kFence},
                    Expectation{PlantedBug::kEvictionForgetsOne, Invariant::kOwnedOrParked},
                    Expectation{PlantedBug::kAcknowledgeBeforeSync, Invariant::kNothingLost},
                    Expectation{PlantedBug::kDeliverBeforeGrant, Invariant::kOneOwner},
                    Expectation{PlantedBug::kLeaseRenewedByStale, Invariant::kBounded},
                    Expectation{PlantedBug::kWakeUpLost, Invariant::kOwnedOrParked},
                    Expectation{PlantedBug::kHeartbeatPassesDelivery, Invariant::kBounded},
                    Expectation{PlantedBug::kHeldNotRedelivered, Invariant::kDelivery},
                    Expectation{PlantedBug::kTicketNotWaitedFor, Invariant::kExclusive},
                    Expectation{PlantedBug::kTicketPromiseForgotten, Invariant::kExclusive},
                    Expectation{PlantedBug::kOldKeyTaken, Invariant::kLineage, true},
                    Expectation{PlantedBug::kTermsNotAskedAgain, Invariant::kLineage, true},
                    Expectation{PlantedBug::kDecisionKeptTooLong, Invariant::kGoverned, false,
                                true}),
    [](const auto& info) {
      std::string name;
      for (char c : planted_bug_name(info.param.bug)) name += c == '-' ? '_' : c;
      return name;
    });

// Without a bug this build finds nothing either: what the tests above find is the bug.
TEST(PlantedBuild, IsSoundWithoutABug) {
  ASSERT_TRUE(plant(PlantedBug::kNone));
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    for (const bool more : {false, true}) {
      const RunResult result = run_seed({.seed = seed, .sign = more, .govern = more});
      EXPECT_FALSE(result.violation.has_value()) << result.violation->what;
    }
  }
}

}  // namespace
}  // namespace phoenix::sim
