#include "bench/ring/timing.h"

#include <fmt/format.h>
#include <sched.h>

#include "bench/figures.h"

namespace phoenix::bench {

void pin_thread() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  // The last one: interrupts prefer the first.
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0; --cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

std::string size_text(size_t members) {
  if (members >= 1'000'000) return fmt::format("{}M x 128", members / 1'000'000);
  if (members >= 1'000) return fmt::format("{}k x 128", members / 1'000);
  return fmt::format("{} x 128", members);
}

double Rounds::measure(const Method& method) const {
  method.loop(method.times / 4 + 1);
  const Duration begin = thread_clock();
  method.loop(method.times);
  return static_cast<double>((thread_clock() - begin).ns) / static_cast<double>(method.times);
}

void Rounds::run() {
  for (Method& method : methods_) {
    // Doubled until a sixteenth of the time is reached, which is long enough to reckon from.
    for (;; method.times *= 2) {
      const Duration begin = thread_clock();
      method.loop(method.times);
      const auto taken = static_cast<double>((thread_clock() - begin).ns);
      const auto wanted = static_cast<double>(each_.ns);
      if (taken * 16 < wanted) continue;
      method.times = static_cast<size_t>(static_cast<double>(method.times) * wanted / taken) + 1;
      break;
    }
  }
  for (int round = 0; round < rounds_; ++round) {
    for (const Method& method : methods_) taken_[method.name].push_back(measure(method));
  }
}

std::vector<std::string> Rounds::names() const {
  std::vector<std::string> all;
  for (const Method& method : methods_) all.push_back(method.name);
  return all;
}

double Rounds::ns(const std::string& name) const { return median(taken_.at(name)); }

double Rounds::ratio(const std::string& numerator, const std::string& denominator) const {
  return median_ratio(taken_.at(numerator), taken_.at(denominator));
}

}  // namespace phoenix::bench
