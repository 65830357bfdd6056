#include "membership/swim/swim.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "membership/swim/test_pool.h"

namespace phoenix::gossip {
namespace {

Duration median(std::vector<Duration> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

// From the failure of one of `n` until all others take it for dead; the median of many seeds.
Duration detection(size_t n, bool refuses, Duration& worst) {
  std::vector<Duration> times;
  for (uint64_t seed = 1; seed <= 41; ++seed) {
    TestPool pool(seed);
    pool.grow(n);
    EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(20)));
    pool.run(seconds(5) + milliseconds(37 * static_cast<int64_t>(seed)));
    EXPECT_EQ(pool.count(SwimChange::kDead), 0u);
    if (refuses) pool.kill(n - 1);
    if (!refuses) pool[n - 1].silent = true;
    const Instant since = pool.at();
    const std::string victim = pool[n - 1].name;
    const auto all_know = [&] {
      for (size_t i = 0; i + 1 < n; ++i) {
        if (pool.state(i, victim) != SwimState::kDead) return false;
      }
      return true;
    };
    EXPECT_TRUE(pool.run_until(all_know, seconds(60))) << "seed " << seed;
    times.push_back(pool.at() - since);
    for (size_t i = 0; i + 1 < n; ++i) {
      for (size_t j = 0; j + 1 < n; ++j) {
        if (i != j) EXPECT_EQ(pool.state(i, pool[j].name), SwimState::kAlive);
      }
    }
  }
  worst = *std::max_element(times.begin(), times.end());
  return median(times);
}

TEST(Swim, ADeathIsNoticedInTime) {
  const struct {
    size_t n;
    int64_t kill_ms, drop_ms;
  } table[] = {{2, 2'200, 2'900},
               {3, 2'200, 2'500},
               {5, 2'400, 2'700},
               {10, 2'600, 2'700},
               {32, 3'400, 3'500}};
  for (const auto& row : table) {
    Duration worst_kill, worst_drop;
    const Duration kill = detection(row.n, true, worst_kill);
    const Duration drop = detection(row.n, false, worst_drop);
    std::printf("n %zu: killed %ld ms (worst %ld), cut off %ld ms (worst %ld)\n", row.n, kill.ms(),
                worst_kill.ms(), drop.ms(), worst_drop.ms());
    EXPECT_LE(kill.ms(), row.kill_ms) << row.n;
    EXPECT_LE(drop.ms(), row.drop_ms) << row.n;
  }
}

TEST(Swim, HostsFindEachOtherThroughOneSeed) {
  TestPool pool(1);
  pool.grow(50);
  EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(5)));
  pool.run(seconds(120));
  EXPECT_TRUE(pool.together());
  EXPECT_EQ(pool.count(SwimChange::kDead), 0u);
  EXPECT_EQ(pool.count(SwimChange::kSuspected), 0u);
}

TEST(Swim, SeedsThatAreNotThereYetAreAskedAgain) {
  TestPool pool(2);
  SwimOptions early = TestPool::options(0);
  for (unsigned i = 0; i < 50; ++i) early.seeds.push_back(test_endpoint(1'000 + i));  // nobody
  early.seeds.push_back(test_endpoint(2));
  pool.add(early);
  pool.run(seconds(40));
  EXPECT_EQ(pool.swim(0).live(), 1u);
  pool.add(TestPool::options(1));
  EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(120)));
}

TEST(Swim, WhoLeavesIsGoneForAllWithoutASuspicion) {
  TestPool pool(3);
  pool.grow(10);
  ASSERT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(5)));
  pool.input(4, [](Swim& swim, Now now, SwimEffects& out) { swim.leave(now, out); });
  const auto all_know = [&] { return pool.count(SwimChange::kLeft, pool[4].name) == 9; };
  EXPECT_TRUE(pool.run_until(all_know, seconds(2)));
  pool.kill(4);
  pool.run(seconds(60));
  EXPECT_EQ(pool.count(SwimChange::kDead), 0u);
  EXPECT_EQ(pool.count(SwimChange::kSuspected), 0u);
  EXPECT_TRUE(pool.together());
}

