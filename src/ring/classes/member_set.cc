#include "ring/classes/member_set.h"

namespace phoenix::ring {

namespace {

// A list of every 64th member is looked through in the time of all members' bits.
constexpr size_t kShare = 64;
constexpr size_t kAlwaysList = 32;

}  // namespace

uint64_t MemberSet::word_of_list(size_t at) const {
  uint64_t word = 0;
  const auto from = std::lower_bound(list_.begin(), list_.end(), at * 64);
  for (auto it = from; it != list_.end() && *it / 64 == at; ++it) word |= uint64_t{1} << *it % 64;
  return word;
}

void MemberSet::set(MemberIndex index) {
  const size_t at = index / 64;
  if (at >= words_.size()) words_.resize(at + 1, 0);
  words_[at] |= uint64_t{1} << index % 64;
}

void MemberSet::add(MemberIndex index, size_t below) {
  ++size_;
  if (!dense_ && size_ > kAlwaysList && size_ * kShare > below) make_dense();
  if (dense_) return set(index);
  list_.insert(std::lower_bound(list_.begin(), list_.end(), index), index);
}

void MemberSet::remove(MemberIndex index) {
  --size_;
  if (!dense_) {
    list_.erase(std::lower_bound(list_.begin(), list_.end(), index));
    if (list_.empty()) list_ = {};
    return;
  }
  words_[index / 64] &= ~(uint64_t{1} << index % 64);
  // Late, so that a size that swings does not change the form each time.
  if (size_ * 2 <= kAlwaysList || size_ * kShare * 2 < words_.size() * 64) make_sparse();
}

void MemberSet::make_dense() {
  dense_ = true;
  for (const MemberIndex index : list_) set(index);
  list_ = {};
}

void MemberSet::make_sparse() {
  std::vector<MemberIndex> list;
  list.reserve(size_);
  for_each([&list](MemberIndex index) { list.push_back(index); });
  dense_ = false;
  words_ = {};
  list_ = std::move(list);
}

}  // namespace phoenix::ring
