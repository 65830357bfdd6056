// A home that is dropped, comes back and is dropped again while the store is asked about it.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "cluster/cluster.h"

namespace phoenix {
namespace {

TEST(ClusterDroppedHomes, OneDroppedTwiceIsAskedAboutAgainOnceTheFirstAnswerIsThere) {
  const Now now = {.mono = Instant{} + seconds(1), .wall = 1'700'000'000'000};
  const HostLife self{"a", 1};
  const HostLife other{"b", 2};
  ClusterConfig config;
  config.node.self = self;
  Cluster cluster(config);
  SessionRecord session;
  session.id = "s";
  session.home = other;
  session.revision = 1;
  session.lease_seconds = 30;
  cluster.recover(std::move(session));
  cluster.ready(now);
  const ClusterHost a{.life = self, .weight = 100};
  const ClusterHost b{.life = other, .weight = 100};
  cluster.view(now, {.number = 1, .hosts = {a}});
  EXPECT_EQ(cluster.take_output().pool.homes, std::vector<HostLife>{other});

  cluster.view(now, {.number = 2, .hosts = {a, b}});
  cluster.view(now, {.number = 3, .hosts = {a}});
  EXPECT_TRUE(cluster.take_output().pool.homes.empty()) << "the first request is still under way";
  EXPECT_GT(cluster.next_deadline(), now.mono) << "nothing is due before its answer";

  cluster.home_records(now, other, PoolStore::HomeRecords{});
  EXPECT_EQ(cluster.take_output().pool.homes, std::vector<HostLife>{other})
      << "what was read before the home came back may lack who attached to it since";
  cluster.home_records(now, other, PoolStore::HomeRecords{});
  EXPECT_TRUE(cluster.take_output().pool.homes.empty());
}

}  // namespace
}  // namespace phoenix
