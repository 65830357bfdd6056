// A set of members by number: a sorted list while few of all members are in it, a bit each when
// many are. So a set of a million takes 125 kB, one of ten 40 bytes, and what several sets have in
// common is found 64 members at a time. Single-threaded.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ring/member_bits.h"
#include "ring/placement.h"

namespace phoenix::ring {

class MemberSet {
 public:
  // Below: of how many numbers the set may be, all members' numbers being below it.
  void add(MemberIndex index, size_t below);
  // Requires: it is in.
  void remove(MemberIndex index);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool contains(MemberIndex index) const {
    if (!dense_) return std::binary_search(list_.begin(), list_.end(), index);
    return (word(index / 64) >> index % 64 & 1) != 0;
  }
  bool dense() const { return dense_; }
  // A bit for each of the 64 members from 64 * at on.
  uint64_t word(size_t at) const {
    if (!dense_) return word_of_list(at);
    return at < words_.size() ? words_[at] : 0;
  }

  // Ascending.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (const MemberIndex index : list_) visit(index);
    for (size_t at = 0; at < words_.size(); ++at) for_each_bit(words_[at], at, visit);
  }
  size_t bytes() const {
    return list_.capacity() * sizeof(MemberIndex) + words_.capacity() * sizeof(uint64_t);
  }

 private:
  uint64_t word_of_list(size_t at) const;
  void set(MemberIndex index);
  void make_dense();
  void make_sparse();

  bool dense_ = false;
  size_t size_ = 0;
  std::vector<MemberIndex> list_;  // ascending; empty while dense
  std::vector<uint64_t> words_;    // empty while sparse
};

}  // namespace phoenix::ring
