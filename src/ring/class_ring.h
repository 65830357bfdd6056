// The part of the circle that matters to one class: the v-nodes of its matching members, at the
// same positions and in the same order as on the whole circle, with an index by position.
#pragma once

#include <cstdint>
#include <vector>

#include "ring/roster.h"

namespace phoenix::ring {

class ClassRing {
 public:
  // Requires: in ring order.
  explicit ClassRing(std::vector<Vnode> vnodes) : vnodes_(std::move(vnodes)) { index(); }

  const std::vector<Vnode>& vnodes() const { return vnodes_; }
  void replace(std::vector<Vnode> vnodes);
  size_t bytes() const {
    return sizeof *this + vnodes_.capacity() * sizeof(Vnode) +
           starts_.capacity() * sizeof(uint32_t);
  }

  // All that a walk needs to read of a ring. Replacing the ring's content invalidates it.
  struct View {
    const Vnode* vnodes = nullptr;
    const uint32_t* starts = nullptr;
    uint32_t size = 0;
    unsigned shift = 0;
  };
  View view() const {
    return {vnodes_.data(), starts_.data(), static_cast<uint32_t>(vnodes_.size()), shift_};
  }

  // One turn clockwise from the first v-node at or after a point. Requires: not empty.
  class Cursor {
   public:
    Cursor(const View& ring, Position from)
        : vnodes_(ring.vnodes),
          size_(ring.size),
          at_(ring.starts[from >> ring.shift]),
          left_(ring.size) {
      while (at_ < size_ && vnodes_[at_].position < from) ++at_;
    }
    bool next(Vnode& out) {
      if (left_ == 0) return false;
      --left_;
      if (at_ == size_) at_ = 0;
      out = vnodes_[at_++];
      return true;
    }

   private:
    const Vnode* vnodes_;
    uint32_t size_;
    uint32_t at_;
    uint32_t left_;
  };

 private:
  void index();

  std::vector<Vnode> vnodes_;
  std::vector<uint32_t> starts_;  // by top bits: the first v-node at or after that position
  unsigned shift_ = 31;
};

}  // namespace phoenix::ring
