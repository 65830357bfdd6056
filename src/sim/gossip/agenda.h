// Virtual time for thousands of hosts: what is to happen, ordered by time, then by order of entry,
// so that two runs of one seed do the same in the same order. Entries are small; what they carry
// lies in places that are used again. Nothing here reads a clock.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
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
// comes (a host's data are rarely in a cache). Those of the next second lie unordered in a wheel, a
// slot for each 131 us, and are put in order when their slot's turn comes; what is further away
// waits in a heap.
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
    const uint64_t turn = turn_of(entry.when);
    if (turn < turn_) {
      const auto place =
          std::upper_bound(soon_.begin() + static_cast<ptrdiff_t>(at_), soon_.end(), entry, sooner);
      soon_.insert(place, entry);
    } else if (turn < turn_ + kSlots) {
      put_in_wheel(entry);
    } else {
      far_.push_back(entry);
      std::push_heap(far_.begin(), far_.end(), later);
    }
    if (empty()) fill_up();
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
  static constexpr size_t kSoon = 48;
  static constexpr int kSlotBits = 17;  // of nanoseconds
  static constexpr size_t kSlots = 8'192, kWord = 64;

  static bool sooner(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when < b.when : a.number < b.number;
  }
  static bool later(const Entry& a, const Entry& b) { return sooner(b, a); }
  static uint64_t turn_of(Instant when) { return static_cast<uint64_t>(when.ns) >> kSlotBits; }

  void put_in_wheel(const Entry& entry) {
    const size_t slot = turn_of(entry.when) % kSlots;
    wheel_[slot].push_back(entry);
    filled_[slot / kWord] |= uint64_t{1} << slot % kWord;
    ++in_wheel_;
  }
  // The first turn from turn_ on that has entries. Requires: the wheel has some.
  uint64_t next_turn() const {
    const size_t from = turn_ % kSlots;
    for (size_t words = 0, word = from / kWord;; ++words, word = (word + 1) % filled_.size()) {
      uint64_t bits = filled_[word];
      if (words == 0) bits &= UINT64_MAX << from % kWord;
      if (bits == 0) continue;
      const size_t slot = word * kWord + static_cast<size_t>(std::countr_zero(bits));
      return turn_ + (slot + kSlots - from) % kSlots;
    }
  }
  // Takes turn after turn out of the wheel until enough stand in order.
  void fill_up() {
    soon_.erase(soon_.begin(), soon_.begin() + static_cast<ptrdiff_t>(at_));
    at_ = 0;
    while (soon_.size() < 2 * kSoon && in_wheel_ + far_.size() > 0) {
      turn_ = in_wheel_ > 0 ? next_turn() : turn_of(far_.front().when);
      std::vector<Entry>& slot = wheel_[turn_ % kSlots];
      const auto first = static_cast<ptrdiff_t>(soon_.size());
      soon_.insert(soon_.end(), slot.begin(), slot.end());
      std::sort(soon_.begin() + first, soon_.end(), sooner);
      in_wheel_ -= slot.size();
      slot.clear();
      filled_[turn_ % kSlots / kWord] &= ~(uint64_t{1} << turn_ % kWord);
      ++turn_;
      // None of those that are far may fall behind the wheel.
      while (!far_.empty() && turn_of(far_.front().when) < turn_ + kSlots) {
        std::pop_heap(far_.begin(), far_.end(), later);
        const Entry entry = far_.back();
        far_.pop_back();
        if (turn_of(entry.when) >= turn_) {
          put_in_wheel(entry);
        } else {
          soon_.push_back(entry);
        }
      }
    }
  }

  std::vector<Entry> soon_;  // in order, from at_ on: all whose turn is before turn_
  size_t at_ = 0;
  uint64_t turn_ = 0;
  std::vector<std::vector<Entry>> wheel_ = std::vector<std::vector<Entry>>(kSlots);
  std::array<uint64_t, kSlots / kWord> filled_{};  // a bit for each slot that has entries
  size_t in_wheel_ = 0;
  std::vector<Entry> far_;  // a heap: their turn is turn_ + kSlots or later
  Instant now_{0};
  uint64_t next_number_ = 0;
  uint64_t taken_ = 0;
};

}  // namespace phoenix::hostsim
