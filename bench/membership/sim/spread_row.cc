// Row 6: how soon everybody knows of a join, a leave and a crash, what a host pays for it when
// nothing happens, and what a large pool takes in memory.
//
// The anchor is the logistic curve behind Serf's convergence simulator (serf.io, internals): each
// host that knows tells `fanout` others a round, so all but one of n know after 2 ln(n) / fanout
// rounds of a gossip interval.

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "bench/membership/rows.h"
#include "bench/membership/sim/crowd.h"

namespace phoenix::bench {
namespace {

constexpr int kTimes = 3;
constexpr Duration kPatience = seconds(60);
constexpr Duration kMeasured = seconds(20);

double serf_formula(size_t hosts) {
  const gossip::Timing timing;
  return 2 * std::log(static_cast<double>(hosts)) / timing.gossip_nodes *
         in_seconds(timing.gossip_interval);
}

struct Spread {
  double first = 0;  // seconds until anyone knew
  double last = 0;   // and until all did
};

// Waits until all running hosts have told `kind` of `name`.
Spread wait_for(hostsim::Pool& pool, gossip::HostEventKind kind, const std::string& name) {
  const Duration begin = pool.elapsed();
  std::vector<bool> knows(pool.size());
  size_t missing = 0;
  for (uint32_t i = 0; i < pool.size(); ++i) {
    missing += pool.up(i) && pool.name(i) != name ? 1 : 0;
  }
  Spread spread{in_seconds(kPatience), in_seconds(kPatience)};
  bool any = false;
  pool.on_event([&](uint32_t host, const gossip::HostEvent& event) {
    if (event.kind != kind || event.name != name || knows[host] || pool.name(host) == name) return;
    knows[host] = true;
    --missing;
    const double now = in_seconds(pool.elapsed() - begin);
    if (!any) spread.first = now;
    any = true;
    if (missing == 0) spread.last = now;
  });
  (void)pool.run_until([&] { return missing == 0; }, kPatience, milliseconds(10));
  pool.on_event({});
  return spread;
}

struct Load {
  double packets = 0, bytes = 0;  // sent, a host and second
  double exchange = 0;            // the same by push/pull, from the size of one
};

Load measure_load(hostsim::Pool& pool) {
  const auto sum = [&pool] {
    Load load;
    for (uint32_t i = 0; i < pool.size(); ++i) {
      load.packets += static_cast<double>(pool.traffic(i).packets_out);
      load.bytes += static_cast<double>(pool.traffic(i).bytes_out);
    }
    return load;
  };
  const Load before = sum();
  pool.run(kMeasured);
  const Load after = sum();
  const double shares = in_seconds(kMeasured) * static_cast<double>(pool.size());
  return {(after.packets - before.packets) / shares, (after.bytes - before.bytes) / shares, 0};
}

struct Measured {
  size_t hosts = 0;
  std::vector<double> join, leave, crash, crash_first;
  Load load;
};

Measured measure(size_t hosts) {
  fmt::print(stderr, "bench: {} hosts\n", hosts);
  Measured measured;
  measured.hosts = hosts;
  const auto pool = settled_pool(hosts, hosts);
  measured.load = measure_load(*pool);
  for (int i = 0; i < kTimes; ++i) {
    const uint32_t newcomer = pool->add();
    pool->start(newcomer, {static_cast<uint32_t>(pool->prng().below(hosts))});
    measured.join.push_back(
        wait_for(*pool, gossip::HostEventKind::kJoin, pool->name(newcomer)).last);
    pool->run(seconds(2));
    // It asked once; in an interval a host asks once and is asked once.
    const Duration every = gossip::push_pull_every(gossip::Timing{}, hosts);
    measured.load.exchange =
        2 * static_cast<double>(pool->traffic(newcomer).stream_bytes_in) / in_seconds(every);
    pool->leave(newcomer);
    measured.leave.push_back(
        wait_for(*pool, gossip::HostEventKind::kLeft, pool->name(newcomer)).last);
    pool->run(seconds(2));
    const auto victim = static_cast<uint32_t>(i);
    pool->kill(victim, true);
    const Spread crash = wait_for(*pool, gossip::HostEventKind::kFailed, pool->name(victim));
    measured.crash.push_back(crash.last - crash.first);
    measured.crash_first.push_back(crash.first);
    pool->run(seconds(2));
  }
  return measured;
}

void judge(const Measured& one, Figures& figures) {
  const double formula = serf_formula(one.hosts);
  const auto add = [&](const char* what, const std::vector<double>& taken,
                       std::vector<std::pair<std::string, double>> beside) {
    beside.insert(beside.begin(), {"Serf's formula, s", formula});
    const std::vector<std::pair<std::string, double>> points = {
        {fmt::format("convergence/phoenix, {}/{}", what, one.hosts), median(taken)},
        {fmt::format("convergence/Serf's formula/{}", one.hosts), formula}};
    figures.push_back({.row = 6,
                       .what = fmt::format("{} hosts, all know of {}", one.hosts, what),
                       .value = median(taken),
                       .unit = "s",
                       .bar = {Bar::Op::kAtMost, 2 * formula},
                       .beside = std::move(beside),
                       .drawn = points});
  };
  add("a join", one.join, {});
  add("a leave", one.leave, {});
  add("a crash, once the first knows", one.crash,
      {{"the first knows after, s", median(one.crash_first)}});
}

}  // namespace

Result<bool> membership_spread(const MembershipBench& options, Figures& figures) {
  const std::vector<size_t> sizes =
      options.quick ? std::vector<size_t>{100, 1'000} : std::vector<size_t>{100, 1'000, 5'000};
  std::vector<Measured> all;
  for (const size_t hosts : sizes) all.push_back(measure(hosts));
  for (const Measured& one : all) judge(one, figures);
  const auto beside = [&all](double Load::* what, const char* unit) {
    std::vector<std::pair<std::string, double>> values;
    for (const Measured& one : all) {
      values.emplace_back(fmt::format("{} hosts, {}", one.hosts, unit), one.load.*what);
    }
    return values;
  };
  const auto flat = [&](const char* what, double Load::* field, const char* unit) {
    figures.push_back({.row = 6,
                       .what = fmt::format("{}, most hosts / fewest", what),
                       .value = all.back().load.*field / all.front().load.*field,
                       .unit = "ratio",
                       .bar = {Bar::Op::kAtMost, 1.25},
                       .beside = beside(field, unit)});
  };
  flat("packets a host and second", &Load::packets, "packets/s");
  flat("bytes in packets a host and second", &Load::bytes, "B/s");
  for (auto& each : beside(&Load::exchange, "B/s by push/pull")) {
    figures.back().beside.push_back(std::move(each));
  }
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  figures.push_back({.row = 6,
                     .what = "memory of the largest simulated pool",
                     .value = static_cast<double>(used.ru_maxrss) / (1024.0 * 1024.0),
                     .unit = "GiB",
                     .bar = {Bar::Op::kAtMost, 12},
                     .beside = {}});
  return true;
}

}  // namespace phoenix::bench
