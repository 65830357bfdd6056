// Entries by dense number, which is given again after a drop: in chunks, so that an entry stays
// where it is and takes no memory beside its own. Single-threaded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace phoenix {

template <class T>
class Chunks {
 public:
  T& operator[](uint32_t no) { return (*chunks_[no / kChunk])[no % kChunk]; }
  const T& operator[](uint32_t no) const { return (*chunks_[no / kChunk])[no % kChunk]; }
  // All numbers are below; some may be free.
  size_t end() const { return end_; }

  uint32_t add(T entry) {
    uint32_t no = static_cast<uint32_t>(end_);
    if (!free_.empty()) {
      no = free_.back();
      free_.pop_back();
    } else if (end_++ == chunks_.size() * kChunk) {
      chunks_.push_back(std::make_unique<std::array<T, kChunk>>());
    }
    (*this)[no] = std::move(entry);
    return no;
  }
  void drop(uint32_t no) {
    (*this)[no] = T{};
    free_.push_back(no);
  }

 private:
  static constexpr size_t kChunk = 64;

  std::vector<std::unique_ptr<std::array<T, kChunk>>> chunks_;
  std::vector<uint32_t> free_;
  size_t end_ = 0;
};

}  // namespace phoenix
