// Arguments of one prepared statement, in PostgreSQL's binary form. A Column is an array with one
// element for each row of a batch: unnest() turns several of them into rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace phoenix::postgres {

// Text for a column of type text, which can hold neither a zero byte nor broken UTF-8: such bytes
// become '?', so that nobody's text can spoil a batch for the others in it.
std::string storable_text(std::string_view text);

// The server's numbers for its types.
enum class ElementType : uint32_t {
  kBoolean = 16,
  kBytes = 17,
  kInteger = 20,
  kSmall = 21,
  kText = 25
};

class Column {
 public:
  explicit Column(ElementType type) : type_(type) {}
  // Of kBoolean, kSmall or kInteger.
  void integer(int64_t value);
  void number(uint64_t value) { integer(static_cast<int64_t>(value)); }
  // Of kText or kBytes.
  void text(std::string_view value);
  void bytes(std::string_view value);
  void null();
  // As text(), but an empty one is null.
  void optional_text(std::string_view value);
  size_t size() const { return count_; }
  // Leaves the column as it was made.
  std::string encode();

 private:
  std::string& next();

  ElementType type_;
  uint32_t count_ = 0;
  bool has_null_ = false;
  std::string array_;  // with room for the head, unless there is no element yet
};

class Arguments {
 public:
  Arguments& integer(int64_t value);
  Arguments& number(uint64_t value) { return integer(static_cast<int64_t>(value)); }
  Arguments& text(std::string_view value);
  Arguments& bytes(std::string_view value);
  Arguments& column(Column column);
  const std::vector<std::string>& values() const { return values_; }

 private:
  std::vector<std::string> values_;
};

}  // namespace phoenix::postgres
