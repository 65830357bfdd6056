#include "store/postgres/arguments.h"

#include <array>

#include "base/key.h"

namespace phoenix::postgres {
namespace {

// The lowest `width` bytes (1..8), the highest of them first.
void append_number(std::string& out, int64_t value, uint32_t width) {
  std::array<char, 8> bytes;
  auto bits = static_cast<uint64_t>(value);
  for (uint32_t left = width; left > 0; --left, bits >>= 8) {
    bytes[left - 1] = static_cast<char>(bits & 0xff);
  }
  out.append(bytes.data(), width);
}

void append_u32(std::string& out, uint32_t value) { append_number(out, value, 4); }

bool is_storable(std::string_view text) {
  return text.find('\0') == std::string_view::npos && valid_utf8(text);
}

}  // namespace

std::string storable_text(std::string_view text) {
  std::string out(text);
  if (is_storable(out)) return out;
  for (char& c : out) {
    if (c == '\0' || static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return out;
}

void Column::integer(int64_t value) {
  const uint32_t width = type_ == ElementType::kInteger ? 8 : type_ == ElementType::kSmall ? 2 : 1;
  append_u32(elements_, width);
  append_number(elements_, value, width);
  ++count_;
}

void Column::text(std::string_view value) {
  if (is_storable(value)) return bytes(value);
  bytes(storable_text(value));
}

void Column::bytes(std::string_view value) {
  append_u32(elements_, static_cast<uint32_t>(value.size()));
  elements_ += value;
  ++count_;
}

void Column::null() {
  append_u32(elements_, 0xffffffff);
  has_null_ = true;
  ++count_;
}

void Column::optional_text(std::string_view value) {
  if (value.empty()) {
    null();
  } else {
    text(value);
  }
}

std::string Column::encode() const {
  std::string out;
  out.reserve(20 + elements_.size());
  append_u32(out, count_ == 0 ? 0 : 1);  // dimensions
  append_u32(out, has_null_ ? 1 : 0);
  append_u32(out, static_cast<uint32_t>(type_));
  if (count_ == 0) return out;
  append_u32(out, count_);
  append_u32(out, 1);  // index of the first element
  out += elements_;
  return out;
}

Arguments& Arguments::integer(int64_t value) {
  append_number(values_.emplace_back(), value, 8);
  return *this;
}

Arguments& Arguments::text(std::string_view value) {
  values_.push_back(storable_text(value));
  return *this;
}

Arguments& Arguments::bytes(std::string_view value) {
  values_.emplace_back(value);
  return *this;
}

Arguments& Arguments::column(const Column& column) {
  values_.push_back(column.encode());
  return *this;
}

}  // namespace phoenix::postgres
