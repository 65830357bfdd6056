#include "sim/sim_main.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/planted.h"
#include "sim/cluster/pool_report.h"
#include "sim/report.h"
#include "sim/scenario/scenario.h"
#include "sim/world.h"
#include "sim/worlds/churn_world.h"

namespace phoenix {

namespace {

int play(const SimOptions& options) {
  const auto played = sim::play_file(options.scenario);
  if (!played) {
    std::fprintf(stderr, "%s\n", played.error().detail.c_str());
    return 2;
  }
  std::fputs(played->output.c_str(), stdout);
  for (const std::string& difference : played->differences) {
    std::fprintf(stderr, "%s\n", difference.c_str());
  }
  return played->differences.empty() ? 0 : 1;
}

// The worlds that a scenario names; none if one of the names is of no world.
std::vector<const sim::ChurnWorld*> worlds_of(std::string_view names) {
  std::vector<const sim::ChurnWorld*> out;
  if (names == "worlds") {
    for (const sim::ChurnWorld& world : sim::churn_worlds()) out.push_back(&world);
    return out;
  }
  while (!names.empty()) {
    const size_t comma = std::min(names.find(','), names.size());
    const sim::ChurnWorld* world = sim::find_churn_world(names.substr(0, comma));
    if (world == nullptr) return {};
    out.push_back(world);
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return out;
}

int play_worlds(const SimOptions& options, const std::vector<const sim::ChurnWorld*>& worlds) {
  std::vector<sim::ChurnResult> results;
  int status = 0;
  for (uint64_t seed = options.seed_first; options.goes_on_with(seed); ++seed) {
    for (const sim::ChurnWorld* world : worlds) {
      const int64_t steps = options.steps_or(kWorldSteps);
      results.push_back(sim::run_churn(*world, seed, steps, options.verbose));
      const sim::ChurnResult& result = results.back();
      if (options.json) std::fputs(sim::churn_json(result).c_str(), stdout);
      if (!result.violation) continue;
      status = 1;
      std::fprintf(stderr, "%s: %s\nreplay: phoenix sim --scenario %s --seed %llu --steps %lld\n",
                   std::string(invariant_name(result.violation->invariant)).c_str(),
                   result.violation->what.c_str(), std::string(world->name).c_str(),
                   static_cast<unsigned long long>(seed), static_cast<long long>(steps));
    }
  }
  if (!options.json) std::fputs(sim::churn_table(results).c_str(), stdout);
  return status;
}

// The tables of many hosts grow at about the same time, each into the next larger one, and what
// they leave behind fits none of the others: with a thousand hosts 3 of 17 GiB were such holes. By
// pages of their own they go back.
void give_tables_back() { mallopt(M_MMAP_THRESHOLD, 256 << 10); }

}  // namespace

int run_sim(const SimOptions& options) {
  if (!options.planted_bug.empty()) {
    const auto bug = planted_bug_from_name(options.planted_bug);
    if (!bug || !plant(*bug)) {
      std::fprintf(stderr, "no bug called '%s' can be planted into this build\n",
                   options.planted_bug.c_str());
      return 2;
    }
  }
  if (options.hosts > 0) {
    give_tables_back();
    return sim::play_pool_seeds(options);
  }
  if (const auto worlds = worlds_of(options.scenario); !worlds.empty()) {
    return play_worlds(options, worlds);
  }
  if (!options.scenario.empty()) return play(options);
  uint64_t seed = options.seed_first;
  uint64_t violations = 0;
  for (; options.goes_on_with(seed); ++seed) {
    const sim::RunResult result = sim::run_seed({.seed = seed,
                                                 .steps = options.steps_or(kSeedSteps),
                                                 .print_trace = options.verbose,
                                                 .sign = options.sign,
                                                 .govern = options.govern});
    if (result.violation) ++violations;
    if (options.more && !result.violation) continue;
    std::fputs((options.json ? sim::seed_json(result) : sim::seed_text(result, options)).c_str(),
               stdout);
    std::fflush(stdout);
  }
  if (options.more && !options.json) {
    std::fputs(sim::closing_text(options.seed_first, seed, violations).c_str(), stdout);
  }
  return violations == 0 ? 0 : 1;
}

Result<Duration> parse_hours(std::string_view text) {
  double hours = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hours);
  if (error == std::errc() && end == text.data() + text.size() && hours > 0 && hours <= 10'000) {
    return milliseconds(static_cast<int64_t>(hours * 3'600'000));
  }
  return fail(ErrorKind::kInvalidRequest,
              fmt::format("\"{}\" is no number of hours, as 2 or 0.5 are", text));
}

}  // namespace phoenix
