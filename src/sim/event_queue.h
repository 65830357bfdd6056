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

// Things under numbers that are given again once a thing is taken out, so that what points at them,
// as an entry in a queue does, is small. The queue of src/sim/gossip keeps its things so too.
template <class T>
class Places {
 public:
  uint32_t put(T item) {
    if (free_.empty()) {
      items_.push_back(std::move(item));
      return static_cast<uint32_t>(items_.size() - 1);
    }
    const uint32_t place = free_.back();
    free_.pop_back();
    items_[place] = std::move(item);
    return place;
  }
  T take(uint32_t place) {
    free_.push_back(place);
    return std::move(items_[place]);
  }
  T& at(uint32_t place) { return items_[place]; }
  const T& at(uint32_t place) const { return items_[place]; }

 private:
  std::vector<T> items_;
  std::vector<uint32_t> free_;
};

class EventQueue {
 public:
  using Action = std::function<void()>;

  Instant now() const { return now_; }

  // An event in the past happens now.
  void at(Instant when, Rank rank, Action action) {
    if (when < now_) when = now_;
    const uint64_t order = static_cast<uint64_t>(rank) << kNumberBits | next_number_++;
    heap_.push(Entry{when, order, actions_.put(std::move(action))});
  }
  void after(Duration delay, Action action) { at(now_ + delay, Rank::kArrival, std::move(action)); }

  bool empty() const { return heap_.empty(); }

  // Moves the time to the next event and runs it. Requires: !empty().
  void run_next() {
    const Entry next = heap_.top();
    heap_.pop();
    now_ = next.when;
    // It may enter others, and its place is free for them.
    const Action action = actions_.take(next.place);
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

  std::priority_queue<Entry> heap_;
  Places<Action> actions_;
  Instant now_{1'000'000'000};
  uint64_t next_number_ = 0;
};

}  // namespace phoenix::sim
