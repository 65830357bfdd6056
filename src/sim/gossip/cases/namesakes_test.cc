// Two hosts with one name: who was first keeps it, and where both have held it, whom the view
// holds.
#include "sim/gossip/cases/test_cases.h"

namespace phoenix::hostsim {
namespace {

using gossip::HostEventKind;

class NamesakesCase : public Case {
 protected:
  // Ended, and named the other one's address when it did.
  void expect_refused(uint32_t ended, uint32_t by) {
    EXPECT_FALSE(pool_->up(ended));
    EXPECT_TRUE(pool_->up(by));
    EXPECT_TRUE(std::ranges::any_of(watch_->events(), [&](const auto& each) {
      return each.first == ended && each.second.kind == HostEventKind::kRefused &&
             each.second.detail == gossip::to_string(pool_->endpoint(by));
    }));
  }
  bool view_holds(const std::string& name, uint64_t boot) const {
    const gossip::ViewHost* held = pool_->desk().view().find(name);
    return held != nullptr && held->boot == boot;
  }
  // Those on one side, all others on the other.
  std::vector<uint8_t> apart(const std::set<uint32_t>& some) const {
    std::vector<uint8_t> sides(pool_->size(), 1);
    for (const uint32_t host : some) sides[host] = 2;
    return sides;
  }
  uint32_t incarnation(uint32_t host) const {
    const auto rows = pool_->core(host).hosts();
    return std::ranges::find_if(rows, [](const auto& row) { return row.self; })->incarnation;
  }
  // Whether this host has the name where that one lives.
  bool there(uint32_t host, uint32_t stays) const {
    return std::ranges::any_of(pool_->core(host).hosts(), [&](const gossip::HostRow& row) {
      return row.name == pool_->name(stays) && row.endpoint == pool_->endpoint(stays);
    });
  }
  // In time, and for a while: every host holds every name for alive, the view this life of ours.
  void expect_whole_with(uint32_t stays, uint32_t ended) {
    const std::string& name = pool_->name(stays);
    const auto whole_again = [&] {
      return view_holds(name, pool_->boot(stays)) &&
             pool_->desk().view().hosts.size() == pool_->size() - 1 &&
             std::ranges::all_of(watch_->running(), [&](uint32_t host) {
               return pool_->core(host).alive() == pool_->size() - 1 && there(host, stays);
             });
    };
    EXPECT_TRUE(watch_->run_until(whole_again, seconds(120)));
    watch_->run(seconds(30));
    EXPECT_TRUE(whole_again());
    EXPECT_TRUE(pool_->up(stays));
    EXPECT_FALSE(pool_->up(ended));
  }
};

// However young it is, and whether the view knows it yet or not.
TEST_P(NamesakesCase, WhoCameFirstStays) {
  for (const int64_t ms : {10, 30, 300, 1'000, 3'000}) {
    ASSERT_NO_FATAL_FAILURE(make(4));
    const uint32_t first = pool_->add();
    const uint32_t second = pool_->add_namesake(first);
    // Were it by the addresses, the second one would stay.
    pool_->move(first);
    pool_->start(first, {0});
    pool_->run(milliseconds(ms));
    pool_->start(second, {0});
    watch_->run(seconds(3));
    expect_refused(second, first);
    EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(30))) << ms;
    EXPECT_EQ(watch_->failed().size(), 0U) << ms;
    EXPECT_EQ(watch_->removed(), kNobody) << ms;
  }
}

