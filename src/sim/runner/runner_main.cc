// phoenix_sim_runner: many seeds, spread over processes, one closing line.
//
//   phoenix_sim_runner --seeds 1..1000 [--steps N] [--hosts N] [--twice] [--jobs N]
//                      [--scenario FILE] [--bug B]
//
// With --hosts the seeds are of several hosts, and the scenario says what happens in each of them.
// Each seed runs in a child process, so that a crash of one is a finding and no end of the others.
// Exit 0: no violation; 1: one or more, each with the command that replays it; 2: wrong use.
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/planted.h"
#include "sim/cluster/pool_report.h"
#include "sim/report.h"
#include "sim/sim_main.h"
#include "sim/world.h"

namespace {

using phoenix::SimOptions;
using phoenix::sim::Invariant;
using phoenix::sim::RunResult;

struct Totals {
  uint64_t seeds = 0;
  uint64_t steps = 0;
  phoenix::sim::FaultCounts faults;
  phoenix::sim::PoolFaultCounts pool_faults;
  uint64_t violations = 0;
};

struct RunnerOptions {
  SimOptions sim;
  phoenix::sim::PoolScript script;  // with several hosts
  bool twice = false;
  unsigned jobs = 2;
};

bool number(std::string_view text, uint64_t* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

bool range(std::string_view text, SimOptions* sim) {
  const size_t dots = text.find("..");
  const std::string_view first = text.substr(0, dots);
  const std::string_view last = dots == std::string_view::npos ? first : text.substr(dots + 2);
  return number(first, &sim->seed_first) && number(last, &sim->seed_last) &&
         sim->seed_first <= sim->seed_last;
}

int usage(const std::string& why) {
  std::fprintf(stderr,
               "%s\nphoenix_sim_runner --seeds A..B [--steps N] [--hosts N] [--twice] [--jobs N]"
               " [--scenario FILE] [--bug NAME] [--verbose]\n"
               "  as: phoenix_sim_runner --seeds 1..1000\n",
               why.c_str());
  return 2;
}

bool parse(int argc, char** argv, RunnerOptions* options, std::string* why) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--twice") {
      options->twice = true;
      continue;
    }
    if (flag == "--verbose") {
      options->sim.verbose = true;
      continue;
    }
    if (i + 1 >= argc) {
      *why = fmt::format("{} is unknown or lacks its value", flag);
      return false;
    }
    const std::string_view value = argv[++i];
    uint64_t count = 0;
    bool good = true;
    if (flag == "--seeds" || flag == "--seed") {
      good = range(value, &options->sim);
    } else if (flag == "--steps") {
      good = number(value, &count) && count > 0;
      options->sim.steps = static_cast<int64_t>(count);
    } else if (flag == "--hosts") {
      good = number(value, &count) && count > 0 && count <= 100;
      options->sim.hosts = static_cast<int64_t>(count);
    } else if (flag == "--jobs") {
      good = number(value, &count) && count > 0 && count <= 256;
      options->jobs = static_cast<unsigned>(count);
    } else if (flag == "--scenario") {
      options->sim.scenario = value;
    } else if (flag == "--bug") {
      options->sim.planted_bug = value;
    } else {
      *why = fmt::format("{} is unknown", flag);
      return false;
    }
    if (!good) {
      *why = fmt::format("{} {} is not possible", flag, value);
      return false;
    }
  }
  return true;
}

// One seed in this process; what it prints goes to stdout. Fixed-size, to be written to a pipe.
struct SeedSummary {
  uint64_t seed = 0;
  uint64_t steps = 0;
  phoenix::sim::FaultCounts faults;
  phoenix::sim::PoolFaultCounts pool_faults;
  uint64_t violations = 0;
};

// Several hosts.
SeedSummary run_pool(const RunnerOptions& options, uint64_t seed) {
  phoenix::sim::PoolRunOptions run;
  run.seed = seed;
  run.script = options.script;
  run.print_trace = options.sim.verbose;
  phoenix::sim::PoolRunResult result = phoenix::sim::run_pool_seed(run);
  if (options.twice && !result.violation) {
    run.print_trace = false;
    const uint64_t again = phoenix::sim::run_pool_seed(run).hash;
    if (again != result.hash) {
      result.violation = {Invariant::kSameTrace, phoenix::Instant{},
                          fmt::format("the second run's trace has the hash {:016x}", again)};
    }
  }
  const bool bad = result.violation || !result.unmet.empty();
  if (bad || options.sim.verbose) {
    std::fputs(phoenix::sim::pool_seed_text(result, options.sim).c_str(), stdout);
  }
  return {seed, result.steps, result.message_faults, result.faults, bad ? 1U : 0U};
}

