#include "store/postgres/arguments.h"

#include <array>
#include <utility>

#include "base/key.h"

namespace phoenix::postgres {
namespace {

// Of an array of one dimension: dimensions, whether any is null, type, size, index of the first.
constexpr size_t kHead = 20;

// The lowest `width` bytes (1..8), the highest of them first.
void put_number(char* out, int64_t value, uint32_t width) {
  auto bits = static_cast<uint64_t>(value);
  for (uint32_t left = width; left > 0; --left, bits >>= 8) {
    out[left - 1] = static_cast<char>(bits & 0xff);
  }
}

void append_u32(std::string& out, uint32_t value) {
  std::array<char, 4> bytes;
  put_number(bytes.data(), value, 4);
  out.append(bytes.data(), bytes.size());
}

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

std::string& Column::next() {
  if (count_++ == 0) array_.resize(kHead);
  return array_;
}

void Column::integer(int64_t value) {
  const uint32_t width = type_ == ElementType::kInteger ? 8 : type_ == ElementType::kSmall ? 2 : 1;
  std::array<char, 12> bytes;
  put_number(bytes.data(), width, 4);
  put_number(bytes.data() + 4, value, width);
  next().append(bytes.data(), 4 + width);
}

void Column::text(std::string_view value) {
  if (is_storable(value)) return bytes(value);
  bytes(storable_text(value));
}

void Column::bytes(std::string_view value) {
  std::string& out = next();
  append_u32(out, static_cast<uint32_t>(value.size()));
  out += value;
}

void Column::null() {
  append_u32(next(), 0xffffffff);
  has_null_ = true;
}

void Column::optional_text(std::string_view value) {
  if (value.empty()) {
    null();
  } else {
    text(value);
  }
}

std::string Column::encode() {
  std::array<char, kHead> head;
  put_number(head.data(), count_ == 0 ? 0 : 1, 4);
  put_number(head.data() + 4, has_null_ ? 1 : 0, 4);
  put_number(head.data() + 8, static_cast<int64_t>(type_), 4);
  put_number(head.data() + 12, count_, 4);
  put_number(head.data() + 16, 1, 4);
  if (count_ == 0) return {head.data(), 12};
  std::string out = std::exchange(*this, Column(type_)).array_;
  out.replace(0, kHead, head.data(), kHead);
  return out;
}

Arguments& Arguments::integer(int64_t value) {
  std::array<char, 8> bytes;
  put_number(bytes.data(), value, 8);
  values_.emplace_back(bytes.data(), bytes.size());
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

Arguments& Arguments::column(Column column) {
  values_.push_back(column.encode());
  return *this;
}

}  // namespace phoenix::postgres
