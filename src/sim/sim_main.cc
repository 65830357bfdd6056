#include "sim/sim_main.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "base/planted.h"
#include "sim/cluster/pool_report.h"
#include "sim/report.h"
#include "sim/scenario/scenario.h"
#include "sim/world.h"

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
  if (options.hosts > 0) return sim::play_pool_seeds(options);
  if (!options.scenario.empty()) return play(options);
  int status = 0;
  for (uint64_t seed = options.seed_first; seed <= options.seed_last; ++seed) {
    const sim::RunResult result =
        sim::run_seed({.seed = seed, .steps = options.steps, .print_trace = options.verbose});
    std::fputs((options.json ? sim::seed_json(result) : sim::seed_text(result, options)).c_str(),
               stdout);
    if (result.violation) status = 1;
  }
  return status;
}

}  // namespace phoenix
