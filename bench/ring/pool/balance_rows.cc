// Row 8: how even the members' loads are after a million packets, all of them live, have been
// placed one by one, each staying where it was put. Equal trust. Everything here follows from seeds
// alone: workloads with seeds of their own, each under another ring key, take the place of rounds.

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "bench/ring/pool/sticky_pool.h"
#include "bench/ring/rows.h"

namespace phoenix::bench {
namespace {

// Of B fewer are taken: each asks for its optimum too, which is gone for packet by packet.
constexpr size_t kWorkloadsOfB = 5;

double median_of(const std::vector<Balance>& all, double Balance::* what) {
  std::vector<double> values;
  for (const Balance& one : all) values.push_back(one.*what);
  return median(std::move(values));
}

double least_of(const std::vector<Balance>& all, double Balance::* what) {
  double least = all.front().*what;
  for (const Balance& one : all) least = std::min(least, one.*what);
  return least;
}

double most_of(const std::vector<Balance>& all, double Balance::* what) {
  double most = 0;
  for (const Balance& one : all) most = std::max(most, one.*what);
  return most;
}

// Every packet at the least loaded of those it may choose from, gone through six times at most: as
// even as moving one packet at a time makes it.
template <class ChoiceOf>
std::vector<uint32_t> spread_evenly(size_t packets, size_t members, const ChoiceOf& choice_of) {
  std::vector<uint32_t> loads(members);
  std::vector<uint32_t> owners(packets, kUnowned);
  bool moved = true;
  for (int pass = 0; pass < 6 && moved; ++pass) {
    moved = false;
    for (size_t packet = 0; packet < packets; ++packet) {
      uint32_t best = owners[packet];
      if (best != kUnowned) --loads[best];
      for (const uint32_t member : choice_of(packet)) {
        if (best == kUnowned || loads[member] < loads[best]) best = member;
      }
      if (best == kUnowned) continue;
      moved = moved || owners[packet] != best;
      owners[packet] = best;
      ++loads[best];
    }
  }
  return loads;
}

// What no hash reaches: whoever can take the packet may get it.
Balance optimum(const CapabilityWorkload& workload) {
  std::vector<std::vector<uint32_t>> capable(workload.sets().size());
  for (size_t set = 0; set < capable.size(); ++set) {
    const CapabilityMask need = workload.sets()[set];
    for (uint32_t member = 0; member < workload.members().size(); ++member) {
      if ((workload.members()[member] & need) == need) capable[set].push_back(member);
    }
  }
  const std::vector<uint32_t>& sets = workload.packets();
  return balance_of(spread_evenly(sets.size(), workload.members().size(),
                                  [&](size_t packet) { return std::span(capable[sets[packet]]); }));
}

// What no other choice among the same k nearest reaches.
Balance best_of_window(StickyPool& pool, const CapabilityWorkload& workload) {
  const size_t packets = workload.packets().size();
  std::vector<uint32_t> windows;
  std::vector<size_t> starts = {0};
  for (uint32_t packet = 0; packet < packets; ++packet) {
    for (const Candidate& one : pool.ring().window(pool.query(packet))) {
      windows.push_back(one.member);  // nobody has left: its number is its place in the workload
    }
    starts.push_back(windows.size());
  }
  return balance_of(spread_evenly(packets, workload.members().size(), [&](size_t packet) {
    return std::span(windows).subspan(starts[packet], starts[packet + 1] - starts[packet]);
  }));
}

// What part of the loads' variance is that of members with one capability. Requires: nobody left.
double share_of_specialists(StickyPool& pool, const CapabilityWorkload& workload) {
  const double mean = pool.balance().mean;
  double theirs = 0;
  double all = 0;
  for (size_t i = 0; i < pool.joined().size(); ++i) {
    const double off = pool.ring().load(pool.joined()[i]) - mean;
    all += off * off;
    if (std::popcount(workload.members()[i]) == 1) theirs += off * off;
  }
  return all > 0 ? theirs / all : 0;
}

Balance placed(StickyPool& pool, uint32_t window) {
  pool.start_over(window);
  pool.place_all();
  return pool.balance();
}

// Four times the mean, so that no score is rounded much and nobody is ever full.
uint32_t room(const WorkloadShape& shape) {
  return static_cast<uint32_t>(4 * shape.packets / shape.members);
}

Figure figure(const std::string& what, double value, double bar) {
  return {.row = 8,
          .what = what,
          .value = value,
          .unit = "ratio",
          .bar = {Bar::Op::kAtMost, bar},
          .beside = {}};
}

Figure of_all(const std::string& what, double Balance::* which, double bar,
              const std::vector<Balance>& all) {
  Figure one = figure(what, median_of(all, which), bar);
  one.beside.emplace_back("the least of the workloads", least_of(all, which));
  one.beside.emplace_back("the most of the workloads", most_of(all, which));
  return one;
}

void tell_rule(const std::string& name, const Balance& found, Figure& figure) {
  figure.beside.emplace_back("seed 1, " + name + ", max / mean", found.max_to_mean);
  figure.beside.emplace_back("seed 1, " + name + ", sigma / mean", found.sigma_to_mean);
  figure.drawn.emplace_back("balance/" + name + "/max_mean", found.max_to_mean);
  figure.drawn.emplace_back("balance/" + name + "/sigma_mean", found.sigma_to_mean);
}

// Rules that no bar asks for, of one workload: they are there to be drawn.
void tell_other_rules(CapabilityWorkload& workload, StickyPool& pool, Figure& figure) {
  for (const bool by_set : {true, false}) {
    // Room for all of it at one member: nothing but the hash decides.
    StickyPool alone(workload, {.window = 1,
                                .by_set = by_set,
                                .max_load = static_cast<uint32_t>(workload.packets().size()),
                                .key = workload.shape().seed});
    alone.place_all();
    tell_rule(by_set ? "by set alone" : "plain ring", alone.balance(), figure);
  }
  for (const uint32_t window : {2U, 4U}) {
    tell_rule("k=" + std::to_string(window), placed(pool, window), figure);
  }
}

void workload_a_figures(WorkloadShape shape, size_t workloads, Figures& figures) {
  const std::array<uint32_t, 2> windows = {8, 16};
  std::array<std::vector<Balance>, 2> found;
  std::array<std::vector<double>, 2> specialists;
  std::array<std::vector<Balance>, 2> best;  // among the same members
  Balance best_of_all;
  Figure rules = figure("", 0, 0);
  for (size_t i = 0; i < workloads; ++i) {
    shape.seed = kWorkloadSeeds[i];
    CapabilityWorkload workload(shape);
    StickyPool pool(workload, {.max_load = room(shape), .key = shape.seed});
    for (size_t at = 0; at < windows.size(); ++at) {
      found[at].push_back(placed(pool, windows[at]));
      specialists[at].push_back(share_of_specialists(pool, workload));
      best[at].push_back(best_of_window(pool, workload));
    }
    if (i > 0) continue;
    best_of_all = optimum(workload);
    tell_other_rules(workload, pool, rules);
    for (size_t at = 0; at < windows.size(); ++at) {
      tell_rule("k=" + std::to_string(windows[at]), found[at].front(), rules);
    }
  }
  const std::array<std::pair<double, double>, 2> bars = {{{1.05, 0.08}, {1.01, 0.015}}};
  for (size_t at = 0; at < windows.size(); ++at) {
    const std::string name = "workload A, k=" + std::to_string(windows[at]);
    figures.push_back(
        of_all(name + ", max / mean", &Balance::max_to_mean, bars[at].first, found[at]));
    Figure sigma =
        of_all(name + ", sigma / mean", &Balance::sigma_to_mean, bars[at].second, found[at]);
    sigma.beside.emplace_back("of the variance, members with one capability",
                              median(specialists[at]));
    sigma.beside.emplace_back("the best choice among the same nearest",
                              median_of(best[at], &Balance::sigma_to_mean));
    sigma.beside.emplace_back("the least of the workloads",
                              least_of(best[at], &Balance::sigma_to_mean));
    sigma.beside.emplace_back("the most of the workloads",
                              most_of(best[at], &Balance::sigma_to_mean));
    sigma.beside.emplace_back("seed 1", found[at].front().sigma_to_mean);
    sigma.beside.emplace_back("seed 1, the best choice among the same nearest",
                              best[at].front().sigma_to_mean);
    sigma.beside.emplace_back("seed 1, the best choice among all who can",
                              best_of_all.sigma_to_mean);
    figures.push_back(std::move(sigma));
  }
  figures.back().beside.insert(figures.back().beside.end(), rules.beside.begin(),
                               rules.beside.end());
  figures.back().drawn = std::move(rules.drawn);
}

void workload_b_figures(WorkloadShape shape, size_t workloads, Figures& figures) {
  const std::array<std::pair<uint32_t, double>, 2> bars = {{{8, 1.06}, {16, 1.03}}};
  std::array<std::vector<double>, 2> ratios;
  std::vector<double> sigmas;
  for (size_t i = 0; i < workloads; ++i) {
    shape.seed = kWorkloadSeeds[i];
    CapabilityWorkload workload(shape);
    StickyPool pool(workload, {.max_load = room(shape), .key = shape.seed});
    sigmas.push_back(optimum(workload).sigma_to_mean);
    for (size_t at = 0; at < bars.size(); ++at) {
      ratios[at].push_back(placed(pool, bars[at].first).sigma_to_mean / sigmas.back());
    }
  }
  for (size_t at = 0; at < bars.size(); ++at) {
    const std::string window = "k=" + std::to_string(bars[at].first);
    Figure one = figure("workload B, " + window + ", sigma / that of the optimum",
                        median(ratios[at]), bars[at].second);
    const auto [least, most] = std::minmax_element(ratios[at].begin(), ratios[at].end());
    one.beside.emplace_back("the least of the workloads", *least);
    one.beside.emplace_back("the most of the workloads", *most);
    one.beside.emplace_back("sigma / mean of the optimum", median(sigmas));
    figures.push_back(std::move(one));
  }
}

}  // namespace

Result<bool> ring_balance(const RingOptions& options, Figures& figures) {
  WorkloadShape a = workload_a(0);
  WorkloadShape b = workload_b(0);
  if (options.quick) {
    for (WorkloadShape* shape : {&a, &b}) {
      shape->members = 100;
      shape->packets = 20'000;
    }
  }
  workload_a_figures(a, options.quick ? 1 : kWorkloadSeeds.size(), figures);
  workload_b_figures(b, options.quick ? 1 : kWorkloadsOfB, figures);
  return true;
}

}  // namespace phoenix::bench
