// One host's way to the shared store: requests that arrive, arrive late or never, answers that come
// or do not. Requests keep their order, as on one connection, unless one is overtaken by its
// deadline; whoever asks has its answer by the deadline or does not know what happened.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "base/prng.h"
#include "sim/event_queue.h"
#include "sim/fault.h"

namespace phoenix::sim {

// What is wrong with a host's way to the store, for all its lines.
struct StoreTrouble {
  bool cut = false;
  Instant slow_until{0};
  std::deque<PoolFault> writes;  // for one commit each, or the settling of one, in order
  size_t lost_releases = 0;      // of slots: after each the store falls over, and it is lost
  bool any(Instant now) const { return cut || now < slow_until || !writes.empty(); }
};

class StoreLine {
 public:
  StoreLine(EventQueue& queue, StoreTrouble& trouble, Prng prng)
      : queue_(queue), trouble_(trouble), prng_(prng) {}

  static constexpr Duration kDeadline = seconds(2);

  // `there` happens at the store. `back(true)`: it has happened. `back(false)`: no answer came in
  // time; it may have happened, may yet, or never will. `back` is called exactly once.
  void ask(std::function<void()> there, std::function<void(bool)> back);
  // The same with a fault chosen for it.
  void ask(std::function<void()> there, std::function<void(bool)> back, PoolFault fault);

 private:
  void send(Instant arrival, bool told, std::function<void()> there,
            std::function<void(bool)> back);

  EventQueue& queue_;
  StoreTrouble& trouble_;
  Prng prng_;
  Instant last_there_{0};
  Instant last_back_{0};
};

}  // namespace phoenix::sim
