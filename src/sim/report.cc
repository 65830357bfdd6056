#include "sim/report.h"

#include <fmt/format.h>

namespace phoenix::sim {

std::string faults_text(const FaultCounts& faults) {
  std::string out;
  for (size_t i = 0; i < kFaults; ++i) {
    out += fmt::format("{}{} {}", i == 0 ? "" : ", ", kFaultNames[i], faults.of[i]);
  }
  return out;
}

std::string closing_text(uint64_t first, uint64_t next, uint64_t violations) {
  if (next == first) return "seeds 0, the time was over at once\n";
  return fmt::format("seeds {}, from {} to {}, violations {}\n", next - first, first, next - 1,
                     violations);
}

std::string replay_command(uint64_t seed, const SimOptions& options) {
  std::string out =
      fmt::format("phoenix sim --seed {} --steps {}", seed, options.steps_or(kSeedSteps));
  if (!options.planted_bug.empty()) {
    out = fmt::format("phoenix_sim_planted --seeds {}..{} --steps {} --bug {}", seed, seed,
                      options.steps_or(kSeedSteps), options.planted_bug);
  }
  if (options.sign) out += " --signed";
  if (options.govern) out += " --governed";
  return out;
}

std::string seed_text(const RunResult& result, const SimOptions& options) {
  std::string out;
  if (result.violation) {
    out += "what led to it, newest last:\n";
    for (const std::string& line : result.newest) out += "  " + line + "\n";
  }
  out += fmt::format("seed {}: {} steps, {} members, {} packets\nfaults: {}\nhash: {:016x}\n",
                     result.seed, result.steps, result.members, result.packets,
                     faults_text(result.faults), result.hash);
  if (!result.violation) return out + "violations: 0\n";
  const int64_t micros = result.violation->at.ns / 1'000;
  return out + fmt::format("violations: 1\n{} at {}.{:06}: {}\nreplay: {}\n",
                           invariant_name(result.violation->invariant), micros / 1'000'000,
                           micros % 1'000'000, result.violation->what,
                           replay_command(result.seed, options));
}

std::string seed_json(const RunResult& result) {
  std::string faults;
  for (size_t i = 0; i < kFaults; ++i) {
    faults += fmt::format("{}\"{}\":{}", i == 0 ? "" : ",", kFaultNames[i], result.faults.of[i]);
  }
  return fmt::format(
      "{{\"seed\":{},\"steps\":{},\"members\":{},\"packets\":{},\"faults\":{{{}}},"
      "\"hash\":\"{:016x}\",\"violation\":{}}}\n",
      result.seed, result.steps, result.members, result.packets, faults, result.hash,
      violation_json(result.violation));
}

}  // namespace phoenix::sim
