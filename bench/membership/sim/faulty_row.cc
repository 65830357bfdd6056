// Row 5: one host in a hundred has a bad network. The view must lose exactly these, in every seed,
// and all others must agree on that soon.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "bench/membership/rows.h"
#include "bench/membership/sim/crowd.h"

namespace phoenix::bench {
namespace {

enum class Fault { kLossy, kOneWay, kFlipFlop };

struct Case {
  Fault fault;
  const char* what;
};
constexpr Case kCases[] = {{Fault::kLossy, "80 % loss in and out"},
                           {Fault::kOneWay, "hears nothing, is heard"},
                           {Fault::kFlipFlop, "hears nothing for 20 s of each 40 s"}};
constexpr Duration kAgreedWithin = seconds(20);
constexpr Duration kFlip = seconds(20);

struct Outcome {
  uint64_t faulty = 0, removed = 0;  // of the faulty ones
  uint64_t others = 0;               // healthy hosts that the view ever lost
  // After the fault began: all healthy hosts see exactly the healthy.
  Duration agreed = seconds(3'600);
  bool exact() const { return others == 0 && removed == faulty; }

  RunFile::Numbers numbers() const {
    return {faulty, removed, others, static_cast<uint64_t>(agreed.ms())};
  }
  static Outcome of(const RunFile::Numbers& found) {
    if (found.size() != 4) return {};  // never agreed
    return {found[0], found[1], found[2], milliseconds(static_cast<int64_t>(found[3]))};
  }
};

void begin_fault(hostsim::Pool& pool, Fault fault, const std::vector<uint32_t>& faulty,
                 Duration watched) {
  for (const uint32_t host : faulty) {
    if (fault == Fault::kLossy) pool.links().lose(host, 800, 800);
    if (fault == Fault::kOneWay) pool.links().lose(host, 1000, 0);
    if (fault != Fault::kFlipFlop) continue;
    for (Duration at{0}; at < watched; at = at + kFlip * 2) {
      const auto lose = [&pool, host](uint32_t in) { pool.links().lose(host, in, 0); };
      pool.at(pool.elapsed() + at, [lose] { lose(1000); });
      pool.at(pool.elapsed() + at + kFlip, [lose] { lose(0); });
    }
  }
}

Outcome run(Fault fault, size_t hosts, uint64_t seed, Duration watched) {
  const auto pool = settled_pool(hosts, seed);
  const std::vector<uint32_t> faulty =
      choose(std::max<size_t>(1, hosts / 100), hosts, pool->prng());
  std::vector<bool> bad(hosts);
  for (const uint32_t host : faulty) bad[host] = true;
  std::vector<bool> lost(hosts);
  const Duration begin = pool->elapsed();
  begin_fault(*pool, fault, faulty, watched);
  Outcome outcome;
  bool agreed = false;
  outcome.faulty = faulty.size();
  uint64_t seen = 0;
  bool exact = false;  // the newest view has all healthy hosts and nobody else
  const auto look = [&] {
    const gossip::View& view = pool->desk().view();
    if (view.number != seen) {
      seen = view.number;
      std::vector<bool> there(hosts);
      for (const gossip::ViewHost& each : view.hosts) there[pool->number(each.name)] = true;
      exact = true;
      for (size_t i = 0; i < hosts; ++i) {
        lost[i] = lost[i] || !there[i];
        exact = exact && there[i] != bad[i];
      }
    }
    if (agreed || !exact) return false;
    for (uint32_t i = 0; i < hosts; ++i) {
      if (!bad[i] && pool->core(i).view().number != seen) return false;
    }
    agreed = true;
    outcome.agreed = pool->elapsed() - begin;
    return false;
  };
  (void)pool->run_until(look, watched, milliseconds(250));
  for (size_t i = 0; i < hosts; ++i) {
    if (lost[i]) ++(bad[i] ? outcome.removed : outcome.others);
  }
  return outcome;
}

void judge(const std::string& what, const std::vector<Outcome>& outcomes, Figures& figures) {
  size_t exact = 0;
  size_t others = 0;
  std::vector<double> agreed;
  for (const Outcome& each : outcomes) {
    exact += each.exact() ? 1 : 0;
    others += each.others;
    agreed.push_back(in_seconds(each.agreed));
  }
  const auto runs = static_cast<double>(outcomes.size());
  figures.push_back({.row = 5,
                     .what = what + ": exactly the faulty",
                     .value = 100.0 * static_cast<double>(exact) / runs,
                     .unit = "% of seeds",
                     .bar = {Bar::Op::kAtLeast, 100},
                     .beside = {{"seeds", runs}, {"others removed", static_cast<double>(others)}}});
  figures.push_back({.row = 5,
                     .what = what + ": agreed, slowest seed",
                     .value = quantile(agreed, 1),
                     .unit = "s",
                     .bar = {Bar::Op::kAtMost, in_seconds(kAgreedWithin)},
                     .beside = {{"median, s", median(agreed)}}});
}

}  // namespace

Result<bool> membership_faulty(const MembershipBench& options, Figures& figures) {
  struct Size {
    size_t hosts;
    size_t seeds;
  };
  const std::vector<Size> sizes =
      options.quick ? std::vector<Size>{{100, 30}, {1'000, 2}} : std::vector<Size>{{1'000, 100}};
  const Duration watched = seconds(options.quick ? 25 : 60);
  for (const Case& each : kCases) {
    for (const Size& size : sizes) {
      fmt::print(stderr, "bench: {} hosts, {} seeds, {}\n", size.hosts, size.seeds, each.what);
      const auto runs = take_runs(
          options, size.seeds,
          [&](size_t i) {
            return fmt::format("row 5, {} hosts, {}, watched for {} s, seed {}", size.hosts,
                               each.what, in_seconds(watched), 1 + i);
          },
          [&](size_t i) { return run(each.fault, size.hosts, 1 + i, watched).numbers(); });
      if (!runs) return tl::unexpected(runs.error());
      std::vector<Outcome> outcomes;
      for (const Run& one : *runs) {
        const Outcome& outcome = outcomes.emplace_back(Outcome::of(one.found));
        if (outcome.exact() && outcome.agreed <= kAgreedWithin) continue;
        fmt::print(stderr, "bench: seed {}: {} of {} faulty removed, {} others, agreed {} s\n",
                   1 + one.number, outcome.removed, outcome.faulty, outcome.others,
                   in_seconds(outcome.agreed));
      }
      if (outcomes.empty()) continue;
      judge(fmt::format("{} hosts, {}", size.hosts, each.what), outcomes, figures);
    }
  }
  return true;
}

}  // namespace phoenix::bench
