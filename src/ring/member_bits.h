// A bit for each member, with a second level that says where any are set: setting one costs the
// same at any size, and finding the few that are set among a million reads a few hundred words.
// Single-threaded.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "ring/placement.h"

namespace phoenix::ring {

// Shows the members of a word of bits, 64 of them from 64 * at on, ascending.
template <typename Visit>
void for_each_bit(uint64_t word, size_t at, const Visit& visit) {
  for (; word != 0; word &= word - 1) {
    visit(static_cast<MemberIndex>(at * 64 + static_cast<unsigned>(std::countr_zero(word))));
  }
}

class MemberBits {
 public:
  void set(MemberIndex index, bool value) {
    const size_t at = index / 64;
    if (at >= words_.size()) {
      words_.resize(at + 1, 0);
      summary_.resize(at / 64 + 1, 0);
    }
    const uint64_t bit = uint64_t{1} << index % 64;
    if (((words_[at] & bit) != 0) == value) return;
    words_[at] ^= bit;
    value ? ++size_ : --size_;
    const uint64_t above = uint64_t{1} << at % 64;
    summary_[at / 64] = words_[at] != 0 ? summary_[at / 64] | above : summary_[at / 64] & ~above;
  }
  size_t size() const { return size_; }
  bool has(MemberIndex index) const { return (word(index / 64) >> index % 64 & 1) != 0; }
  uint64_t word(size_t at) const { return at < words_.size() ? words_[at] : 0; }
  // Words of the second level, of 4,096 members each.
  size_t extent() const { return summary_.size(); }

  // Ascending.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (size_t high = 0; high < summary_.size(); ++high) {
      for_each_bit(summary_[high], high, [&](size_t at) { for_each_bit(words_[at], at, visit); });
    }
  }
  size_t bytes() const { return (words_.capacity() + summary_.capacity()) * sizeof(uint64_t); }

 private:
  std::vector<uint64_t> words_;
  std::vector<uint64_t> summary_;  // which words are not 0
  size_t size_ = 0;
};

}  // namespace phoenix::ring
