// An array of cache lines that start out as zero bytes. Large ones are aligned for huge pages,
// which a random read over hundreds of megabytes needs more than anything else; and their front can
// be given back while the rest is in use. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "ring/circle/line.h"

namespace phoenix::ring {

class LineArray {
 public:
  LineArray() = default;
  explicit LineArray(size_t size);
  LineArray(const LineArray&) = delete;
  LineArray& operator=(const LineArray&) = delete;
  LineArray(LineArray&& other) noexcept { swap(other); }
  LineArray& operator=(LineArray&& other) noexcept {
    LineArray(std::move(other)).swap(*this);
    return *this;
  }
  ~LineArray();

  size_t size() const { return size_; }
  Line* data() { return lines_; }
  const Line* data() const { return lines_; }

  // The first `count` lines are not needed any more, and hold anything from now on.
  void drop_front(size_t count);
  // What the machine has to keep if the lines from `touched` on were never written.
  size_t bytes(size_t touched) const;

 private:
  void swap(LineArray& other) noexcept {
    std::swap(lines_, other.lines_);
    std::swap(size_, other.size_);
    std::swap(dropped_, other.dropped_);
  }

  Line* lines_ = nullptr;
  size_t size_ = 0;
  size_t dropped_ = 0;  // bytes given back, whole huge pages
};

}  // namespace phoenix::ring
