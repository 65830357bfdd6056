// A text that nearly all values of its kind do not have: absent it takes a pointer, not a string.
// Empty and absent are the same.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace phoenix {

class RareText {
 public:
  RareText() = default;
  RareText(const RareText& other) { *this = std::string_view(other); }
  RareText(RareText&&) noexcept = default;
  RareText& operator=(const RareText& other) { return *this = std::string_view(other); }
  RareText& operator=(RareText&&) noexcept = default;
  ~RareText() = default;
  RareText& operator=(std::string_view text) {
    text_ = text.empty() ? nullptr : std::make_unique<const std::string>(text);
    return *this;
  }

  bool empty() const { return text_ == nullptr; }
  size_t size() const { return text_ ? text_->size() : 0; }
  void clear() { text_.reset(); }
  // NOLINTNEXTLINE(google-explicit-constructor): it is read as any other text
  operator std::string_view() const {
    return text_ ? std::string_view(*text_) : std::string_view();
  }
  friend bool operator==(const RareText& a, const RareText& b) {
    return std::string_view(a) == std::string_view(b);
  }
  friend bool operator==(const RareText& a, std::string_view b) { return std::string_view(a) == b; }

 private:
  std::unique_ptr<const std::string> text_;
};

}  // namespace phoenix