TEST(Swim, ManyDeathsAtOnceTakeNoLongerThanOne) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    TestPool pool(seed);
    pool.grow(10);
    ASSERT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(5)));
    for (size_t i = 5; i < 10; ++i) pool.kill(i);
    EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(8))) << seed;
    pool.kill(4);  // and the dead count no more: another one is noticed as soon
    EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(4))) << seed;
    EXPECT_EQ(pool.count(SwimChange::kDead), 5u * 5 + 4) << seed;
  }
}

TEST(Swim, NewsReachTheLivingThoughManyDiedLately) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    TestPool pool(seed);
    pool.grow(9);
    ASSERT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(20)));
    for (size_t i = 3; i < 9; ++i) pool[i].silent = true;
    const auto all_know = [&] {
      for (size_t viewer = 0; viewer < 3; ++viewer) {
        for (size_t i = 3; i < 9; ++i) {
          if (pool.state(viewer, pool[i].name) != SwimState::kDead) return false;
        }
      }
      return true;
    };
    ASSERT_TRUE(pool.run_until(all_know, seconds(60)));
    pool.run(seconds(3));
    pool.input(0, [](Swim& swim, Now t, SwimEffects& out) { swim.set_meta("news", t, out); });
    pool.run(seconds(1));
    for (const size_t i : {1, 2}) {
      const HostTable& hosts = pool.swim(i).hosts();
      EXPECT_EQ(hosts.meta(hosts.find(pool[0].name)), "news") << "seed " << seed << ", host " << i;
    }
  }
}

TEST(Swim, AShortSplitHealsByItself) {
  // Under the sanitizers a pool of a hundred takes as long as they all do without.
  const uint64_t seeds = std::getenv("PHOENIX_SANITIZED") == nullptr ? 8 : 2;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    TestPool pool(seed);
    pool.grow(100);
    ASSERT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(20))) << seed;
    pool.run(seconds(10));
    pool.reach = [](size_t from, size_t to) { return (from < 50) == (to < 50); };
    pool.run(seconds(10));
    EXPECT_FALSE(pool.together());
    pool.reach = [](size_t, size_t) { return true; };
    EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(20))) << seed;
  }
}

TEST(Swim, ASplitThatOutlastsEverybodysMemoryHealsToo) {
  TestPool pool(5);
  // The seed dies, so nobody is left but whom each remembers.
  pool.grow(11, [](SwimOptions& options) {
    options.timing.probe_interval = seconds(20);  // it is a long day
    options.timing.probe_timeout = seconds(5);
    options.timing.gossip_interval = seconds(10);
  });
  pool.run(seconds(600));
  ASSERT_TRUE(pool.together());
  pool.kill(0);
  pool.reach = [](size_t from, size_t to) { return (from <= 5) == (to <= 5); };
  pool.run(seconds(26 * 3600));
  for (size_t i = 1; i <= 10; ++i) EXPECT_EQ(pool.swim(i).hosts().known(), 5u);  // forgotten
  pool.reach = [](size_t, size_t) { return true; };
  EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(60)));
}

TEST(Swim, ARestartOfAllRemembersTheOthersWithoutSeeds) {
  TestPool pool(6);
  pool.grow(3);
  ASSERT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(5)));
  pool.run(seconds(5));
  for (size_t i = 0; i < 3; ++i) pool.kill(i);
  for (size_t i = 0; i < 3; ++i) {
    SwimOptions options = TestPool::options(i);
    options.remembered = pool.swim(i).remembered();
    options.remembered_incarnation = pool[i].reserved;
    EXPECT_EQ(options.remembered.size(), 2u);
    pool.add(options);
  }
  EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(10)));
}

// Killed before its first probe: who gave it the list is remembered by that alone.
TEST(Swim, WhoGaveTheListIsRememberedAtOnce) {
  TestPool pool(6);
  pool.grow(2);
  ASSERT_TRUE(pool.run_until([&] { return pool.together(); }, milliseconds(100)));
  EXPECT_EQ(pool.swim(1).remembered().size(), 1u);
}

