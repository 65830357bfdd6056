// Row 4: hosts that stand still for a moment, and how many of the healthy ones are declared dead
// for it. The two experiments of the Lifeguard paper (Dadgar, Phillips, Currey: "Lifeguard: Local
// Health Awareness for More Accurate Failure Detection", arXiv 1707.00788): of 128 hosts, C at a
// time cannot send or receive for D; once (threshold), or again and again with I between
// (interval).

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <map>

#include "bench/membership/rows.h"
#include "bench/membership/sim/crowd.h"

namespace phoenix::bench {
namespace {

constexpr size_t kHosts = 128;

struct Experiment {
  size_t blocked = 1;
  int64_t for_ms = 0;
  int64_t between_ms = 0;  // 0: once
  Duration length;
};

struct Mistakes {
  uint64_t everywhere = 0;  // healthy hosts declared dead, counted at each host that said so
  uint64_t at_healthy = 0;  // of these, where the one who said so was healthy too
  uint64_t from_view = 0;   // healthy hosts that the view lost
  uint64_t detected = 0;    // blocked hosts declared dead: rightly
  void operator+=(const Mistakes& other) {
    everywhere += other.everywhere;
    at_healthy += other.at_healthy;
    from_view += other.from_view;
    detected += other.detected;
  }

  RunFile::Numbers numbers() const { return {everywhere, at_healthy, from_view, detected}; }
  static Mistakes of(const RunFile::Numbers& found) {
    if (found.size() != 4) return {};
    return {found[0], found[1], found[2], found[3]};
  }
};

void block_in_turns(hostsim::Pool& pool, const std::vector<uint32_t>& blocked,
                    const Experiment& experiment) {
  const Duration begin = pool.elapsed();
  const Duration length = milliseconds(experiment.for_ms);
  const Duration between = milliseconds(experiment.between_ms);
  for (Duration at{0}; at < experiment.length; at = at + length + between) {
    pool.at(begin + at, [&pool, blocked] {
      for (const uint32_t host : blocked) pool.block(host);
    });
    pool.at(begin + at + length, [&pool, blocked] {
      for (const uint32_t host : blocked) pool.unblock(host);
    });
    if (experiment.between_ms == 0) break;
  }
}

Mistakes run(const Experiment& experiment, bool plain, uint64_t seed) {
  hostsim::PoolOptions options;
  options.seed = seed;
  if (plain) {
    options.timing.plain_swim = true;
    options.timing.suspicion_max_multiplier = 1;
    options.timing.health_max = 1;
  }
  hostsim::Pool pool(options);
  pool.add(kHosts);
  pool.start_together();
  pool.run(kSettling);
  std::vector<bool> sick(kHosts);
  const std::vector<uint32_t> blocked = choose(experiment.blocked, kHosts, pool.prng());
  for (const uint32_t host : blocked) sick[host] = true;
  Mistakes mistakes;
  pool.on_event([&](uint32_t host, const gossip::HostEvent& event) {
    if (event.kind != gossip::HostEventKind::kFailed) return;
    const uint32_t about = pool.number(event.name);
    if (about >= kHosts) return;
    if (sick[about]) {
      ++mistakes.detected;
    } else {
      ++mistakes.everywhere;
      if (!sick[host]) ++mistakes.at_healthy;
    }
  });
  std::vector<bool> missing(kHosts);
  const auto look_at_view = [&] {
    std::vector<bool> there(kHosts);
    for (const gossip::ViewHost& each : pool.desk().view().hosts)
      there[pool.number(each.name)] = true;
    for (size_t i = 0; i < kHosts; ++i) {
      if (!there[i] && !missing[i] && !sick[i]) ++mistakes.from_view;
      missing[i] = !there[i];
    }
    return false;
  };
  block_in_turns(pool, blocked, experiment);
  (void)pool.run_until(look_at_view, experiment.length + seconds(15), milliseconds(250));
  return mistakes;
}

std::vector<Experiment> interval_experiments(bool quick) {
  const std::vector<size_t> concurrent =
      quick ? std::vector<size_t>{8, 32} : std::vector<size_t>{1, 4, 8, 12, 16, 20, 24, 28, 32};
  const std::vector<int64_t> lengths =
      quick ? std::vector<int64_t>{2'048}
            : std::vector<int64_t>{128, 512, 2'048, 8'192, 16'384, 32'768};
  const std::vector<int64_t> between =
      quick ? std::vector<int64_t>{16, 1'024}
            : std::vector<int64_t>{1, 4, 16, 64, 256, 1'024, 4'096, 16'384};
  std::vector<Experiment> all;
  for (const size_t c : concurrent) {
    for (const int64_t d : lengths) {
      for (const int64_t i : between) all.push_back({c, d, i, seconds(quick ? 30 : 120)});
    }
  }
  return all;
}

std::vector<Experiment> threshold_experiments(bool quick) {
  std::vector<Experiment> all;
  for (const size_t c :
       quick ? std::vector<size_t>{32} : std::vector<size_t>{1, 4, 8, 16, 24, 32}) {
    for (const int64_t d : quick ? std::vector<int64_t>{8'192}
                                 : std::vector<int64_t>{2'048, 4'096, 8'192, 16'384, 32'768}) {
      all.push_back({c, d, 0, milliseconds(d)});
    }
  }
  return all;
}

double percent(uint64_t ours, uint64_t plain) {
  if (plain == 0) return ours == 0 ? 0 : 100;
  return 100.0 * static_cast<double>(ours) / static_cast<double>(plain);
}

// By how many hosts stood still at a time: ours, plain SWIM's.
using ByBlocked = std::map<size_t, std::array<Mistakes, 2>>;

void judge(const std::string& what, const ByBlocked& by_blocked, bool drawn, Figures& figures) {
  Mistakes ours;
  Mistakes plain;
  std::vector<std::pair<std::string, double>> points;
  for (const auto& [blocked, found] : by_blocked) {
    ours += found[0];
    plain += found[1];
    if (!drawn) continue;
    for (const size_t system : {0U, 1U}) {
      points.emplace_back(
          fmt::format("mistakes/{}/{}", system == 0 ? "phoenix" : "plain SWIM", blocked),
          static_cast<double>(found[system].everywhere));
    }
  }
  const auto count = [](uint64_t value) { return static_cast<double>(value); };
  figures.push_back(
      {.row = 4,
       .what = what + ", SWIM-dead, of plain SWIM's",
       .value = percent(ours.everywhere, plain.everywhere),
       .unit = "%",
       .bar = {Bar::Op::kAtMost, 1.5},
       .beside = {{"ours", count(ours.everywhere)},
                  {"plain SWIM", count(plain.everywhere)},
                  {"at healthy hosts, ours", count(ours.at_healthy)},
                  {"at healthy hosts, plain SWIM", count(plain.at_healthy)},
                  {"blocked hosts rightly noticed, ours", count(ours.detected)},
                  {"blocked hosts rightly noticed, plain SWIM", count(plain.detected)},
                  {"Lifeguard's paper, at least, %", 1},
                  {"Lifeguard's paper, at most, %", 2}}});
  figures.push_back({.row = 4,
                     .what = what + ", removed from the view, of plain SWIM's",
                     .value = percent(ours.from_view, plain.everywhere),
                     .unit = "%",
                     .bar = {Bar::Op::kAtMost, 1.5},
                     .beside = {{"ours", count(ours.from_view)}}});
}

}  // namespace

Result<bool> membership_false_positives(const MembershipBench& options, Figures& figures) {
  for (const bool interval : {true, false}) {
    const std::vector<Experiment> all =
        interval ? interval_experiments(options.quick) : threshold_experiments(options.quick);
    fmt::print(stderr, "bench: {} experiments, each twice\n", all.size());
    ByBlocked found;
    size_t taken = 0;
    // An experiment and its twin with plain SWIM are one run: neither counts without the other.
    const auto runs = take_runs(
        options, all.size(),
        [&](size_t i) {
          const Experiment& one = all[i];
          return fmt::format("row 4, {} of {} blocked for {} ms, {} ms between, {} s, seed {}",
                             one.blocked, kHosts, one.for_ms, one.between_ms,
                             in_seconds(one.length), 1 + i);
        },
        [&](size_t i) {
          RunFile::Numbers numbers = run(all[i], false, 1 + i).numbers();
          const RunFile::Numbers plain = run(all[i], true, 1 + i).numbers();
          numbers.insert(numbers.end(), plain.begin(), plain.end());
          return numbers;
        });
    if (!runs) return tl::unexpected(runs.error());
    for (const Run& one : *runs) {
      if (one.found.size() != 8) continue;
      std::array<Mistakes, 2>& both = found[all[one.number].blocked];
      both[0] += Mistakes::of({one.found.begin(), one.found.begin() + 4});
      both[1] += Mistakes::of({one.found.begin() + 4, one.found.end()});
      ++taken;
    }
    if (taken == 0) continue;
    judge(interval ? "interval experiment" : "threshold experiment", found, interval, figures);
    figures[figures.size() - 2].beside.emplace_back("experiments", static_cast<double>(taken));
  }
  return true;
}

}  // namespace phoenix::bench
