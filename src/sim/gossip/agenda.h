// Virtual time for thousands of hosts: what is to happen, ordered by time, then by order of entry,
// so that two runs of one seed do the same in the same order. Entries are small; what they carry
// lies in slots that are used again. Nothing here reads a clock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/time.h"

namespace phoenix::hostsim {

enum class What : uint8_t {
  kTick,
  kDatagram,
  kRefusal,     // nobody listens where a datagram went
  kRequest,     // a stream's request is all there
  kAnswer,      // and its answer
  kStreamOver,  // no answer will come
  kStoreAsk,
  kStoreAnswer,
  kCall,
};

struct Entry {
  Instant when;
  uint64_t number = 0;
  uint32_t host = 0;
  uint32_t life = 0;  // of the host, where it matters
  uint32_t slot = 0;
  What what = What::kTick;
};

class Agenda {
 public:
  Instant now() const { return now_; }
  bool empty() const { return heap_.empty(); }
  Instant next() const { return heap_.empty() ? kNever : heap_.front().when; }
  uint64_t taken() const { return taken_; }

  // What should have happened before now happens now.
  void add(Entry entry) {
    entry.when = std::max(entry.when, now_);
    entry.number = next_number_++;
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  // Moves the time to the next entry. Requires: !empty().
  Entry take() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Entry entry = heap_.back();
    heap_.pop_back();
    now_ = entry.when;
    ++taken_;
    return entry;
  }
  // Requires: nothing is due before `when`.
  void pass(Instant when) { now_ = std::max(now_, when); }

 private:
  static bool later(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }
  std::vector<Entry> heap_;
  Instant now_{0};
  uint64_t next_number_ = 0;
  uint64_t taken_ = 0;
};

// Things under numbers that are given again once a thing is taken out.
template <class T>
class Slots {
 public:
  uint32_t put(T item) {
    if (free_.empty()) {
      items_.push_back(std::move(item));
      return static_cast<uint32_t>(items_.size() - 1);
    }
    const uint32_t slot = free_.back();
    free_.pop_back();
    items_[slot] = std::move(item);
    return slot;
  }
  T take(uint32_t slot) {
    free_.push_back(slot);
    return std::exchange(items_[slot], T{});
  }
  T& at(uint32_t slot) { return items_[slot]; }

 private:
  std::vector<T> items_;
  std::vector<uint32_t> free_;
};

}  // namespace phoenix::hostsim
