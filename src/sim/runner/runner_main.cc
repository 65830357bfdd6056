// phoenix_sim_runner: many seeds, spread over processes, one closing line.
//
//   phoenix_sim_runner --seeds 1..1000 [--steps N] [--hosts N] [--twice] [--jobs N]
//                      [--scenario FILE] [--bug B]
//   phoenix_sim_runner --hours H [...]
//
// With --hosts the seeds are of several hosts, and the scenario says what happens in each of them.
// With --hours it plays fresh seeds, those of the clock, until so long has passed.
// Each seed runs in a child process, so that a crash of one is a finding and no end of the others.
// Exit 0: no violation; 1: one or more, each with the command that replays it; 2: wrong use.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
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

using Clock = std::chrono::steady_clock;

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
  Clock::time_point until{};  // with --hours
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
               "%s\nphoenix_sim_runner --seeds A..B | --hours H [--steps N] [--hosts N]"
               " [--signed] [--governed] [--twice] [--jobs N]"
               " [--scenario FILE] [--bug NAME] [--verbose]\n"
               "  as: phoenix_sim_runner --seeds 1..1000\n",
               why.c_str());
  return 2;
}

bool hours(std::string_view text, RunnerOptions* options) {
  const auto length = phoenix::parse_hours(text);
  if (!length) return false;
  options->until = Clock::now() + std::chrono::nanoseconds(length->ns);
  options->sim.more = [until = options->until] { return Clock::now() < until; };
  const auto today = std::chrono::system_clock::now().time_since_epoch();
  options->sim.seed_first =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(today).count());
  return true;
}

bool parse(int argc, char** argv, RunnerOptions* options, std::string* why) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--twice") {
      options->twice = true;
      continue;
    }
    if (flag == "--signed") {
      options->sim.sign = true;
      continue;
    }
    if (flag == "--governed") {
      options->sim.govern = true;
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
    } else if (flag == "--hours") {
      good = hours(value, options);
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
  run.sign = options.sim.sign;
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
  run.steps = options.sim.steps_or(phoenix::kSeedSteps);
  run.print_trace = options.sim.verbose;
  run.sign = options.sim.sign;
  run.govern = options.sim.govern;
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
  for (uint64_t seed = first; options.sim.goes_on_with(seed); seed += options.jobs) {
    SeedSummary begun;
    begun.seed = seed;
    begun.violations = ~uint64_t{0};  // begun; what follows it says how it ended
    (void)!write(pipe_end, &begun, sizeof begun);
    const SeedSummary summary = run_one(options, seed);
    std::fflush(stdout);
    (void)!write(pipe_end, &summary, sizeof summary);
  }
}

struct Child {
  pid_t pid = 0;
  int end = -1;       // of its pipe
  uint64_t open = 0;  // the seed that it has begun and not ended; 0: none
};

// Every child writes into a pipe of its own.
bool start(const RunnerOptions& options, uint64_t first, std::vector<Child>& children) {
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
  children.push_back({pid, ends[0], 0});
  return true;
}

void take(const SeedSummary& summary, Child& from, Totals& totals) {
  from.open = summary.seed;
  if (summary.violations == ~uint64_t{0}) return;
  from.open = 0;
  ++totals.seeds;
  totals.steps += summary.steps;
  totals.faults.add(summary.faults);
  totals.pool_faults.add(summary.pool_faults);
  totals.violations += summary.violations;
}

// It has ended; a seed that was begun and not ended has crashed it.
void ended(const RunnerOptions& options, const Child& child, Totals& totals) {
  close(child.end);
  (void)waitpid(child.pid, nullptr, 0);
  if (child.open == 0) return;
  const std::string replay = options.sim.hosts > 0
                                 ? phoenix::sim::pool_replay_command(child.open, options.sim)
                                 : phoenix::sim::replay_command(child.open, options.sim);
  std::printf("seed %llu: the program ended in the middle\n%s\nreplay: %s\n",
              static_cast<unsigned long long>(child.open),
              std::string(phoenix::sim::invariant_name(Invariant::kCrash)).c_str(), replay.c_str());
  ++totals.seeds;
  ++totals.violations;
}

// A long run says now and then that it lives.
void say_progress(const RunnerOptions& options, Clock::time_point& next, const Totals& totals) {
  if (!options.sim.more || Clock::now() < next) return;
  next = Clock::now() + std::chrono::minutes(5);
  const auto left = std::chrono::duration_cast<std::chrono::minutes>(options.until - Clock::now());
  std::fprintf(stderr, "seeds %llu, violations %llu; %lld minutes are left\n",
               static_cast<unsigned long long>(totals.seeds),
               static_cast<unsigned long long>(totals.violations),
               static_cast<long long>(std::max<int64_t>(0, left.count())));
}

// A child that crashed is followed by one that goes on behind the seed that killed it.
bool run_all(const RunnerOptions& options, Totals& totals) {
  std::vector<Child> children;
  for (unsigned job = 0; job < options.jobs; ++job) {
    const uint64_t first = options.sim.seed_first + job;
    if (options.sim.goes_on_with(first) && !start(options, first, children)) return false;
  }
  Clock::time_point progress = Clock::now();
  while (!children.empty()) {
    say_progress(options, progress, totals);
    // All at once: none has to wait with a full pipe for the others to end.
    std::vector<pollfd> ready;
    for (const Child& child : children) ready.push_back({child.end, POLLIN, 0});
    if (poll(ready.data(), ready.size(), -1) < 0) return false;
    std::vector<Child> living;
    std::vector<uint64_t> again;
    for (size_t i = 0; i < children.size(); ++i) {
      Child& child = children[i];
      SeedSummary summary;
      const bool told = ready[i].revents == 0 || read(child.end, &summary, sizeof summary) ==
                                                     static_cast<ssize_t>(sizeof summary);
      if (ready[i].revents != 0 && told) take(summary, child, totals);
      if (told) {
        living.push_back(child);
      } else {
        ended(options, child, totals);
        if (child.open != 0) again.push_back(child.open + options.jobs);
      }
    }
    children = std::move(living);
    for (const uint64_t first : again) {
      if (options.sim.goes_on_with(first) && !start(options, first, children)) return false;
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
