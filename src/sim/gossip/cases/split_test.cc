// The network falls apart and comes together: cases 14 and 21.
#include "sim/gossip/cases/test_cases.h"

namespace phoenix::hostsim {
namespace {

class SplitCase : public Case {};

// 14: two halves, for a second and for an hour.
TEST_P(SplitCase, Case14HalvesComeTogetherAfterASecond) {
  ASSERT_NO_FATAL_FAILURE(make(20));
  pool_->links().split(halves(20));
  watch_->run(seconds(1));
  pool_->links().heal();
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(60)));
  watch_->run(seconds(20));
  EXPECT_TRUE(whole());
  EXPECT_EQ(watch_->removed(), kNobody);
}

TEST_P(SplitCase, Case14HalvesComeTogetherAfterAnHour) {
  ASSERT_NO_FATAL_FAILURE(make(10));
  pool_->links().split(halves(10));
  pool_->run(seconds(3'600));
  pool_->links().heal();
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(60)));
}

// 14: one host that both halves reach.
TEST_P(SplitCase, Case14BridgeKeepsThePoolTogether) {
  ASSERT_NO_FATAL_FAILURE(make(21));
  std::vector<uint8_t> sides = halves(21);
  sides[20] = Links::kBridge;
  pool_->links().split(sides);
  watch_->run(seconds(30));
  EXPECT_FALSE(watch_->removed().contains(pool_->name(20)));
  pool_->links().heal();
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(120)));
}

// 14: one half still reaches the other, and hears nothing back.
TEST_P(SplitCase, Case14OneWaySplitHeals) {
  ASSERT_NO_FATAL_FAILURE(make(20));
  pool_->links().split_one_way(halves(20));
  watch_->run(seconds(60));
  pool_->links().heal();
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(120)));
}

// 21: the dead are forgotten sooner than the network heals. Who left meanwhile stays away.
TEST_P(SplitCase, Case21ForgottenHalvesFindEachOtherAndTheLeftStayAway) {
  PoolOptions options;
  options.timing.reconnect_timeout = seconds(60);
  options.timing.tombstone_timeout = seconds(60);
  ASSERT_NO_FATAL_FAILURE(make(10, options));
  pool_->links().split(halves(10));
  watch_->run(seconds(60));
  pool_->leave(9);
  watch_->run(seconds(240));
  for (const gossip::HostRow& row : pool_->core(0).hosts()) EXPECT_LT(pool_->number(row.name), 5U);
  pool_->links().heal();
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(60)));
  watch_->run(seconds(60));
  EXPECT_TRUE(watch_->all_know(all_but({9})));
}

INSTANTIATE_TEST_SUITE_P(Seeds, SplitCase, testing::Range<uint64_t>(1, 6));

}  // namespace
}  // namespace phoenix::hostsim