// Cut off from all others, it lost its name to one that was started elsewhere: by the view, though
// its address is the lower one.
TEST_P(NamesakesCase, AfterASplitWhoIsInTheViewStays) {
  ASSERT_NO_FATAL_FAILURE(make(8));
  const uint32_t second = pool_->add_namesake(3);
  pool_->links().split(apart({3}));
  watch_->run(seconds(10));
  pool_->start(second, {0});
  watch_->run(seconds(60));
  ASSERT_TRUE(pool_->up(3) && pool_->up(second));
  ASSERT_TRUE(view_holds(pool_->name(3), pool_->boot(second)));
  // Though both reach the store, they did not take the place from each other.
  EXPECT_LE(pool_->desk().view().number, 15U);
  pool_->links().heal();
  EXPECT_TRUE(watch_->run_until([&] { return !pool_->up(3); }, seconds(60)));
  expect_refused(3, second);
  expect_whole_with(second, 3);
}

// The other way round: where it was started nobody reached the view, so that it remained as it was.
TEST_P(NamesakesCase, AfterASplitWhoStayedInTheViewStays) {
  ASSERT_NO_FATAL_FAILURE(make(7));
  const uint32_t second = pool_->add_namesake(3);
  pool_->kill(3);
  pool_->move(3);
  pool_->start(3, {0});
  ASSERT_TRUE(watch_->run_until([&] { return whole(); }, seconds(60)));
  pool_->links().split(apart({5, second}));
  for (const uint32_t host : {5U, second}) pool_->desk().set_reach(host, false);
  watch_->run(seconds(10));
  pool_->start(second, {5});
  watch_->run(seconds(60));
  ASSERT_TRUE(pool_->up(3) && pool_->up(second));
  pool_->links().heal();
  // While it knows nothing of the view, its lower address keeps it; the view keeps the other one.
  const uint64_t packets = pool_->traffic(3).packets_out;
  const uint32_t before = incarnation(3);
  watch_->run(seconds(60));
  ASSERT_TRUE(pool_->up(3) && pool_->up(second));
  // Each outbids the other, but not as fast as they hear of each other.
  EXPECT_LT(incarnation(3) - before, 200U);
  EXPECT_LT(pool_->traffic(3).packets_out - packets, 60U * 100U);
  pool_->desk().set_reach(second, true);
  EXPECT_TRUE(watch_->run_until([&] { return !pool_->up(second); }, seconds(10)));
  expect_refused(second, 3);
  pool_->desk().set_reach(5, true);
  expect_whole_with(3, second);
}

// Frozen for longer than its name waits for it.
TEST_P(NamesakesCase, WhoWakesUpFindsItsNameTaken) {
  ASSERT_NO_FATAL_FAILURE(make(6));
  const uint32_t second = pool_->add_namesake(2);
  pool_->pause(2);
  watch_->run(seconds(2));
  pool_->start(second, {0});
  watch_->run(seconds(30));
  ASSERT_TRUE(pool_->up(second));
  pool_->resume(2);
  EXPECT_TRUE(watch_->run_until([&] { return !pool_->up(2); }, seconds(60)));
  expect_refused(2, second);
  watch_->run(seconds(30));
  EXPECT_TRUE(view_holds(pool_->name(2), pool_->boot(second)));
}

// Two stores, so two views that say nothing of each other: the lower address stays.
TEST_P(NamesakesCase, OfTwoInTwoViewsOneStays) {
  PoolOptions options = seeded(GetParam());
  options.adjust = [](uint32_t host, gossip::MembershipOptions& one) {
    one.identity.store = host % 2 == 0 ? "store" : "another";
  };
  pool_ = std::make_unique<Pool>(options);
  watch_ = std::make_unique<Watch>(*pool_);
  const uint32_t lower = pool_->add();
  const uint32_t higher = pool_->add_namesake(lower);
  pool_->start(lower);
  pool_->start(higher);
  watch_->run(seconds(20));
  const uint32_t guest = pool_->add();
  pool_->start(guest, {lower, higher});
  EXPECT_TRUE(watch_->run_until([&] { return !pool_->up(higher); }, seconds(60)));
  expect_refused(higher, lower);
}

INSTANTIATE_TEST_SUITE_P(Seeds, NamesakesCase, testing::Range<uint64_t>(1, 6));

}  // namespace
}  // namespace phoenix::hostsim
