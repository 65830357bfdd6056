// That the simulator itself is one: the same seed gives the same course, another one another.
#include "sim/gossip/pool.h"

#include <gtest/gtest.h>

namespace phoenix::hostsim {
namespace {

uint64_t trace_of(uint64_t seed) {
  PoolOptions options;
  options.seed = seed;
  options.link.lost_per_mille = 50;
  options.link.doubled_per_mille = 20;
  options.link.late_per_mille = 20;
  Pool pool(options);
  pool.add(6);
  for (uint32_t i = 0; i < 6; ++i) pool.start(i, {0});
  pool.run(seconds(5));
  pool.kill(3);
  pool.pause(4);
  pool.run(seconds(10));
  pool.resume(4);
  pool.start(3, {0});
  pool.run(seconds(10));
  return pool.trace();
}

TEST(Pool, SameSeedSameCourse) {
  EXPECT_EQ(trace_of(1), trace_of(1));
  EXPECT_NE(trace_of(1), trace_of(2));
}

TEST(Pool, StartTogetherIsAWholePool) {
  Pool pool(seeded(3));
  pool.add(50);
  pool.start_together();
  pool.run(seconds(5));
  for (uint32_t i = 0; i < pool.size(); ++i) {
    EXPECT_EQ(pool.core(i).alive(), 50U) << i;
    EXPECT_EQ(pool.core(i).view().hosts.size(), 50U) << i;
  }
  EXPECT_EQ(pool.desk().view().number, 1U);
}

TEST(Pool, KilledProcessRefusesAndLostMachineIsSilent) {
  Pool pool(seeded(4));
  pool.add(3);
  pool.start_together();
  pool.run(seconds(5));
  std::vector<double> noticed;
  for (const bool machine_too : {false, true}) {
    const uint32_t victim = machine_too ? 2 : 1;
    const Duration begin = pool.elapsed();
    pool.kill(victim, machine_too);
    const std::string name = pool.name(victim);
    bool failed = false;
    pool.on_event([&](uint32_t, const gossip::HostEvent& event) {
      failed = failed || (event.kind == gossip::HostEventKind::kFailed && event.name == name);
    });
    EXPECT_TRUE(pool.run_until([&] { return failed; }, seconds(30), milliseconds(1)));
    noticed.push_back(static_cast<double>((pool.elapsed() - begin).ms()));
    pool.on_event({});
  }
  EXPECT_LE(noticed[0], 2'200);
  EXPECT_LE(noticed[1], 2'500);
}

TEST(Pool, PausedHostsSocketHoldsNoMoreThanItsBuffer) {
  PoolOptions options;
  options.seed = 5;
  options.receive_buffer = 10'000;
  Pool pool(options);
  pool.add(2);
  pool.start_together();
  pool.pause(1);
  for (int i = 0; i < 100; ++i) pool.inject(1, std::string(400, 'x'), pool.endpoint(0));
  pool.run(seconds(1));
  EXPECT_GE(pool.traffic(1).buffer_overruns, 89U);
}

}  // namespace
}  // namespace phoenix::hostsim
