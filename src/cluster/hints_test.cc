// Hints that something was written: how often, to how many.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "cluster/cluster.h"

namespace phoenix {
namespace {

class ClusterHints : public testing::Test {
 protected:
  ClusterHints() {
    ClusterConfig config;
    config.node.self = {"a", 1};
    cluster = std::make_unique<Cluster>(config);
    cluster->ready(now);
  }
  void link_to(size_t others) {
    for (size_t i = 0; i < others; ++i) cluster->link_up(now, {"b" + std::to_string(i), 2});
    pass(seconds(1));
    told.clear();
  }
  // A driver's timer, with nothing else going on.
  void pass(Duration length) {
    const Instant until = now.mono + length;
    for (take(); cluster->next_deadline() <= until; take()) {
      move_to(std::max(cluster->next_deadline(), now.mono + Duration{1}));
      cluster->tick(now);
    }
    move_to(until);
  }
  void write() {
    CommitResult result;
    result.outcomes = {Outcome::kCommitted};
    cluster->completed(now, ++batch, {}, result);
  }
  // A write each millisecond.
  void write_for(Duration length) {
    for (int64_t i = 0; i < length.ms(); ++i) {
      write();
      pass(milliseconds(1));
    }
  }
  size_t all_told() const {
    size_t count = 0;
    for (const auto& [host, at] : told) count += at.size();
    return count;
  }

  std::unique_ptr<Cluster> cluster;
  Now now = {.mono = Instant{} + seconds(1), .wall = 1'700'000'000'000};
  uint64_t batch = 0;
  std::map<HostLife, std::vector<Instant>> told;

 private:
  void move_to(Instant at) {
    now.wall += (at - now.mono).ms();
    now.mono = at;
  }
  void take() {
    for (const PeerMessageOut& item : cluster->take_output().messages) {
      if (std::holds_alternative<Wrote>(item.message)) told[item.to].push_back(now.mono);
    }
  }
};

TEST_F(ClusterHints, ReachFewHostsEvery20Ms) {
  link_to(4);
  write_for(seconds(2));
  ASSERT_EQ(told.size(), 4);
  for (const auto& [host, at] : told) {
    EXPECT_GE(at.size(), 95) << host.host;
    EXPECT_LE(at.size(), 101) << host.host;
  }
}

TEST_F(ClusterHints, AreNoMoreThan400ASecondToHoweverMany) {
  link_to(100);
  write_for(seconds(10));
  ASSERT_EQ(told.size(), 100);
  EXPECT_LE(all_told(), 4'100);
  EXPECT_GE(all_told(), 3'900);
}

TEST_F(ClusterHints, ComeAtOnceAfterARestAndTellOfTheLastWrite) {
  link_to(100);
  const Instant first = now.mono;
  write();
  pass(milliseconds(1));
  write();
  const Instant last = now.mono;
  pass(seconds(5));
  ASSERT_EQ(told.size(), 100);
  for (const auto& [host, at] : told) {
    ASSERT_EQ(at.size(), 2) << host.host;
    EXPECT_EQ(at[0], first);
    EXPECT_GT(at[1], last);
    EXPECT_LE(at[1], last + milliseconds(250));
  }
}

}  // namespace
}  // namespace phoenix
