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

  // One turn clockwise from the first v-node at or after a point.
  class Cursor {
   public:
    Cursor(const ClassRing& ring, Position from)
        : ring_(ring), at_(ring.first_at(from)), left_(ring.vnodes_.size()) {}
    bool next(Vnode& out) {
      if (left_ == 0) return false;
      --left_;
      if (at_ == ring_.vnodes_.size()) at_ = 0;
      out = ring_.vnodes_[at_++];
      return true;
    }

   private:
    const ClassRing& ring_;
    size_t at_;
    size_t left_;
  };

 private:
  void index();
  size_t first_at(Position point) const {
    size_t at = starts_[point >> shift_];
    while (at < vnodes_.size() && vnodes_[at].position < point) ++at;
    return at;
  }

  std::vector<Vnode> vnodes_;
  std::vector<uint32_t> starts_;  // by top bits: the first v-node at or after that position
  unsigned shift_ = 31;
};

}  // namespace phoenix::ring
