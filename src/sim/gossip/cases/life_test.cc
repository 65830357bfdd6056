// Hosts come, restart and go: cases 17, 22, 24, 31 and 32.
#include <algorithm>

#include "sim/gossip/cases/test_cases.h"

namespace phoenix::hostsim {
namespace {

using gossip::HostEventKind;
class LifeCase : public Case {};

// 17: all hosts restart, one at a time, a tenth, half of them.
TEST_P(LifeCase, Case17RollingRestartLosesNobody) {
  for (const uint32_t wave : {1U, 2U, 10U}) {
    ASSERT_NO_FATAL_FAILURE(make(20));
    for (uint32_t first = 0; first < 20; first += wave) {
      for (uint32_t i = first; i < first + wave; ++i) pool_->kill(i);
      watch_->run(seconds(2));
      for (uint32_t i = first; i < first + wave; ++i) pool_->start(i, {(i + wave) % 20});
      EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(60))) << "wave of " << wave;
    }
    for (const gossip::ViewHost& each : pool_->desk().view().hosts) {
      EXPECT_EQ(each.boot, pool_->boot(pool_->number(each.name))) << each.name;
    }
  }
}

// A restart at another address: the old one is silent, so the name goes with the host.
TEST_P(LifeCase, RestartAtAnotherAddressIsTakenSoon) {
  ASSERT_NO_FATAL_FAILURE(make(8));
  pool_->kill(3);
  pool_->move(3);
  pool_->start(3, {0});
  EXPECT_TRUE(watch_->run_until([&] { return watch_->all_know_all(); }, seconds(5)));
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(60)));
}

// 22: hosts that would compute other owners from the same view see each other, and say why not
// more.
TEST_P(LifeCase, Case22OtherConfigurationStaysOutOfTheView) {
  PoolOptions options;
  options.adjust = [](uint32_t host, gossip::MembershipOptions& one) {
    if (host == 4) one.identity.vnode_factor = 256;
    if (host == 5) one.identity.ring_fingerprint = "ffffffffffffffff";
  };
  options.seed = GetParam();
  pool_ = std::make_unique<Pool>(options);
  watch_ = std::make_unique<Watch>(*pool_);
  pool_->add(6);
  for (uint32_t i = 0; i < 6; ++i) pool_->start(i, {i == 0 ? 1U : 0U});
  watch_->run(seconds(30));
  EXPECT_TRUE(watch_->all_know_all());
  const std::set<uint32_t> alike = {0, 1, 2, 3};
  std::set<uint32_t> seen;
  for (const gossip::ViewHost& each : pool_->desk().view().hosts) {
    seen.insert(pool_->number(each.name));
  }
  // Whose pool it is, is decided by who was first; the others are out.
  EXPECT_TRUE(std::ranges::includes(alike, seen) || seen == std::set<uint32_t>{4} ||
              seen == std::set<uint32_t>{5});
  EXPECT_TRUE(watch_->ever(HostEventKind::kIncompatible, 0, pool_->name(4)));
  EXPECT_TRUE(watch_->ever(HostEventKind::kIncompatible, 4, pool_->name(0)));
  EXPECT_TRUE(watch_->ever(HostEventKind::kIncompatible, 5, pool_->name(0)));
}

// 24: one host, two hosts, and a store that cannot be reached at first.
TEST_P(LifeCase, Case24SmallestPoolsAndLateStore) {
  pool_ = std::make_unique<Pool>(seeded(GetParam()));
  watch_ = std::make_unique<Watch>(*pool_);
  pool_->add(2);
  pool_->desk().set_reach(0, false);
  pool_->start(0);
  watch_->run(seconds(10));
  EXPECT_EQ(pool_->core(0).view().number, 0U);
  pool_->desk().set_reach(0, true);
  EXPECT_TRUE(watch_->run_until([&] { return watch_->all_see({0}); }, seconds(15)));
  pool_->start(1, {0});
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(15)));
  // Of two, only the store's word that the other's heartbeat lapsed removes it.
  pool_->links().lose(1, 1000, 1000);
  watch_->run(seconds(30));
  EXPECT_EQ(watch_->removed(), kNobody);
  pool_->kill(1, true);
  EXPECT_TRUE(watch_->run_until([&] { return watch_->all_see({0}); }, seconds(30)));
}

// 31: fifty seeds that are not there. The host goes on, and joins when one is.
TEST_P(LifeCase, Case31DeadSeedsDelayNothing) {
  pool_ = std::make_unique<Pool>(seeded(GetParam()));
  watch_ = std::make_unique<Watch>(*pool_);
  pool_->add(53);
  std::vector<uint32_t> seeds;
  for (uint32_t i = 0; i < 50; ++i) {
    pool_->kill(i, i % 2 == 0);  // one half silent, the other refusing
    seeds.push_back(i);
  }
  pool_->start(50, seeds);
  watch_->run(seconds(30));
  EXPECT_TRUE(pool_->up(50));
  EXPECT_TRUE(watch_->all_see({50}));
  pool_->start(49);
  EXPECT_TRUE(watch_->run_until([&] { return watch_->all_know({49, 50}); }, seconds(100)));
  // A living one at the end of the list is found while the others are still silent.
  std::rotate(seeds.begin(), seeds.end() - 1, seeds.end());
  pool_->start(51, seeds);
  EXPECT_TRUE(watch_->run_until([&] { return watch_->all_know({49, 50, 51}); }, seconds(5)));
}

// 32: a leave is known as a leave everywhere, though its host lives on for a while.
TEST_P(LifeCase, Case32LeaveIsNoFailure) {
  ASSERT_NO_FATAL_FAILURE(make(12));
  pool_->leave(4);
  watch_->run(seconds(30));
  EXPECT_FALSE(pool_->up(4));
  EXPECT_EQ(watch_->failed().size(), 0U);
  for (const uint32_t host : all_but({4})) {
    EXPECT_TRUE(watch_->ever(HostEventKind::kLeft, host, pool_->name(4))) << host;
  }
  EXPECT_TRUE(watch_->all_see(all_but({4})));
  // And back: the same name, at the same address.
  pool_->start(4, {0});
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(60)));
}

INSTANTIATE_TEST_SUITE_P(Seeds, LifeCase, testing::Range<uint64_t>(1, 6));

}  // namespace
}  // namespace phoenix::hostsim
