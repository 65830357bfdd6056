// A strict JSON document (RFC 8259) over the text it came in. Values are slices of that text, so
// numbers stay in the digits that were sent and a payload is taken over without being written
// again. It reads; json_writer.h writes.
//
// Refused, with the JSON pointer of the place: duplicate keys, invalid UTF-8, lone surrogates,
// control characters, NaN and other extensions, trailing text, nesting deeper than 64, more than
// 4,000,000 values. The text must stay alive and unchanged as long as the document.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace phoenix::json {

inline constexpr size_t kMaxDepth = 64;
inline constexpr size_t kMaxValues = 4'000'000;

enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
// "a number", for messages.
std::string_view kind_phrase(Kind kind);

// One value or key. The nodes of a document stand in the order of the text; `next` is the index of
// the node behind this one and all that it contains.
struct Node {
  uint32_t begin = 0;
  uint32_t end = 0;
  uint32_t next = 0;
  Kind kind = Kind::kNull;
  bool escaped = false;  // a string with backslashes
};

class Document;

// A handle: cheap to copy, valid as long as its document.
class Value {
 public:
  Value(const Document& document, uint32_t index) : document_(&document), index_(index) {}

  Kind kind() const;
  bool is_null() const { return kind() == Kind::kNull; }
  // The text as sent, quotes included.
  std::string_view raw() const;
  // Of a string, unescaped. Requires: kind() == kString.
  std::string string() const;
  bool is_true() const { return raw() == "true"; }

  // Children in order: of an array its values, of an object keys and values in turn.
  class Children {
   public:
    Children(const Document& document, uint32_t begin, uint32_t end)
        : document_(&document), at_(begin), end_(end) {}
    bool done() const { return at_ == end_; }
    Value take();

   private:
    const Document* document_;
    uint32_t at_;
    uint32_t end_;
  };
  Children children() const;
  // Of an array; counts them.
  size_t size() const;
  // Of an object: the value of that key.
  std::optional<Value> find(std::string_view key) const;

 private:
  const Node& node() const;
  const Document* document_;
  uint32_t index_;
};

class Document {
 public:
  static Result<Document> parse(std::string_view text);
  Value root() const { return {*this, 0}; }

 private:
  friend class Value;
  friend class Parser;
  std::string_view text_;
  std::vector<Node> nodes_;
};

// The integer that a number's text says exactly ("5", "5.0", "5e2" are integers; "5.5" is none),
// if it lies within int64.
std::optional<int64_t> exact_integer(std::string_view number);
// floor(value * 1000) of a number in [0, 1]; nullopt outside.
std::optional<uint32_t> thousandths(std::string_view number);

// The value without white space, keys sorted bytewise, strings in their shortest form: equal for
// documents that mean the same, but for numbers, which stay as sent.
void append_canonical(std::string& out, const Value& value);
// The text as sent, without the line feeds that may stand between tokens (so that it fits into a
// line of an event stream).
std::string one_line(std::string_view valid_json);

// "/items/3/id": appends one step to a pointer, escaped as RFC 6901 says.
void append_pointer(std::string& pointer, std::string_view key);

}  // namespace phoenix::json
