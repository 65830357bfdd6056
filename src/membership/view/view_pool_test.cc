// Whole pools of filters under faults: exactly the faulty must leave the view, and everybody must
// agree on that in time.
#include <gtest/gtest.h>

#include <cstdlib>

#include "membership/view/test_view_pool.h"

namespace phoenix::gossip::test {
namespace {

std::set<int> all(int n) {
  std::set<int> out;
  for (int i = 0; i < n; ++i) out.insert(i);
  return out;
}
std::set<int> without(int n, const std::set<int>& gone) {
  std::set<int> out = all(n);
  for (const int i : gone) out.erase(i);
  return out;
}
std::set<int> pick(ViewPool& pool, int n, int count) {
  std::set<int> out;
  while (static_cast<int>(out.size()) < count) {
    out.insert(static_cast<int>(pool.prng().below(static_cast<uint64_t>(n))));
  }
  return out;
}
std::set<std::string> names(const std::set<int>& hosts) {
  std::set<std::string> out;
  for (const int i : hosts) out.insert(ViewPool::name_of(i));
  return out;
}

// SWIM notices after a while, or holds the host alive in turns: its opinion must not matter.
void swim_notices(ViewPool& pool, int i) {
  pool.swim(i, SwimState::kSuspect, milliseconds(500), seconds(2));
  pool.swim(i, SwimState::kDead, seconds(3), seconds(6));
}

void expect_exactly(uint64_t seed, int n, const std::set<int>& faulty, ViewPool& pool,
                    Duration within = seconds(20)) {
  const Instant from = pool.now();
  const bool in_time = pool.run_until(within, [&] { return pool.agreed(without(n, faulty)); });
  EXPECT_TRUE(in_time) << "seed " << seed << " " << pool.in_view();
  pool.run(seconds(20) - std::min(seconds(20), pool.now() - from));
  EXPECT_EQ(pool.ever_cut(), names(faulty)) << "seed " << seed << " " << pool.in_view();
}

using Fault = std::function<void(ViewPool&, int)>;

// More of them by hand: PHOENIX_SEEDS=100.
uint64_t seeds_for(int n) {
  const char* wanted = std::getenv("PHOENIX_SEEDS");
  if (wanted) return std::strtoull(wanted, nullptr, 10);
  return n > 50 ? 1 : 5;
}

void faulty_leave(int n, int count, const Fault& fault, bool swim) {
  const uint64_t seeds = seeds_for(n);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    ViewPool pool(seed);
    pool.settle(n);
    ASSERT_TRUE(pool.agreed(all(n))) << "seed " << seed;
    const std::set<int> faulty = pick(pool, n, count);
    for (const int i : faulty) {
      fault(pool, i);
      if (swim) swim_notices(pool, i);
    }
    expect_exactly(seed, n, faulty, pool);
    if (testing::Test::HasFailure()) return;
  }
}

const Fault kCrash = [](ViewPool& pool, int i) { pool.crash(i); };
const Fault kLossy = [](ViewPool& pool, int i) {
  pool.host(i).loss_in = pool.host(i).loss_out = 80;
};
const Fault kDeaf = [](ViewPool& pool, int i) { pool.host(i).loss_in = 100; };
const Fault kMute = [](ViewPool& pool, int i) { pool.host(i).loss_out = 100; };
void flip(ViewPool& pool, int i, Duration every) {
  pool.host(i).loss_in = 100 - pool.host(i).loss_in;
  pool.at(every, [&pool, i, every] { flip(pool, i, every); });
}
const Fault kFlipFast = [](ViewPool& pool, int i) { flip(pool, i, seconds(1)); };
const Fault kFlipSlow = [](ViewPool& pool, int i) { flip(pool, i, seconds(5)); };

class FaultyLeave : public testing::TestWithParam<std::pair<int, int>> {};
TEST_P(FaultyLeave, Crash) { faulty_leave(GetParam().first, GetParam().second, kCrash, true); }
TEST_P(FaultyLeave, Lossy) { faulty_leave(GetParam().first, GetParam().second, kLossy, false); }
TEST_P(FaultyLeave, Deaf) { faulty_leave(GetParam().first, GetParam().second, kDeaf, false); }
TEST_P(FaultyLeave, Mute) { faulty_leave(GetParam().first, GetParam().second, kMute, false); }
TEST_P(FaultyLeave, FlipFast) {
  faulty_leave(GetParam().first, GetParam().second, kFlipFast, false);
}
TEST_P(FaultyLeave, FlipSlow) {
  faulty_leave(GetParam().first, GetParam().second, kFlipSlow, false);
}
INSTANTIATE_TEST_SUITE_P(Sizes, FaultyLeave,
                         testing::Values(std::pair{3, 1}, std::pair{4, 1}, std::pair{5, 1},
                                         std::pair{7, 2}, std::pair{10, 2}, std::pair{11, 2},
                                         std::pair{12, 2}, std::pair{100, 1}, std::pair{100, 5}),
                         [](const auto& info) {
                           return std::to_string(info.param.second) + "of" +
                                  std::to_string(info.param.first);
                         });

std::string where(uint64_t seed, const ViewPool& pool) {
  return "seed " + std::to_string(seed) + " " + pool.in_view();
}
template <class What>
void for_seeds(uint64_t count, const What& what) {
  const char* wanted = std::getenv("PHOENIX_SEEDS");
  if (wanted) count = std::strtoull(wanted, nullptr, 10);
  for (uint64_t seed = 1; seed <= count && !testing::Test::HasFailure(); ++seed) {
    ViewPool pool(seed);
    what(pool, seed);
  }
}

TEST(ViewPool, NobodyLeavesAQuietPool) {
  for_seeds(3, [](ViewPool& pool, uint64_t seed) {
    pool.settle(20);
    for (int i = 0; i < 20; ++i) pool.host(i).loss_in = pool.host(i).loss_out = 2;
    pool.run(seconds(120));
    EXPECT_TRUE(pool.agreed(all(20))) << where(seed, pool);
    EXPECT_EQ(pool.stored().number, 1u);
  });
}

TEST(ViewPool, AHostThatStartsAloneWritesTheFirstView) {
  for_seeds(1, [](ViewPool& pool, uint64_t seed) {
    pool.start(0, 1);
    EXPECT_TRUE(pool.run_until(seconds(1), [&] { return pool.agreed({0}); })) << where(seed, pool);
    pool.run(seconds(30));
    EXPECT_EQ(pool.stored().number, 1u);
    EXPECT_TRUE(pool.host(0).filter->in_view());
  });
}

TEST(ViewPool, HostsThatStartAtOnceFindIntoOneView) {
  for_seeds(5, [](ViewPool& pool, uint64_t seed) {
    pool.start(0, 20);
    EXPECT_TRUE(pool.run_until(seconds(10), [&] { return pool.agreed(all(20)); }))
        << where(seed, pool);
    EXPECT_LE(pool.stored().number, 12u);
  });
}

TEST(ViewPool, ThirtyJoinAtOnce) {
  for_seeds(5, [](ViewPool& pool, uint64_t seed) {
    pool.settle(20);
    pool.start(20, 30);
    EXPECT_TRUE(pool.run_until(seconds(10), [&] { return pool.agreed(all(50)); }))
        << where(seed, pool);
    EXPECT_LE(pool.stored().number, 8u);
    uint64_t conflicts = 0;
    for (int i = 0; i < 50; ++i) conflicts += pool.host(i).filter->stats().conflicts;
    EXPECT_LE(conflicts, 20u);
  });
}

// Of two hosts neither can tell which of them is cut off: only the store knows.
TEST(ViewPool, OfTwoHostsOnlyTheOneThatTheStoreMissesIsCut) {
  for_seeds(5, [](ViewPool& pool, uint64_t seed) {
    pool.settle(2);
    pool.split({1});
    pool.run(seconds(30));
    EXPECT_TRUE(pool.agreed({0, 1})) << where(seed, pool);
    EXPECT_TRUE(pool.host(0).filter->is_unstable(ViewPool::name_of(1), {pool.now(), 0}));
    pool.host(1).store = false;  // it still runs, but reaches neither
    EXPECT_TRUE(pool.run_until(seconds(20), [&] { return pool.agreed({0}); })) << where(seed, pool);
    EXPECT_EQ(pool.ever_cut(), names({1}));
  });
}

// Where what one holds the other cannot reach, one of them has to go on alone.
TEST(ViewPool, OfTwoHostsWithAVitalStoreOneGoesOn) {
  for_seeds(5, [](ViewPool& pool, uint64_t seed) {
    pool.make_store_vital();
    pool.settle(2);
    pool.split({1});
    EXPECT_TRUE(pool.run_until(seconds(10), [&] { return pool.agreed({0}); })) << where(seed, pool);
    pool.run(seconds(30));
    EXPECT_TRUE(pool.agreed({0})) << where(seed, pool);
    pool.heal();
    pool.crash(1);
    pool.restart(1);
    EXPECT_TRUE(pool.run_until(seconds(40), [&] { return pool.agreed({0, 1}); }))
        << where(seed, pool);
    EXPECT_EQ(pool.ever_cut(), names({1}));
  });
}

TEST(ViewPool, OfTwoHostsTheOneThatLostOnlyTheStoreStays) {
  for_seeds(5, [](ViewPool& pool, uint64_t seed) {
    pool.settle(2);
    pool.host(1).store = false;
    pool.run(seconds(60));
    EXPECT_TRUE(pool.agreed({0, 1})) << where(seed, pool);
  });
}

// Where all that is held stands in the store, a host without it would hold its share for ever.
TEST(ViewPool, WhoLostAVitalStoreGoesThoughAllReachIt) {
  for (const int n : {2, 3, 12}) {
    for_seeds(5, [n](ViewPool& pool, uint64_t seed) {
      pool.make_store_vital();
      pool.settle(n);
      pool.host(0).store = false;
      EXPECT_TRUE(pool.run_until(seconds(10), [&] { return pool.agreed(without(n, {0})); }))
          << n << " " << where(seed, pool);
      EXPECT_EQ(pool.ever_cut(), names({0}));
      pool.run(seconds(5));
      pool.host(0).store = true;
      pool.crash(0);
      pool.restart(0);
      EXPECT_TRUE(pool.run_until(seconds(40), [&] { return pool.agreed(all(n)); }))
          << n << " " << where(seed, pool);
    });
  }
}

TEST(ViewPool, NobodyGoesWhenAVitalStoreWasAwayFromAll) {
  for_seeds(5, [](ViewPool& pool, uint64_t seed) {
    pool.make_store_vital();
    pool.settle(5);
    pool.store_down = true;
    pool.run(seconds(30));
    pool.store_down = false;  // each asks again when its patience is over: up to 8 s later
    pool.run(seconds(30));
    EXPECT_TRUE(pool.ever_cut().empty()) << where(seed, pool);
    EXPECT_TRUE(pool.agreed(all(5))) << where(seed, pool);
  });
}

TEST(ViewPool, HalvesOfASplitComeTogetherAgain) {
  for (const int n : {4, 10, 20, 60}) {
    for_seeds(n > 50 ? 1 : 5, [n](ViewPool& pool, uint64_t seed) {
      pool.settle(n);
      std::set<int> here = {0};
      while (static_cast<int>(here.size()) < n / 2) {
        here.insert(static_cast<int>(pool.prng().below(static_cast<uint64_t>(n))));
      }
      std::set<int> there = without(n, here);
      pool.split(there);
      // Equal sides: the one with the smallest name goes on.
      EXPECT_TRUE(pool.run_until(seconds(20), [&] { return pool.agreed(here); }))
          << n << " " << where(seed, pool);
      pool.run(seconds(10));
      pool.heal();
      EXPECT_TRUE(pool.run_until(seconds(60), [&] { return pool.agreed(all(n)); }))
          << n << " " << where(seed, pool);
      EXPECT_EQ(pool.ever_cut(), names(there));
    });
  }
}

TEST(ViewPool, TheLargerSideOfASplitGoesOn) {
  for_seeds(10, [](ViewPool& pool, uint64_t seed) {
    pool.settle(15);
    pool.split({0, 1, 2, 3, 4, 5});
    EXPECT_TRUE(pool.run_until(seconds(20), [&] {
      return pool.agreed(without(15, {0, 1, 2, 3, 4, 5}));
    })) << where(seed, pool);
    pool.run(seconds(20));
    EXPECT_EQ(pool.ever_cut(), names({0, 1, 2, 3, 4, 5})) << where(seed, pool);
  });
}

TEST(ViewPool, WhoSleptAccusesNobody) {
  for (const bool told : {true, false}) {
    for_seeds(10, [told](ViewPool& pool, uint64_t seed) {
      pool.settle(12);
      pool.stall(3, milliseconds(900), told);
      pool.run(seconds(10));
      EXPECT_TRUE(pool.agreed(all(12))) << where(seed, pool);
      // Long enough to be cut itself, and to miss ten pings of each subject.
      pool.stall(3, seconds(60), told);
      EXPECT_TRUE(pool.run_until(seconds(20), [&] { return pool.agreed(without(12, {3})); }))
          << where(seed, pool);
      pool.run(seconds(60));
      EXPECT_EQ(pool.ever_cut(), names({3})) << where(seed, pool);
      EXPECT_TRUE(pool.run_until(seconds(30), [&] { return pool.agreed(all(12)); }))
          << where(seed, pool);
    });
  }
}

TEST(ViewPool, NothingChangesWhileTheStoreIsUnreachable) {
  for_seeds(10, [](ViewPool& pool, uint64_t seed) {
    pool.settle(12);
    pool.store_down = true;
    pool.crash(5);
    swim_notices(pool, 5);
    pool.run(seconds(30));
    EXPECT_EQ(pool.stored().number, 1u);
    pool.store_down = false;
    EXPECT_TRUE(pool.run_until(seconds(20), [&] { return pool.agreed(without(12, {5})); }))
        << where(seed, pool);
    pool.run(seconds(20));
    EXPECT_EQ(pool.ever_cut(), names({5})) << where(seed, pool);
  });
}

TEST(ViewPool, ARestartReplacesTheEntry) {
  for (const int n : {1, 2, 3, 12}) {
    for_seeds(5, [n](ViewPool& pool, uint64_t seed) {
      pool.settle(n);
      pool.crash(0);
      pool.run(milliseconds(800));
      pool.restart(0);
      EXPECT_TRUE(pool.run_until(
          seconds(3), [&] { return pool.host(0).filter->in_view() && pool.agreed(all(n)); }))
          << n << " " << where(seed, pool);
      EXPECT_EQ(pool.stored().find(ViewPool::name_of(0))->incarnation, 2u);
      pool.run(seconds(20));
      EXPECT_TRUE(pool.ever_cut().empty());
      EXPECT_EQ(pool.stored().number, 2u);
    });
  }
}

// The pings that the life before missed do not count against the one that takes its place.
TEST(ViewPool, WhatALifeMissedIsNotHeldAgainstTheNext) {
  int replaced = 0;
  for_seeds(10, [&](ViewPool& pool, uint64_t seed) {
    pool.settle(3);
    pool.crash(0);
    pool.run(milliseconds(1'800));  // its observers miss the fourth ping before they hear of it
    pool.restart(0);
    pool.run_until(seconds(5), [&] { return pool.stored().number > 1; });
    if (!pool.stored().removed.empty()) return;  // they were faster
    ++replaced;
    pool.run(seconds(20));
    EXPECT_TRUE(pool.agreed(all(3))) << where(seed, pool);
    EXPECT_TRUE(pool.ever_cut().empty()) << where(seed, pool);
  });
  EXPECT_GE(replaced, 3);
}

TEST(ViewPool, ALeaverGoesAtOnceAndNothingIsHeldAgainstIt) {
  for_seeds(5, [](ViewPool& pool, uint64_t seed) {
    pool.settle(12);
    pool.leave(4);
    EXPECT_TRUE(pool.run_until(milliseconds(300), [&] { return pool.host(4).filter->left(); }));
    pool.crash(4);
    pool.swim(4, SwimState::kLeft);
    EXPECT_TRUE(pool.run_until(seconds(2), [&] { return pool.agreed(without(12, {4})); }))
        << where(seed, pool);
    EXPECT_TRUE(pool.stored().removed.empty());
    pool.restart(4);
    EXPECT_TRUE(pool.run_until(seconds(4), [&] { return pool.agreed(all(12)); }))
        << where(seed, pool);
  });
}

// One that cannot reach the store as it leaves: the others hear of it by SWIM.
TEST(ViewPool, ALeaverWithoutTheStoreIsTakenOutByOthers) {
  for_seeds(5, [](ViewPool& pool, uint64_t seed) {
    pool.settle(12);
    pool.host(4).store = false;
    pool.leave(4);
    pool.crash(4);
    pool.swim(4, SwimState::kLeft);
    EXPECT_TRUE(pool.run_until(seconds(3), [&] { return pool.agreed(without(12, {4})); }))
        << where(seed, pool);
    EXPECT_TRUE(pool.stored().removed.empty());
  });
}

TEST(ViewPool, TheLastHostLeavesAnEmptyView) {
  ViewPool pool(1);
  pool.start(0, 1);
  pool.run(seconds(2));
  pool.leave(0);
  EXPECT_TRUE(pool.run_until(seconds(1), [&] { return pool.host(0).filter->left(); }));
  EXPECT_EQ(pool.stored().number, 2u);
  pool.crash(0);
  pool.start(1, 1);
  EXPECT_TRUE(pool.run_until(seconds(2), [&] { return pool.agreed({1}); })) << pool.in_view();
}

TEST(ViewPool, ARollingRestartCutsNobody) {
  for_seeds(3, [](ViewPool& pool, uint64_t seed) {
    pool.settle(15);
    for (int i = 0; i < 15; ++i) {
      pool.crash(i);
      pool.run(milliseconds(600));
      pool.restart(i);
      pool.run(milliseconds(pool.prng().between(500, 3'000)));
    }
    EXPECT_TRUE(pool.run_until(seconds(5), [&] { return pool.agreed(all(15)); }))
        << where(seed, pool);
    EXPECT_TRUE(pool.ever_cut().empty()) << where(seed, pool);
    EXPECT_LE(pool.stored().number, 16u);
  });
}

TEST(ViewPool, HostsThatCrashTogetherLeaveInOneView) {
  for_seeds(5, [](ViewPool& pool, uint64_t seed) {
    pool.settle(30);
    const std::set<int> faulty = pick(pool, 30, 10);
    for (const int i : faulty) {
      pool.crash(i);
      swim_notices(pool, i);
    }
    EXPECT_TRUE(pool.run_until(seconds(20), [&] { return pool.agreed(without(30, faulty)); }))
        << where(seed, pool);
    EXPECT_LE(pool.stored().number, 3u) << where(seed, pool);
  });
}

// Fewer survivors than it takes to accuse anybody: the store knows who is gone.
TEST(ViewPool, TwoOfTwentyThatSurviveGetTheViewForThemselves) {
  for_seeds(5, [](ViewPool& pool, uint64_t seed) {
    pool.settle(20);
    for (int i = 2; i < 20; ++i) {
      pool.crash(i);
      swim_notices(pool, i);
    }
    EXPECT_TRUE(pool.run_until(seconds(60), [&] { return pool.agreed({0, 1}); }))
        << where(seed, pool);
  });
}

TEST(ViewPool, ANewcomerTakesOverAViewOfTheDead) {
  for_seeds(3, [](ViewPool& pool, uint64_t seed) {
    pool.settle(5);
    for (int i = 0; i < 5; ++i) pool.crash(i);
    pool.run(seconds(30));
    pool.start(5, 1);
    EXPECT_TRUE(pool.run_until(seconds(60), [&] { return pool.agreed({5}); })) << where(seed, pool);
  });
}

TEST(ViewPool, ARemovedHostComesBackAfterEverLongerTrials) {
  for_seeds(1, [](ViewPool& pool, uint64_t seed) {
    pool.settle(12);
    Duration before{};
    for (const int64_t trial : {10, 20, 40}) {
      pool.host(7).loss_in = pool.host(7).loss_out = 90;
      EXPECT_TRUE(pool.run_until(seconds(20), [&] { return pool.agreed(without(12, {7})); }))
          << where(seed, pool);
      pool.run(seconds(5));
      pool.host(7).loss_in = pool.host(7).loss_out = 0;
      const Instant cured = pool.now();
      EXPECT_TRUE(pool.run_until(seconds(trial + 15), [&] { return pool.agreed(all(12)); }))
          << trial << " " << where(seed, pool);
      EXPECT_GE(pool.now() - cured, seconds(trial)) << where(seed, pool);
      EXPECT_GT(pool.now() - cured, before);
      before = pool.now() - cured;
    }
    EXPECT_EQ(pool.stored().find_removed(ViewPool::name_of(7))->times, 3u);
    // Forgotten an hour after, with the next change.
    pool.run(seconds(3'700));
    pool.leave(0);
    pool.run(seconds(3));
    EXPECT_TRUE(pool.stored().removed.empty()) << where(seed, pool);
  });
}

TEST(ViewPool, WhoIsMissedBySomeIsNamedButStays) {
  for_seeds(5, [](ViewPool& pool, uint64_t seed) {
    pool.settle(11);
    for (int i = 0; i < 5; ++i) pool.cut_link(i, 9);
    pool.run(seconds(60));
    EXPECT_TRUE(pool.agreed(all(11))) << where(seed, pool);
    EXPECT_TRUE(pool.host(8).filter->is_unstable(ViewPool::name_of(9), {pool.now(), 0}));
    EXPECT_FALSE(pool.host(8).filter->is_unstable(ViewPool::name_of(8), {pool.now(), 0}));
  });
}

// Any one broken link, in every small pool.
TEST(ViewPool, ABrokenLinkRemovesNobody) {
  for (const int n : {3, 4, 5, 8}) {
    for_seeds(10, [n](ViewPool& pool, uint64_t seed) {
      pool.settle(n);
      pool.cut_link(0, 1);
      if (n > 3) pool.cut_link(2, 3);
      pool.run(seconds(60));
      EXPECT_TRUE(pool.agreed(all(n))) << where(seed, pool);
      EXPECT_EQ(pool.stored().number, 1u) << where(seed, pool);
    });
  }
}

TEST(ViewPool, TheSameSeedGivesTheSameRun) {
  std::string before;
  for (int round = 0; round < 2; ++round) {
    ViewPool pool(7);
    pool.settle(20);
    pool.host(3).loss_in = 80;
    pool.run(seconds(40));
    const std::string trace = pool.in_view() + " " + std::to_string(pool.messages());
    if (round > 0) {
      EXPECT_EQ(trace, before);
    }
    before = trace;
  }
}

}  // namespace
}  // namespace phoenix::gossip::test
