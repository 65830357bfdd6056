// A turn clockwise of which only those lines are read that may have members with some capabilities:
// what is beside each line says so, eight of them in a cache line. The members of a line that is
// read still have to be asked.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "ring/circle/line_ring.h"

namespace phoenix::ring {

class LineRing::Search {
 public:
  // With `any`, one of the signature's bits is enough. Requires: not empty, not moving.
  Search(const LineRing& ring, Position from, uint64_t signature, bool any)
      : ring_(ring),
        lines_(ring.now_.data()),
        masks_(ring.now_.masks()),
        size_(ring.now_.size()),
        signature_(signature),
        any_(any),
        start_(Arc::number_of(from, size_)),
        lies_(Arc::lies(from, size_)),
        at_(start_),
        left_(size_ + 1) {}

  // The members of v-nodes of the next line or spill, 0 to 10; none also means that nothing was
  // found for a while. Whole lines are copied, so `out` has Line::kCopied places before and behind
  // it that may be overwritten. The line of the start comes first and last: the part behind the
  // point, and the part before it.
  [[gnu::always_inline]] unsigned take(MemberIndex* out) {
    if (line_ == nullptr && !enter_next()) return 0;
    const Line& line = *line_;
    unsigned from = 0;
    unsigned to = line.count;
    if (number_ == start_) [[unlikely]] {
      const unsigned rank = line.rank(lies_);
      (is_last_ ? to : from) = rank;
    }
    line.copy_members(out - from);
    line_ = nullptr;
    if (line.spills()) [[unlikely]]
      line_ = &ring_.spill_[line.number()];
    return to - from;
  }
  bool over() const { return line_ == nullptr && queued_ == next_ && left_ == 0; }
  // How many lines it has thought of since this was asked last.
  uint64_t passed() { return std::exchange(passed_, 0); }

 private:
  // So many lines are asked for together, or a few more.
  static constexpr size_t kQueue = 8;
  // So many are thought of at a time: which of them pass is a guess each, so nothing branches on
  // it.
  static constexpr size_t kStep = 16;
  // After so many the caller is asked whether it goes on.
  static constexpr size_t kAtMost = 512;

  [[gnu::always_inline]] bool enter_next() {
    if (next_ == queued_) fill();
    if (next_ == queued_) return false;
    number_ = queue_[next_++];
    // The start is in the queue twice: as the first one, and as the last.
    is_last_ = entered_ && number_ == start_;
    entered_ = true;
    line_ = lines_ + number_;
    return true;
  }
  void fill() {
    next_ = queued_ = 0;
    // The start is entered whatever it has, so that its second time is known for what it is.
    if (left_ == size_ + 1) think_of_start();
    for (size_t i = 0; i < kAtMost && left_ > 1 && queued_ < kQueue; i += kStep) {
      const size_t step = std::min({kStep, left_ - 1, size_ - at_});
      queued_ = any_ ? think_of<true>(step, queued_) : think_of<false>(step, queued_);
      at_ += step;
      left_ -= step;
      passed_ += step;
      if (at_ == size_) at_ = 0;
    }
    if (left_ == 1 && queued_ < kQueue) think_of_start();
    for (size_t i = 0; i < queued_; ++i) __builtin_prefetch(lines_ + queue_[i]);
  }
  template <bool kAny>
  size_t think_of(size_t step, size_t queued) {
    const uint64_t* const masks = masks_ + at_;
    const uint64_t signature = signature_;
    const size_t first = at_;
    for (size_t i = 0; i < step; ++i) {
      queue_[queued] = first + i;
      const uint64_t common = masks[i] & signature;
      queued += (kAny ? common != 0 : common == signature) ? 1 : 0;
    }
    return queued;
  }
  void think_of_start() {
    queue_[queued_++] = start_;
    at_ = start_ + 1 == size_ ? 0 : start_ + 1;
    --left_;
    ++passed_;
  }

  const LineRing& ring_;
  const Line* lines_;
  const uint64_t* masks_;
  size_t size_;
  uint64_t signature_;
  bool any_;
  size_t start_;
  uint32_t lies_;
  size_t at_;    // the next line to think of
  size_t left_;  // how many there are, the start counted twice
  std::array<size_t, kQueue + kStep + 1> queue_;
  size_t queued_ = 0;
  size_t next_ = 0;             // in the queue
  const Line* line_ = nullptr;  // the line or spill to take from
  size_t number_ = 0;           // of the line
  bool is_last_ = false;        // it is the start, for the second time
  bool entered_ = false;
  uint64_t passed_ = 0;
};

}  // namespace phoenix::ring
