// Virtual time: what is to happen, ordered by (time, rank, number of entry). Two runs that enter
// the same events run them in the same order, whatever the machine. Nothing here reads a clock.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "base/time.h"

namespace phoenix::sim {

// Wall clock at the virtual time zero, where nobody has set it.
inline constexpr WallMs kWallStart = 1'800'000'000'000;

// At one instant, what has arrived is taken before any timer.
enum class Rank : uint8_t { kArrival, kTimer };

class EventQueue {
 public:
  using Action = std::function<void()>;

  Instant now() const { return now_; }

  // An event in the past happens now.
  void at(Instant when, Rank rank, Action action) {
    if (when < now_) when = now_;
    heap_.push(Entry{when, rank, next_number_++, std::move(action)});
  }
  void after(Duration delay, Action action) { at(now_ + delay, Rank::kArrival, std::move(action)); }

  bool empty() const { return heap_.empty(); }

  // Moves the time to the next event and runs it. Requires: !empty().
  void run_next() {
    // top() is const only because moving a key would break the heap; it is popped at once.
    Action action = std::move(const_cast<Entry&>(heap_.top()).action);
    now_ = heap_.top().when;
    heap_.pop();
    action();
  }

 private:
  struct Entry {
    Instant when;
    Rank rank;
    uint64_t number;
    Action action;
    bool operator<(const Entry& other) const {  // the heap's top is its greatest
      if (when != other.when) return when > other.when;
      if (rank != other.rank) return rank > other.rank;
      return number > other.number;
    }
  };
  std::priority_queue<Entry> heap_;
  Instant now_{1'000'000'000};
  uint64_t next_number_ = 0;
};

}  // namespace phoenix::sim