TEST(Swim, ARestartAtTheSameAddressIsTakenAtOnce) {
  TestPool pool(7);
  pool.grow(5);
  ASSERT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(5)));
  for (const int64_t down_ms : {0, 700, 5'000}) {
    const size_t last = pool.size() - 1;
    pool.kill(last);
    pool.run(milliseconds(down_ms));
    SwimOptions options = TestPool::options(4);
    options.seeds = {pool[0].endpoint};
    options.remembered_incarnation = pool[last].reserved;
    pool.add(options);
    EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(2))) << down_ms;
  }
}

TEST(Swim, ARestartElsewhereIsTakenWithinTwoSeconds) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    for (const bool silent : {false, true}) {
      TestPool pool(seed);
      pool.grow(5);
      ASSERT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(5)));
      pool.run(seconds(10));
      if (silent) pool[4].silent = true;
      pool.kill(4);
      SwimOptions options = TestPool::options(4);
      options.advertise = test_endpoint(77);
      options.seeds = {pool[0].endpoint};
      pool.add(options);
      EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(2))) << seed << silent;
      EXPECT_FALSE(pool[5].refused);
      pool.run(seconds(20));
      EXPECT_TRUE(pool.together());
    }
  }
}

TEST(Swim, ANameThatIsHeldIsRefusedToANewcomer) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    TestPool pool(seed);
    pool.grow(5);
    ASSERT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(5)));
    pool.run(seconds(10));
    SwimOptions options = TestPool::options(4);
    options.advertise = test_endpoint(77);
    options.seeds = {pool[0].endpoint};
    const size_t newcomer = pool.add(options);
    EXPECT_TRUE(pool.run_until([&] { return pool[newcomer].refused.has_value(); }, seconds(2)));
    EXPECT_EQ(*pool[newcomer].refused, pool[4].endpoint);
    pool.kill(newcomer);
    pool.run(seconds(30));
    EXPECT_TRUE(pool.together()) << seed;
    EXPECT_FALSE(pool[4].refused);
    EXPECT_EQ(pool.count(SwimChange::kDead), 0u);
  }
}

TEST(Swim, ASleeperAccusesNobodyWhenItWakes) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    TestPool pool(seed);
    pool.grow(8);
    ASSERT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(5)));
    pool.doze(3);
    pool.run(seconds(60));
    pool.forget_seen();
    pool.awake(3);
    EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(10))) << seed;
    pool.run(seconds(20));
    EXPECT_EQ(pool.count(SwimChange::kDead), 0u);
    for (size_t i = 0; i < 8; ++i) {
      if (i != 3) EXPECT_EQ(pool.count(SwimChange::kSuspected, pool[i].name), 0u);
    }
  }
}

TEST(Swim, AStuckDeathEndsWhereTheAnnouncedIncarnationIsTooLow) {
  // Restarted without its folder and with a clock that is an hour slow: nobody believes it, and
  // somebody says why.
  TestPool pool(8);
  pool.grow(20);
  ASSERT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(5)));
  pool.kill(19);
  ASSERT_TRUE(pool.run_until([&] { return pool.count(SwimChange::kDead) == 19; }, seconds(20)));
  SwimOptions options = TestPool::options(19);
  options.seeds = {pool[7].endpoint};
  pool.add(options, -3'600'000);
  EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(5)));
}

TEST(Swim, SameSeedSameTrace) {
  const auto trace = [](uint64_t seed) {
    TestPool pool(seed);
    pool.grow(20);
    pool.run(seconds(10));
    pool.kill(7);
    pool.block(8);
    pool.run(seconds(20));
    std::string text;
    for (size_t i = 0; i < pool.size(); ++i) {
      text += std::to_string(pool[i].packets) + " " + std::to_string(pool[i].bytes) + "\n";
      for (const auto& seen : pool[i].seen) {
        text += std::to_string(seen.at.ns) + " " + seen.name + " " +
                std::to_string(static_cast<int>(seen.kind)) + "\n";
      }
    }
    return text;
  };
  EXPECT_EQ(trace(1), trace(1));
  EXPECT_NE(trace(1), trace(2));
}

