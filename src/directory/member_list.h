// The members of a session, by number: most have one or a few, which lie in the list itself. As
// long as it is not changed, what begin() to end() shows stays where it is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace phoenix {

class MemberList {
 public:
  MemberList() = default;
  MemberList(const MemberList&) = delete;
  MemberList& operator=(const MemberList&) = delete;
  MemberList(MemberList&& other) noexcept { swap(other); }
  MemberList& operator=(MemberList&& other) noexcept {
    MemberList(std::move(other)).swap(*this);
    return *this;
  }
  ~MemberList() { clear(); }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  const uint32_t* begin() const { return size_ <= kInside ? words_ : outside(); }
  const uint32_t* end() const { return begin() + size_; }
  // NOLINTNEXTLINE(google-explicit-constructor): for those who keep a copy
  operator std::vector<uint32_t>() const { return {begin(), end()}; }

  void push_back(uint32_t member) {
    const bool full = size_ == kInside || (size_ > kInside && size_ == words_[kCapacity]);
    if (full) move_out(size_ * 2);
    (size_ < kInside ? words_ : outside())[size_] = member;
    ++size_;
  }
  void clear() {
    if (size_ > kInside) delete[] outside();
    size_ = 0;
  }

 private:
  static constexpr uint32_t kInside = 3;
  static constexpr size_t kCapacity = 2;  // where it stands, if they lie outside

  // The first two words, then.
  uint32_t* outside() const {
    uint32_t* there = nullptr;
    static_assert(sizeof there <= kCapacity * sizeof(uint32_t));
    std::memcpy(static_cast<void*>(&there), words_, sizeof there);
    return there;
  }
  void move_out(uint32_t capacity) {
    auto* const there = new uint32_t[capacity];
    std::copy(begin(), end(), there);
    if (size_ > kInside) delete[] outside();
    std::memcpy(words_, static_cast<const void*>(&there), sizeof there);
    words_[kCapacity] = capacity;
  }
  void swap(MemberList& other) noexcept {
    std::swap(words_, other.words_);
    std::swap(size_, other.size_);
  }

  uint32_t words_[3] = {};
  uint32_t size_ = 0;
};

}  // namespace phoenix
