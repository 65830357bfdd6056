// How long the parts of a handoff take. A driver may lend the core a clock for that: what is read
// from it goes into Stats and nowhere else, so nothing is ever decided by it, and runs without one
// (the simulator's) differ in no output. Private to src/node.
#pragma once

#include <functional>
#include <utility>

#include "base/time.h"
#include "node/stats.h"

namespace phoenix {

// One handoff on its way to the store.
struct HandoffSpan {
  PhaseTimes spent{};
  Instant written;  // when its commit began
};

class HandoffMeter {
 public:
  explicit HandoffMeter(std::function<Instant()> clock) : clock_(std::move(clock)) {}

  // Of the handoff at hand; what was spent on an earlier one is no part of it.
  void begin() { spent_ = {}; }
  const PhaseTimes& spent() const { return spent_; }
  // Does the work, which counts as that phase. Requires: no other phase is being measured.
  template <class Work>
  auto in(HandoffPhase phase, Work&& work) {
    if (!clock_) return std::forward<Work>(work)();
    const Instant before = clock_();
    auto done = std::forward<Work>(work)();
    add(spent_, phase, clock_() - before);
    return done;
  }
  // Beside `input`, when the input at hand came in.
  Instant now(Instant input) const { return clock_ ? clock_() : input; }

  static void add(PhaseTimes& to, HandoffPhase phase, Duration took) {
    std::optional<Duration>& sum = to[static_cast<size_t>(phase)];
    sum = sum.value_or(Duration{}) + took;
  }

 private:
  std::function<Instant()> clock_;
  PhaseTimes spent_{};
};

}  // namespace phoenix