TEST(Swim, WhatAHostSendsDoesNotGrowWithThePool) {
  double packets[2];
  const size_t sizes[2] = {20, 160};
  for (int i = 0; i < 2; ++i) {
    TestPool pool(9);
    pool.grow(sizes[i]);
    ASSERT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(20)));
    pool.run(seconds(10));
    uint64_t before = 0, after = 0;
    for (size_t n = 0; n < pool.size(); ++n) before += pool[n].packets;
    pool.run(seconds(30));
    for (size_t n = 0; n < pool.size(); ++n) after += pool[n].packets;
    packets[i] = static_cast<double>(after - before) / 30 / static_cast<double>(sizes[i]);
  }
  EXPECT_LE(packets[1], packets[0] * 1.2);
  EXPECT_LE(packets[1], 7.0);
}

// The experiment by which Lifeguard was measured: some of the hosts cannot send or receive for a
// while, again and again. Nobody ever dies, so each death that is declared is a false one.
struct Experiment {
  size_t hosts = 48, blocked = 12;
  Duration on = seconds(4), off = milliseconds(256), length = seconds(30);
  bool sleep = false;
  uint64_t seed = 1;
};

struct False {
  size_t about_healthy = 0;
  size_t by_healthy = 0;  // of those
};

False run(const Experiment& e, const Timing& timing) {
  TestPool pool(e.seed);
  pool.grow(e.hosts, [&](SwimOptions& options) { options.timing = timing; });
  EXPECT_TRUE(pool.run_until([&] { return pool.together(); }, seconds(60)));
  pool.run(seconds(5));
  pool.forget_seen();
  const Instant end = pool.at() + e.length;
  while (pool.at() < end) {
    for (size_t i = 1; i <= e.blocked; ++i) e.sleep ? pool.doze(i) : pool.block(i);
    pool.run(e.on);
    for (size_t i = 1; i <= e.blocked; ++i) e.sleep ? pool.awake(i) : pool.unblock(i);
    pool.run(e.off);
  }
  pool.run(seconds(20));
  False result;
  std::set<std::string> blocked;
  for (size_t i = 1; i <= e.blocked; ++i) blocked.insert(pool[i].name);
  for (size_t i = 0; i < pool.size(); ++i) {
    for (const TestPool::Seen& seen : pool[i].seen) {
      if (seen.kind != SwimChange::kDead) continue;
      if (blocked.contains(seen.name)) continue;
      ++result.about_healthy;
      result.by_healthy += !blocked.contains(pool[i].name);
    }
  }
  return result;
}

Timing plain() {
  Timing timing;
  timing.plain_swim = true;
  timing.suspicion_max_multiplier = 1;
  timing.confirmations = 0;
  timing.health_max = 1;
  timing.suspicion_multiplier = 5;
  return timing;
}

TEST(Swim, SlowHostsHardlyEverAccuseHealthyOnes) {
  False swim, ours;
  for (const bool sleep : {false, true}) {
    for (const int64_t on : {2'048, 8'192}) {
      Experiment e;
      e.on = milliseconds(on);
      e.sleep = sleep;
      const False a = run(e, plain()), b = run(e, Timing{});
      swim.about_healthy += a.about_healthy;
      swim.by_healthy += a.by_healthy;
      ours.about_healthy += b.about_healthy;
      ours.by_healthy += b.by_healthy;
    }
  }
  EXPECT_GT(swim.about_healthy, 1'000u);
  EXPECT_LE(ours.about_healthy * 1000, swim.about_healthy * 15);
  EXPECT_LE(ours.by_healthy * 1000, swim.by_healthy * 15);
}

}  // namespace
}  // namespace phoenix::gossip
