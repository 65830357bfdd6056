// An array that starts out as zero bytes. Large ones are aligned for huge pages, which a random
// read over hundreds of megabytes needs more than anything else; and their front can be given back
// while the rest is in use. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "ring/circle/line.h"

namespace phoenix::ring {

// The memory of such an array.
class ZeroedMemory {
 public:
  ZeroedMemory() = default;
  explicit ZeroedMemory(size_t bytes);
  ZeroedMemory(const ZeroedMemory&) = delete;
  ZeroedMemory& operator=(const ZeroedMemory&) = delete;
  ZeroedMemory(ZeroedMemory&& other) noexcept { swap(other); }
  ZeroedMemory& operator=(ZeroedMemory&& other) noexcept {
    ZeroedMemory(std::move(other)).swap(*this);
    return *this;
  }
  ~ZeroedMemory();

  void* data() const { return start_; }
  // The first so many bytes are not needed any more, and hold anything from now on.
  void drop_front(size_t bytes);
  // What the machine has to keep if the bytes from `touched` on were never written.
  size_t bytes(size_t touched) const;

 private:
  void swap(ZeroedMemory& other) noexcept {
    std::swap(start_, other.start_);
    std::swap(size_, other.size_);
    std::swap(dropped_, other.dropped_);
  }

  void* start_ = nullptr;
  size_t size_ = 0;
  size_t dropped_ = 0;  // given back, whole huge pages
};

// Lines, and beside each the capabilities that are found there: a bit for each, of all members with
// a v-node in the line or in its spills, and perhaps of some that had one.
class LineArray {
 public:
  LineArray() = default;
  explicit LineArray(size_t size)
      : lines_(size * sizeof(Line)), masks_(size * sizeof(uint64_t)), size_(size) {}

  size_t size() const { return size_; }
  Line* data() { return static_cast<Line*>(lines_.data()); }
  const Line* data() const { return static_cast<const Line*>(lines_.data()); }
  uint64_t* masks() { return static_cast<uint64_t*>(masks_.data()); }
  const uint64_t* masks() const { return static_cast<const uint64_t*>(masks_.data()); }

  // The first `count` lines are not needed any more, and hold anything from now on.
  void drop_front(size_t count) {
    lines_.drop_front(count * sizeof(Line));
    masks_.drop_front(count * sizeof(uint64_t));
  }
  // What the machine has to keep if the lines from `touched` on were never written.
  size_t bytes(size_t touched) const {
    return lines_.bytes(touched * sizeof(Line)) + masks_.bytes(touched * sizeof(uint64_t));
  }

 private:
  ZeroedMemory lines_;
  ZeroedMemory masks_;
  size_t size_ = 0;
};

}  // namespace phoenix::ring
