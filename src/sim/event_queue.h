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
    const uint64_t order = static_cast<uint64_t>(rank) << kNumberBits | next_number_++;
    heap_.push(Entry{when, order, keep(std::move(action))});
  }
  void after(Duration delay, Action action) { at(now_ + delay, Rank::kArrival, std::move(action)); }

  bool empty() const { return heap_.empty(); }

  // Moves the time to the next event and runs it. Requires: !empty().
  void run_next() {
    const Entry next = heap_.top();
    heap_.pop();
    now_ = next.when;
    // It may enter others, and its place is free for them.
    const Action action = std::exchange(actions_[next.place], nullptr);
    free_.push_back(next.place);
    action();
  }

 private:
  static constexpr unsigned kNumberBits = 56;
  // What the heap moves about is small; the actions stay where they are.
  struct Entry {
    Instant when;
    uint64_t order;                             // rank, then number
    uint32_t place;                             // in actions_
    bool operator<(const Entry& other) const {  // the heap's top is its greatest
      if (when != other.when) return when > other.when;
      return order > other.order;
    }
  };

  uint32_t keep(Action action) {
    if (free_.empty()) {
      actions_.push_back(std::move(action));
      return static_cast<uint32_t>(actions_.size() - 1);
    }
    const uint32_t place = free_.back();
    free_.pop_back();
    actions_[place] = std::move(action);
    return place;
  }

  std::priority_queue<Entry> heap_;
  std::vector<Action> actions_;
  std::vector<uint32_t> free_;  // places
  Instant now_{1'000'000'000};
  uint64_t next_number_ = 0;
};

}  // namespace phoenix::sim
