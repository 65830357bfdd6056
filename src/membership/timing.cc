#include "membership/timing.h"

#include <algorithm>
#include <cmath>

namespace phoenix::gossip {
namespace {

// ceil(log10(n)) of n >= 1, without a float in it: every platform agrees.
int digits_below(size_t n) {
  int digits = 0;
  for (size_t power = 1; power<n; power = power> SIZE_MAX / 10 ? SIZE_MAX : power * 10) ++digits;
  return digits;
}

}  // namespace

Duration shortest_suspicion(const Timing& timing, size_t n) {
  const double scale = std::max(1.0, std::log10(static_cast<double>(std::max<size_t>(1, n))));
  const auto thousandths = static_cast<int64_t>(scale * 1000);
  return timing.probe_interval * timing.suspicion_multiplier * thousandths / 1000;
}

Duration suspicion_length(Duration shortest, Duration longest, int confirmations, int expected) {
  if (expected < 1) return shortest;
  const double share = std::log(confirmations + 1.0) / std::log(expected + 1.0);
  const double length =
      static_cast<double>(longest.ns) - share * static_cast<double>((longest - shortest).ns);
  // Whole milliseconds, as memberlist reckons; the tiny addend keeps 2,000 from becoming 1,999.
  const auto ms = static_cast<int64_t>(std::floor(length / 1e6 + 1e-6));
  return std::max(shortest, milliseconds(ms));
}

int retransmit_limit(const Timing& timing, size_t n) {
  const int told_to_all = static_cast<int>(std::min<size_t>(n, 8));
  return std::max(timing.retransmit_multiplier * digits_below(n + 1), told_to_all);
}

Duration push_pull_every(const Timing& timing, size_t n) {
  int64_t times = 1;
  for (size_t hosts = 32; hosts < n && times < 64; hosts *= 2) ++times;
  return timing.push_pull_interval * times;
}

}  // namespace phoenix::gossip
