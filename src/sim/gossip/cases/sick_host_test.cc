// One host, or some, are ill in some way: cases 4, 5, 15, 16 and 33 of the suite's list of hard
// ones.
#include "sim/gossip/cases/test_cases.h"

namespace phoenix::hostsim {
namespace {

using gossip::HostEventKind;

class SickCase : public Case {};

// 4: declared dead though it runs, its clock fine, only its network away.
TEST_P(SickCase, Case04CutOffHostLearnsThatItWasRemovedAndComesBack) {
  ASSERT_NO_FATAL_FAILURE(make(8));
  const uint32_t victim = 5;
  pool_->links().lose(victim, 1000, 1000);
  ASSERT_TRUE(watch_->run_until([&] { return watch_->all_see(all_but({victim})); }, seconds(30)));
  EXPECT_TRUE(watch_->ever(HostEventKind::kRemoved, victim, pool_->name(victim)));
  EXPECT_EQ(watch_->removed(), names({victim}));
  pool_->links().mend_all();
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(90)));
}

// 5: stopped for a minute, as by SIGSTOP. When it goes on it must not take the others for dead.
TEST_P(SickCase, Case05PausedHostAccusesNobodyWhenItGoesOn) {
  ASSERT_NO_FATAL_FAILURE(make(8));
  const uint32_t victim = 2;
  pool_->pause(victim);
  ASSERT_TRUE(watch_->run_until(
      [&] { return pool_->desk().view().hosts.size() == pool_->size() - 1; }, seconds(30)));
  watch_->run(seconds(30));
  pool_->resume(victim);
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(90)));
  EXPECT_EQ(watch_->removed(), names({victim}));
  EXPECT_EQ(watch_->failed().size(), 1U);  // nobody else was declared failed by anybody
  EXPECT_TRUE(watch_->failed().contains(pool_->name(victim)));
}

// 15: 80 % loss in and out on one host in a hundred, in twenty, in four.
TEST_P(SickCase, Case15LossyHostsLeaveTheViewAndNobodyElse) {
  for (const size_t sick : {1U, 2U, 10U}) {
    ASSERT_NO_FATAL_FAILURE(make(40));
    std::set<uint32_t> lossy;
    while (lossy.size() < sick) lossy.insert(static_cast<uint32_t>(pool_->prng().below(40)));
    for (const uint32_t host : lossy) pool_->links().lose(host, 800, 800);
    watch_->run(seconds(60));
    for (const std::string& name : watch_->removed()) {
      EXPECT_TRUE(lossy.contains(pool_->number(name))) << name << " is healthy; lossy: " << sick;
    }
    if (sick <= 2) EXPECT_EQ(watch_->removed(), names(lossy));
    pool_->links().mend_all();
    EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(120))) << "lossy: " << sick;
  }
}

// 15: one that hears nothing for 20 s of each 40.
TEST_P(SickCase, Case15FlipFlopTakesOnlyItsHost) {
  ASSERT_NO_FATAL_FAILURE(make(30));
  const uint32_t victim = 11;
  for (int i = 0; i < 4; ++i) {
    pool_->links().lose(victim, i % 2 == 0 ? 1000 : 0, 0);
    watch_->run(seconds(20));
  }
  EXPECT_EQ(watch_->removed(), names({victim}));
  pool_->links().mend_all();
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(300)));
}

// 16: an observer that gets a tenth of the processor's time.
TEST_P(SickCase, Case16StarvedObserverBringsNobodyDown) {
  ASSERT_NO_FATAL_FAILURE(make(20));
  const uint32_t starved = 7;
  for (int i = 0; i < 120; ++i) {
    pool_->pause(starved);
    watch_->run(milliseconds(450));
    pool_->resume(starved);
    watch_->run(milliseconds(50));
  }
  std::set<std::string> others = watch_->removed();
  others.erase(pool_->name(starved));
  EXPECT_EQ(others, kNobody);
  for (const auto& [name, by] : watch_->failed()) EXPECT_EQ(name, pool_->name(starved));
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(120)));
}

// 16: some whose threads for sending and receiving are stuck most of the time, while timers run.
// They hear nobody for seconds, and then everything at once.
TEST_P(SickCase, Case16StuckHostsAccuseNobody) {
  ASSERT_NO_FATAL_FAILURE(make(64));
  const std::set<uint32_t> stuck = {3, 12, 20, 37, 41, 52};
  for (int i = 0; i < 20; ++i) {
    for (const uint32_t host : stuck) pool_->block(host);
    watch_->run(milliseconds(2'048));
    for (const uint32_t host : stuck) pool_->unblock(host);
    watch_->run(milliseconds(16));
  }
  for (const auto& [name, by] : watch_->failed()) EXPECT_TRUE(stuck.contains(pool_->number(name)));
  for (const std::string& name : watch_->removed()) {
    EXPECT_TRUE(stuck.contains(pool_->number(name))) << name;
  }
}

// 33: a wall clock that jumps by an hour, either way.
TEST_P(SickCase, Case33ClockJumpHasNoEffect) {
  ASSERT_NO_FATAL_FAILURE(make(6));
  const uint64_t number = pool_->desk().view().number;
  pool_->jump_clock(1, 3'600'000);
  pool_->jump_clock(2, -3'600'000);
  watch_->run(seconds(30));
  EXPECT_EQ(watch_->failed().size(), 0U);
  EXPECT_EQ(pool_->desk().view().number, number);
  // A life that starts an hour early is newer than the last one all the same.
  pool_->kill(2);
  watch_->run(seconds(1));
  pool_->start(2, {0});
  EXPECT_TRUE(watch_->run_until([&] { return whole(); }, seconds(60)));
}

INSTANTIATE_TEST_SUITE_P(Seeds, SickCase, testing::Range<uint64_t>(1, 6));

}  // namespace
}  // namespace phoenix::hostsim
