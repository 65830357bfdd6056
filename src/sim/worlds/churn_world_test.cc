#include "sim/worlds/churn_world.h"

#include <gtest/gtest.h>

namespace phoenix::sim {
namespace {

ChurnResult play(const char* name, uint64_t seed, int64_t steps = 20) {
  ChurnResult result = run_churn(*find_churn_world(name), seed, steps, false);
  EXPECT_FALSE(result.violation) << result.violation->what;
  return result;
}

TEST(ChurnWorlds, EndEveryPacketAndMoveNoMoreThanTheyMust) {
  for (const ChurnWorld& world : churn_worlds()) {
    for (uint64_t seed = 1; seed <= 2; ++seed) {
      SCOPED_TRACE(std::string(world.name) + " " + std::to_string(seed));
      const ChurnResult result = play(std::string(world.name).c_str(), seed);
      EXPECT_EQ(result.packets, static_cast<uint64_t>(world.packets_per_step) * 20);
      EXPECT_EQ(result.ended, result.packets);
      EXPECT_EQ(result.moved, result.had_to_move);
      EXPECT_GT(result.load_stddev, 0);
      EXPECT_GE(result.load_max_over_mean, 1);
      EXPECT_GT(result.handoffs, 0u);
      EXPECT_LE(result.handoff_p50.ns, result.handoff_p99.ns);
      EXPECT_LE(result.handoff_p99.ns, result.handoff_max.ns);
    }
  }
}

TEST(ChurnWorlds, TheSameSeedGivesTheSameWorldAndAnotherAnother) {
  EXPECT_EQ(churn_json(play("high-churn", 7)), churn_json(play("high-churn", 7)));
  EXPECT_NE(play("high-churn", 7).hash, play("high-churn", 8).hash);
}

TEST(ChurnWorlds, DifferInHowManyComeAndGo) {
  const auto changes = [](const char* name) {
    const ChurnResult result = play(name, 42, 60);
    return result.joins + result.drains + result.deaths;
  };
  EXPECT_GT(play("high-churn", 42, 60).moved, 0u);
  EXPECT_LT(changes("low-churn"), changes("moderate-churn"));
  EXPECT_LT(changes("moderate-churn"), changes("high-churn"));
  EXPECT_EQ(find_churn_world("calm"), nullptr);
}

TEST(ChurnWorlds, StandInOneTable) {
  const std::string table = churn_table({play("low-churn", 1, 10), play("agent-swarm", 1, 10)});
  EXPECT_NE(table.find("LOAD σ"), std::string::npos);
  EXPECT_NE(table.find("\nlow-churn "), std::string::npos);
  EXPECT_NE(table.find("\nagent-swarm "), std::string::npos);
}

}  // namespace
}  // namespace phoenix::sim
