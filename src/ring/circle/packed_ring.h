// The part of the ring that matters to one class: the v-nodes of its matching members, at the same
// positions and in the same order as on the whole ring, in nine bytes each. Cut into equal arcs,
// each a sorted array of a few dozen, so that a join shifts a few hundred bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "ring/catalogue/members.h"

namespace phoenix::ring {

class PackedRing {
 public:
  // The members give the order of equal positions; needed for changes only.
  explicit PackedRing(const Members& members) : members_(members) {}

  // In place of all that it has. Requires: in ring order.
  void build(const std::vector<Vnode>& vnodes);
  void insert(std::span<const Vnode> vnodes);
  // Requires: all are there. Of several equal ones as many go.
  void erase(std::span<const Vnode> vnodes);

  size_t size() const { return size_; }
  size_t bytes() const { return bytes_; }

  // One turn clockwise from the first v-node at or after a point. Changes invalidate it. Requires:
  // not empty.
  class Cursor {
   public:
    Cursor(const PackedRing& ring, Position from);
    // False when the turn is over.
    bool next(Vnode& out) {
      if (left_ == 0) return false;
      --left_;
      while (at_ == end_) next_bucket();
      out = *at_++;
      return true;
    }

    // The members of the next v-nodes, eight at most, or none. Requires: not over().
    unsigned take(MemberIndex* out) {
      if (at_ == end_) next_bucket();
      const size_t here = std::min(static_cast<size_t>(end_ - at_), left_);
      const unsigned taken = static_cast<unsigned>(std::min<size_t>(here, 8));
      for (unsigned i = 0; i < taken; ++i) out[i] = at_[i].member;
      at_ += taken;
      left_ -= taken;
      return taken;
    }

    bool over() const { return left_ == 0; }
    static uint64_t passed() { return 0; }  // it reads all v-nodes

   private:
    void next_bucket();

    const PackedRing& ring_;
    size_t left_;
    size_t bucket_;
    const Vnode* at_;
    const Vnode* end_;
  };

  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& bucket : buckets_) {
      for (const Vnode& vnode : bucket) visit(vnode);
    }
  }

 private:
  using Bucket = std::vector<Vnode>;

  void insert(const Vnode& vnode);
  void erase(const Vnode& vnode);
  size_t bucket_of(Position position) const { return uint64_t{position} >> (32 - bits_); }
  void reserve(Bucket& bucket, size_t size);
  void fit();

  const Members& members_;
  std::vector<Bucket> buckets_ = std::vector<Bucket>(1);
  unsigned bits_ = 0;
  size_t size_ = 0;
  size_t bytes_ = sizeof(PackedRing) + sizeof(Bucket);
};

}  // namespace phoenix::ring