SeedSummary run_one(const RunnerOptions& options, uint64_t seed) {
  if (options.sim.hosts > 0) return run_pool(options, seed);
  phoenix::sim::RunOptions run;
  run.seed = seed;
  run.steps = options.sim.steps;
  run.print_trace = options.sim.verbose;
  RunResult result = phoenix::sim::run_seed(run);
  if (options.twice && !result.violation) {
    run.print_trace = false;
    const RunResult again = phoenix::sim::run_seed(run);
    if (again.hash != result.hash) {
      result.violation = {Invariant::kSameTrace, phoenix::Instant{},
                          fmt::format("the second run's trace has the hash {:016x}", again.hash)};
    }
  }
  if (result.violation || options.sim.verbose) {
    std::fputs(phoenix::sim::seed_text(result, options.sim).c_str(), stdout);
  }
  return {seed, result.steps, result.faults, {}, result.violation ? 1U : 0U};
}

// Seeds first, first + jobs, ...; a summary each into the pipe.
void child(const RunnerOptions& options, uint64_t first, int pipe_end) {
  for (uint64_t seed = first; seed <= options.sim.seed_last; seed += options.jobs) {
    SeedSummary begun;
    begun.seed = seed;
    begun.violations = ~uint64_t{0};  // begun; what follows it says how it ended
    (void)!write(pipe_end, &begun, sizeof begun);
    const SeedSummary summary = run_one(options, seed);
    std::fflush(stdout);
    (void)!write(pipe_end, &summary, sizeof summary);
  }
}

void add(Totals& totals, const SeedSummary& summary) {
  ++totals.seeds;
  totals.steps += summary.steps;
  totals.faults.add(summary.faults);
  totals.pool_faults.add(summary.pool_faults);
  totals.violations += summary.violations;
}

// Reads one child's summaries to its end; a seed that was begun and not ended has crashed.
uint64_t collect(const RunnerOptions& options, int pipe_end, Totals& totals) {
  SeedSummary summary;
  uint64_t open = 0;
  while (read(pipe_end, &summary, sizeof summary) == static_cast<ssize_t>(sizeof summary)) {
    if (summary.violations == ~uint64_t{0}) {
      open = summary.seed;
      continue;
    }
    open = 0;
    add(totals, summary);
  }
  if (open == 0) return 0;
  std::printf("seed %llu: the program ended in the middle\n%s\nreplay: %s\n",
              static_cast<unsigned long long>(open),
              std::string(phoenix::sim::invariant_name(Invariant::kCrash)).c_str(),
              phoenix::sim::replay_command(open, options.sim).c_str());
  ++totals.seeds;
  ++totals.violations;
  return open;
}

// Every child writes into a pipe of its own. A child that crashed is started again behind the seed
// that killed it.
bool run_all(const RunnerOptions& options, Totals& totals) {
  std::vector<uint64_t> starts;
  for (unsigned job = 0; job < options.jobs; ++job) {
    if (options.sim.seed_first + job <= options.sim.seed_last) {
      starts.push_back(options.sim.seed_first + job);
    }
  }
  while (!starts.empty()) {
    std::vector<std::pair<pid_t, int>> children;
    for (uint64_t first : starts) {
      int ends[2];
      if (pipe(ends) != 0) return false;
      std::fflush(stdout);
      const pid_t pid = fork();
      if (pid < 0) return false;
      if (pid == 0) {
        close(ends[0]);
        child(options, first, ends[1]);
        std::_Exit(0);
      }
      close(ends[1]);
      children.emplace_back(pid, ends[0]);
    }
    starts.clear();
    for (auto [pid, end] : children) {
      const uint64_t crashed = collect(options, end, totals);
      close(end);
      (void)waitpid(pid, nullptr, 0);
      if (crashed != 0 && crashed + options.jobs <= options.sim.seed_last) {
        starts.push_back(crashed + options.jobs);
      }
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  RunnerOptions options;
  std::string why;
  if (!parse(argc, argv, &options, &why)) return usage(why);
  if (options.sim.hosts > 0) {
    const auto script = phoenix::sim::script_of(options.sim);
    if (!script) return usage(script.error().detail);
    options.script = *script;
  } else if (!options.sim.scenario.empty()) {
    return phoenix::run_sim(options.sim);
  }
  if (!options.sim.planted_bug.empty()) {
    const auto bug = phoenix::planted_bug_from_name(options.sim.planted_bug);
    if (!bug || !phoenix::plant(*bug)) {
      return usage("no such bug can be planted into this build: " + options.sim.planted_bug);
    }
  }
  Totals totals;
  if (!run_all(options, totals)) {
    std::fputs("cannot start a process for the seeds\n", stderr);
    return 2;
  }
  const bool pool = options.sim.hosts > 0;
  std::printf("seeds %llu, steps %llu, faults %llu (%s), violations %llu\n",
              static_cast<unsigned long long>(totals.seeds),
              static_cast<unsigned long long>(totals.steps),
              static_cast<unsigned long long>(totals.faults.total() + totals.pool_faults.total()),
              (pool ? phoenix::sim::pool_faults_text(totals.pool_faults)
                    : phoenix::sim::faults_text(totals.faults))
                  .c_str(),
              static_cast<unsigned long long>(totals.violations));
  return totals.violations == 0 ? 0 : 1;
}
