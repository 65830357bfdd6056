// Row 8: how even the members' loads are after a million packets, all of them live, have been
// placed one by one, each staying where it was put. Equal trust. Everything here follows from seeds
// alone: workloads with seeds of their own, each under another ring key, take the place of rounds.

#include <algorithm>
#include <array>
#include <memory>
#include <span>

#include "bench/ring/pool/sticky_pool.h"
#include "bench/ring/rows.h"

namespace phoenix::bench {
namespace {

struct Contender {
  const char* name;
  uint32_t window;
  bool by_set;
};
constexpr std::array<Contender, 6> kContenders = {{{"by set alone", 1, true},
                                                   {"plain ring", 1, false},
                                                   {"k=2", 2, false},
                                                   {"k=4", 4, false},
                                                   {"k=8", 8, false},
                                                   {"k=16", 16, false}}};

using Workloads = std::vector<std::unique_ptr<CapabilityWorkload>>;
Workloads make(WorkloadShape shape, size_t count) {
  Workloads made;
  for (size_t i = 0; i < count; ++i) {
    shape.seed = kWorkloadSeeds[i];
    made.push_back(std::make_unique<CapabilityWorkload>(shape));
  }
  return made;
}

double median_of(const std::vector<Balance>& all, double Balance::* what) {
  std::vector<double> values;
  for (const Balance& one : all) values.push_back(one.*what);
  return median(std::move(values));
}

double worst_of(const std::vector<Balance>& all, double Balance::* what) {
  double worst = 0;
  for (const Balance& one : all) worst = std::max(worst, one.*what);
  return worst;
}

// Room for all of it at one member where nothing but the hash decides; elsewhere four times the
// mean, so that no score is rounded much and nobody is ever full.
uint32_t room(const Contender& contender, const WorkloadShape& shape) {
  const size_t wanted = contender.window == 1 ? shape.packets : 4 * shape.packets / shape.members;
  return static_cast<uint32_t>(std::min<size_t>(wanted, 1'000'000));
}

Balance measure(const Contender& contender, CapabilityWorkload& workload) {
  const WorkloadShape& shape = workload.shape();
  StickyPool pool(workload, {.window = contender.window,
                             .by_set = contender.by_set,
                             .max_load = room(contender, shape),
                             .key = shape.seed});
  pool.place_all();
  return pool.balance();
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
Balance best_of_window(CapabilityWorkload& workload, uint32_t k) {
  StickyPool pool(workload, {.window = k, .key = workload.shape().seed});
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

void tell_one(const char* what, double Balance::* which, double bar,
              const std::vector<Balance>& all, Figures& figures) {
  Figure figure = {.row = 8,
                   .what = what,
                   .value = median_of(all, which),
                   .unit = "ratio",
                   .bar = {Bar::Op::kAtMost, bar},
                   .beside = {}};
  figure.beside.emplace_back("the worst of the workloads", worst_of(all, which));
  figures.push_back(std::move(figure));
}

// Of the first workload, which is the middle one.
void tell_all_rules(CapabilityWorkload& workload, Figure& figure) {
  figure.beside.emplace_back("optimum, sigma / mean", optimum(workload).sigma_to_mean);
  figure.beside.emplace_back("the best choice among the 8 nearest, sigma / mean",
                             best_of_window(workload, 8).sigma_to_mean);
  for (const Contender& contender : kContenders) {
    const Balance found = measure(contender, workload);
    const std::string name = contender.name;
    figure.beside.emplace_back(name + ", max / mean", found.max_to_mean);
    figure.beside.emplace_back(name + ", sigma / mean", found.sigma_to_mean);
    figure.drawn.emplace_back("balance/" + name + "/max_mean", found.max_to_mean);
    figure.drawn.emplace_back("balance/" + name + "/sigma_mean", found.sigma_to_mean);
  }
}

void workload_a_figures(const Workloads& workloads, Figures& figures) {
  std::vector<Balance> eight;
  std::vector<Balance> sixteen;
  for (const auto& workload : workloads) {
    eight.push_back(measure(kContenders[4], *workload));
    sixteen.push_back(measure(kContenders[5], *workload));
  }
  tell_one("workload A, k=8, max / mean", &Balance::max_to_mean, 1.05, eight, figures);
  tell_one("workload A, k=8, sigma / mean", &Balance::sigma_to_mean, 0.08, eight, figures);
  tell_one("workload A, k=16, max / mean", &Balance::max_to_mean, 1.01, sixteen, figures);
  tell_one("workload A, k=16, sigma / mean", &Balance::sigma_to_mean, 0.015, sixteen, figures);
  tell_all_rules(*workloads.front(), figures.back());
}

void workload_b_figures(const Workloads& workloads, Figures& figures) {
  const std::array<std::pair<size_t, double>, 2> bars = {{{4, 1.06}, {5, 1.03}}};
  std::array<std::vector<double>, 2> ratios;
  std::vector<double> sigmas;
  for (const auto& workload : workloads) {
    sigmas.push_back(optimum(*workload).sigma_to_mean);
    for (size_t i = 0; i < bars.size(); ++i) {
      const Balance found = measure(kContenders[bars[i].first], *workload);
      ratios[i].push_back(found.sigma_to_mean / sigmas.back());
    }
  }
  for (size_t i = 0; i < bars.size(); ++i) {
    const std::string window = kContenders[bars[i].first].name;
    Figure figure = {.row = 8,
                     .what = "workload B, " + window + ", sigma / that of the optimum",
                     .value = median(ratios[i]),
                     .unit = "ratio",
                     .bar = {Bar::Op::kAtMost, bars[i].second},
                     .beside = {}};
    figure.beside.emplace_back("the worst of the workloads",
                               *std::max_element(ratios[i].begin(), ratios[i].end()));
    figure.beside.emplace_back("sigma / mean of the optimum", median(sigmas));
    figures.push_back(std::move(figure));
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
  workload_a_figures(make(a, options.quick ? 1 : kWorkloadSeeds.size()), figures);
  workload_b_figures(make(b, options.quick ? 1 : 5), figures);
  return true;
}

}  // namespace phoenix::bench
