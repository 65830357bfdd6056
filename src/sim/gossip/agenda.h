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

// The next few stand in order in a list of their own, so that whoever carries them out can see who
// comes (a host's data are rarely in a cache), and the others in a heap behind them.
class Agenda {
 public:
  Instant now() const { return now_; }
  bool empty() const { return soon_.size() == at_; }
  Instant next() const { return empty() ? kNever : soon_[at_].when; }
  uint64_t taken() const { return taken_; }
  // The one behind so many others, as far as is known yet; null: not known.
  const Entry* coming(size_t ahead) const {
    return at_ + ahead < soon_.size() ? &soon_[at_ + ahead] : nullptr;
  }

  // What should have happened before now happens now.
  void add(Entry entry) {
    entry.when = std::max(entry.when, now_);
    entry.number = next_number_++;
    if (heap_.empty() || later(heap_.front(), entry)) {
      const auto place =
          std::upper_bound(soon_.begin() + static_cast<ptrdiff_t>(at_), soon_.end(), entry,
                           [](const Entry& a, const Entry& b) { return later(b, a); });
      soon_.insert(place, entry);
      if (soon_.size() - at_ > kMostSoon) {
        push(soon_.back());
        soon_.pop_back();
      }
    } else {
      push(entry);
    }
  }
  // Moves the time to the next entry. Requires: !empty().
  Entry take() {
    const Entry entry = soon_[at_++];
    now_ = entry.when;
    ++taken_;
    if (soon_.size() - at_ < kSoon) fill_up();
    return entry;
  }
  // Requires: nothing is due before `when`.
  void pass(Instant when) { now_ = std::max(now_, when); }

 private:
  static constexpr size_t kSoon = 48, kMostSoon = 4 * kSoon;

  static bool later(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }
  void push(const Entry& entry) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  void fill_up() {
    soon_.erase(soon_.begin(), soon_.begin() + static_cast<ptrdiff_t>(at_));
    at_ = 0;
    while (soon_.size() < 2 * kSoon && !heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), later);
      soon_.push_back(heap_.back());
      heap_.pop_back();
    }
  }

  std::vector<Entry> soon_;  // in order, from at_ on; all before those of the heap
  size_t at_ = 0;
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
  const T& at(uint32_t slot) const { return items_[slot]; }

 private:
  std::vector<T> items_;
  std::vector<uint32_t> free_;
};

}  // namespace phoenix::hostsim
