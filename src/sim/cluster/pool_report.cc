#include "sim/cluster/pool_report.h"

#include <fmt/format.h>

#include <cstdio>

#include "sim/report.h"

namespace phoenix::sim {

Result<PoolScript> script_of(const SimOptions& options) {
  if (!options.scenario.empty()) return read_pool_script(options.scenario);
  PoolScript script;
  script.hosts = static_cast<size_t>(options.hosts);
  return script;
}

std::string pool_faults_text(const PoolFaultCounts& faults) {
  std::string out;
  for (size_t i = 0; i < kPoolFaults; ++i) {
    out += fmt::format("{}{} {}", i == 0 ? "" : ", ", kPoolFaultNames[i], faults.of[i]);
  }
  return out;
}

std::string pool_replay_command(uint64_t seed, const SimOptions& options) {
  const std::string scenario =
      (options.scenario.empty() ? "" : fmt::format(" --scenario {}", options.scenario)) +
      (options.sign ? " --signed" : "");
  if (options.planted_bug.empty()) {
    return fmt::format("phoenix sim --hosts {} --seed {}{}", options.hosts, seed, scenario);
  }
  return fmt::format("phoenix_sim_planted --hosts {} --seeds {}..{}{} --bug {}", options.hosts,
                     seed, seed, scenario, options.planted_bug);
}

std::string pool_seed_text(const PoolRunResult& result, const SimOptions& options) {
  std::string out;
  if (result.violation) {
    out += "what led to it, newest last:\n";
    for (const std::string& line : result.newest) out += "  " + line + "\n";
  }
  out += fmt::format("seed {}: {} steps\nfaults: {}\nfigures:", result.seed, result.steps,
                     pool_faults_text(result.faults));
  for (const auto& [name, value] : result.figures) out += fmt::format(" {} {}", name, value);
  out += fmt::format("\nhash: {:016x}\n", result.hash);
  for (const std::string& sentence : result.unmet) out += "not as expected: " + sentence + "\n";
  if (!result.violation) {
    out += "violations: 0\n";
  } else {
    const int64_t micros = result.violation->at.ns / 1'000;
    out += fmt::format("violations: 1\n{} at {}.{:06}: {}\n",
                       invariant_name(result.violation->invariant), micros / 1'000'000,
                       micros % 1'000'000, result.violation->what);
  }
  if (!result.violation && result.unmet.empty()) return out;
  return out + fmt::format("replay: {}\n", pool_replay_command(result.seed, options));
}

std::string pool_seed_json(const PoolRunResult& result) {
  std::string faults;
  for (size_t i = 0; i < kPoolFaults; ++i) {
    faults +=
        fmt::format("{}\"{}\":{}", i == 0 ? "" : ",", kPoolFaultNames[i], result.faults.of[i]);
  }
  std::string figures;
  for (const auto& [name, value] : result.figures) {
    figures += fmt::format("{}\"{}\":{}", figures.empty() ? "" : ",", name, value);
  }
  return fmt::format(
      "{{\"seed\":{},\"steps\":{},\"faults\":{{{}}},\"figures\":{{{}}},\"hash\":\"{:016x}\","
      "\"unmet\":{},\"violation\":{}}}\n",
      result.seed, result.steps, faults, figures, result.hash, result.unmet.size(),
      violation_json(result.violation));
}

int play_pool_seeds(const SimOptions& options) {
  const auto script = script_of(options);
  if (!script) {
    std::fprintf(stderr, "%s\n", script.error().detail.c_str());
    return 2;
  }
  uint64_t seed = options.seed_first;
  uint64_t violations = 0;
  for (; options.goes_on_with(seed); ++seed) {
    const PoolRunResult result = run_pool_seed(
        {.seed = seed, .script = *script, .print_trace = options.verbose, .sign = options.sign});
    const bool failed = result.violation || !result.unmet.empty();
    if (failed) ++violations;
    if (options.more && !failed) continue;
    std::fputs((options.json ? pool_seed_json(result) : pool_seed_text(result, options)).c_str(),
               stdout);
    std::fflush(stdout);
  }
  if (options.more && !options.json) {
    std::fputs(closing_text(options.seed_first, seed, violations).c_str(), stdout);
  }
  return violations == 0 ? 0 : 1;
}

}  // namespace phoenix::sim
