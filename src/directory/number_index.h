// From texts to the dense numbers of the entries that bear them, without keeping the texts: 10 to
// 12 bytes an entry. Keyed, so that nobody outside can choose ids that collide. Single-threaded.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/siphash.h"

namespace phoenix {

class NumberIndex {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  explicit NumberIndex(const RingKey& key) : key_(key) {}

  // text_of(number): the text of an entry that is in here.
  template <class TextOf>
  uint32_t find(std::string_view text, const TextOf& text_of) const {
    if (places_.empty()) return kNone;
    const uint32_t wanted = hash(text);
    for (size_t at = place_of(wanted); places_[at] != 0; at = after(at)) {
      const uint32_t no = number(places_[at]);
      if (places_[at] >> 32 == wanted && text_of(no) == text) return no;
    }
    return kNone;
  }
  // Requires: no entry has this text.
  void add(std::string_view text, uint32_t no) {
    if ((size_ + 1) * 5 > places_.size() * 4) grow();
    insert(uint64_t{hash(text)} << 32 | (no + 1));
    ++size_;
  }
  // Requires: the entry is in here, with this text.
  void remove(std::string_view text, uint32_t no);
  size_t size() const { return size_; }

 private:
  uint32_t hash(std::string_view text) const {
    return static_cast<uint32_t>(siphash13(key_, text) >> 32);
  }
  size_t place_of(uint32_t hash) const { return uint64_t{hash} * places_.size() >> 32; }
  size_t after(size_t at) const { return at + 1 == places_.size() ? 0 : at + 1; }
  // How far on one place is from another, the end going on at the beginning.
  size_t distance(size_t from, size_t to) const {
    return to >= from ? to - from : to + places_.size() - from;
  }
  static uint32_t number(uint64_t place) { return static_cast<uint32_t>(place) - 1; }
  void insert(uint64_t place);
  void grow();

  RingKey key_;
  std::vector<uint64_t> places_;  // hash and number + 1; 0: free
  size_t size_ = 0;
};

}  // namespace phoenix
