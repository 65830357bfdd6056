// Row 7: a pool falls into two halves that do not hear of each other, and the network comes back,
// after seconds or after more than the day for which dead hosts are remembered.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "bench/membership/rows.h"
#include "bench/membership/sim/crowd.h"

namespace phoenix::bench {
namespace {

constexpr Duration kTogetherWithin = seconds(60);
constexpr Duration kWatched = seconds(300);

struct Healed {
  Duration together = kWatched;  // after the network came back
  size_t lost = 0;               // pairs of hosts that still do not know each other at the end
};

// Serf's own timing, as `serf agent` has it on a local network.
gossip::Timing serf_timing() {
  gossip::Timing timing;
  timing.probe_interval = seconds(1);
  timing.probe_timeout = milliseconds(500);
  timing.suspicion_multiplier = 4;
  return timing;
}

std::vector<bool> all_known_by(const hostsim::Pool& pool, uint32_t host) {
  std::vector<bool> known(pool.size());
  for (const gossip::HostRow& row : pool.core(host).hosts()) {
    if (row.state == gossip::SwimState::kAlive) known[pool.number(row.name)] = true;
  }
  return known;
}

size_t strangers(const hostsim::Pool& pool) {
  size_t found = 0;
  for (uint32_t i = 0; i < pool.size(); ++i) {
    if (pool.core(i).alive() == pool.size()) continue;
    const std::vector<bool> known = all_known_by(pool, i);
    found += static_cast<size_t>(std::ranges::count(known, false));
  }
  return found;
}

// All know all, and all phoenix hosts are back in the view of each.
bool together(const hostsim::Pool& pool, const std::vector<bool>& foreign) {
  if (strangers(pool) > 0) return false;
  for (uint32_t i = 0; i < pool.size(); ++i) {
    if (!foreign[i] && !sees_all_but(pool, i, foreign)) return false;
  }
  return true;
}

Healed run(size_t hosts, size_t serf_peers, Duration split, uint64_t seed) {
  std::vector<bool> foreign(hosts);
  for (size_t i = 0; i < serf_peers; ++i) foreign[hosts - 1 - i] = true;
  hostsim::PoolOptions options;
  options.seed = seed;
  options.adjust = [&foreign](uint32_t host, gossip::MembershipOptions& one) {
    if (!foreign[host]) return;
    one.phoenix = false;
    one.timing = serf_timing();
  };
  hostsim::Pool pool(options);
  pool.add(hosts);
  for (uint32_t i = 0; i < hosts; ++i) {
    pool.start(i, i == 0 ? std::vector<uint32_t>{} : std::vector<uint32_t>{0});
    pool.run(milliseconds(100));
  }
  (void)pool.run_until([&] { return together(pool, foreign); }, seconds(120));
  std::vector<uint8_t> sides(hosts);
  for (size_t i = 0; i < hosts; ++i) sides[i] = i % 2 == 0 ? 1 : 2;
  pool.links().split(sides);
  pool.run(split);
  pool.links().heal();
  const Duration begin = pool.elapsed();
  Healed healed;
  if (pool.run_until([&] { return together(pool, foreign); }, kWatched, milliseconds(250))) {
    healed.together = pool.elapsed() - begin;
  }
  healed.lost = strangers(pool);
  return healed;
}

void judge(const std::string& what, const std::vector<Healed>& runs, Figures& figures) {
  std::vector<double> together;
  size_t lost = 0;
  for (const Healed& each : runs) {
    together.push_back(in_seconds(each.together));
    lost += each.lost;
  }
  figures.push_back(
      {.row = 7,
       .what = what + ": all together, slowest seed",
       .value = quantile(together, 1),
       .unit = "s",
       .bar = {Bar::Op::kAtMost, in_seconds(kTogetherWithin)},
       .beside = {{"median, s", median(together)}, {"seeds", static_cast<double>(runs.size())}}});
  figures.push_back({.row = 7,
                     .what = what + ": pairs that lost each other",
                     .value = static_cast<double>(lost),
                     .unit = "pairs",
                     .bar = {Bar::Op::kAtMost, 0},
                     .beside = {}});
}

}  // namespace

Result<bool> membership_split(const MembershipBench& options, Figures& figures) {
  fmt::print(stderr, "bench: halves for 10 s\n");
  std::vector<Healed> brief(options.quick ? 4 : 20);
  in_parallel(brief.size(), [&](size_t i) { brief[i] = run(100, 0, seconds(10), 1 + i); });
  judge("100 hosts, split for 10 s", brief, figures);
  fmt::print(stderr, "bench: halves for 26 h\n");
  std::vector<Healed> lengthy(options.quick ? 2 : 10);
  in_parallel(lengthy.size(),
              [&](size_t i) { lengthy[i] = run(10, 4, seconds(26 * 3'600), 1 + i); });
  judge("10 hosts, 4 of them Serf's, split for 26 h", lengthy, figures);
  return true;
}

}  // namespace phoenix::bench
