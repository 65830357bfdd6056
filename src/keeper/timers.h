// Deadlines in order, with cheap cancellation: an entry that is no longer meant is dropped by its
// owner when it comes up (`life` differs, or the state says so). Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace phoenix {

// At is Instant or WallMs.
template <class At>
class Timers {
 public:
  struct Entry {
    At at;
    uint32_t what;
    uint32_t life;
    bool operator>(const Entry& other) const {
      if (at != other.at) return at > other.at;
      return what != other.what ? what > other.what : life > other.life;
    }
  };
  void add(At at, uint32_t what, uint32_t life) { heap_.push({at, what, life}); }
  bool empty() const { return heap_.empty(); }
  At next() const { return heap_.top().at; }
  bool due(At now) const { return !heap_.empty() && heap_.top().at <= now; }
  const Entry& top() const { return heap_.top(); }
  Entry pop() {
    const Entry entry = heap_.top();
    heap_.pop();
    return entry;
  }
  size_t size() const { return heap_.size(); }

 private:
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> heap_;
};

}  // namespace phoenix
