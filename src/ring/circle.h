// The whole circle: the v-nodes of all members in the order (position, namespace, id, replica).
// Equal positions are kept, each member's own.
//
// The circle is cut into equal buckets by the top bits of the position, each a sorted array, so
// that a join at 12.8 million v-nodes shifts a few KiB and not the whole. Joins wait until
// somebody reads; many at once are sorted together and merged in one pass.
#pragma once

#include <cstdint>
#include <vector>

#include "ring/roster.h"

namespace phoenix::ring {

class Circle {
 public:
  explicit Circle(const Roster& roster) : roster_(roster) {}

  void add(MemberIndex index);
  // Requires: the roster still has the member, unchanged.
  void remove(MemberIndex index);
  // The roster has the new weight already.
  void reweigh(MemberIndex index, uint32_t old_weight);

  // Puts in what waits. To be called before reading.
  void settle();
  size_t size() const { return size_; }
  size_t bytes() const;

  // One turn clockwise from the first v-node at or after a point. Changes invalidate it.
  class Cursor {
   public:
    Cursor(const Circle& circle, Position from);
    // False when the turn is over.
    bool next(Vnode& out) {
      if (left_ == 0) return false;
      --left_;
      if (at_ == end_) next_bucket();
      out = *at_++;
      return true;
    }

   private:
    void next_bucket();

    const Circle& circle_;
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
  enum class State : uint8_t { kAbsent, kWaiting, kPlaced };
  using Bucket = std::vector<Vnode>;

  size_t bucket_of(Position position) const { return uint64_t{position} >> (32 - bits_); }
  void prefetch(Position position) const;
  void insert(const Vnode& vnode);
  void erase(const Vnode& vnode);
  void merge(std::vector<Vnode>& fresh);
  void fit_buckets(size_t vnodes);

  const Roster& roster_;
  std::vector<Bucket> buckets_ = std::vector<Bucket>(1);
  unsigned bits_ = 0;
  size_t size_ = 0;
  std::vector<State> states_;         // by member
  std::vector<MemberIndex> waiting_;  // may name members that left since
  size_t waiting_vnodes_ = 0;
};

}  // namespace phoenix::ring
