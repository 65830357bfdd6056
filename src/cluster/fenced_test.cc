// A claim that the store refuses because this life is fenced ends the life at once.
#include <gtest/gtest.h>

#include "cluster/cluster.h"

namespace phoenix {
namespace {

TEST(ClusterFenced, a_refused_claim_says_that_this_life_is_over) {
  const Now now = {.mono = Instant{} + seconds(1), .wall = 1'700'000'000'000};
  ClusterConfig config;
  config.node.self = {"a", 1};
  Cluster cluster(config);
  cluster.ready(now);
  cluster.view(now, {.number = 1, .hosts = {{.life = config.node.self, .weight = 100}}});
  ASSERT_TRUE(cluster.take_output().pool.read_slots);
  cluster.compared(now, RecordPage{});
  cluster.slots(now, std::vector<HeldSlot>());
  const ClusterOutput claims = cluster.take_output();
  ASSERT_EQ(claims.pool.claim.size(), kSlots);
  EXPECT_FALSE(claims.fenced);
  cluster.claimed(now, PoolStore::Claimed{.fenced = true, .slots = {}});
  EXPECT_TRUE(cluster.take_output().fenced);
}

// Nobody need have tried to write for that.
TEST(ClusterHealth, tells_that_the_store_is_silent) {
  const Now start = {.mono = Instant{} + seconds(1), .wall = 1'700'000'000'000};
  const auto later = [&](Duration by) { return Now{start.mono + by, start.wall + by.ms()}; };
  ClusterConfig config;
  config.node.self = {"a", 1};
  Cluster cluster(config);
  cluster.ready(start);
  cluster.view(start, {.number = 1, .hosts = {{.life = config.node.self, .weight = 100}}});
  cluster.beat(start, start.mono, Beat{});
  EXPECT_TRUE(cluster.health(later(seconds(2))).ready);
  const Health silent = cluster.health(later(seconds(4)));
  EXPECT_FALSE(silent.ready);
  EXPECT_EQ(silent.why, "the store has not answered for 4 s");
  EXPECT_EQ(silent.since, start.wall);
  cluster.beat(later(seconds(5)), later(seconds(5)).mono, Beat{});
  EXPECT_TRUE(cluster.health(later(seconds(5))).ready);
}

}  // namespace
}  // namespace phoenix
