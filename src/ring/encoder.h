// Writes what is hashed: length-prefixed texts and fixed-width little-endian numbers, so that no
// two different inputs give the same bytes. Short inputs (nearly all) stay on the stack.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace phoenix::ring {

// A text longer than 65,535 bytes would lose its length's high bits: the limits of the API (255
// bytes a name) exclude that.
class Encoder {
 public:
  void byte(char value) { append(std::string_view(&value, 1)); }
  void u16(size_t value) {
    const char bytes[2] = {static_cast<char>(value & 0xff), static_cast<char>(value >> 8 & 0xff)};
    append(std::string_view(bytes, 2));
  }
  void u32(uint32_t value) {
    u16(value & 0xffff);
    u16(value >> 16);
  }
  void text(std::string_view value) {
    u16(value.size());
    append(value);
  }
  std::string_view view() const {
    return heap_.empty() ? std::string_view(stack_.data(), size_) : std::string_view(heap_);
  }

 private:
  void append(std::string_view bytes) {
    if (heap_.empty() && size_ + bytes.size() <= stack_.size()) {
      bytes.copy(stack_.data() + size_, bytes.size());
      size_ += bytes.size();
      return;
    }
    if (heap_.empty()) heap_.assign(stack_.data(), size_);
    heap_.append(bytes);
  }

  std::array<char, 512> stack_;
  size_t size_ = 0;
  std::string heap_;
};

}  // namespace phoenix::ring
