// A JSON value that keeps what it read: numbers stay in the digits that came, members in their
// order, so that what the program prints is what the host said. It serves the commands for
// picking fields out of answers and for writing request bodies; it is no general library.
// Bounds: 64 levels deep. Values own their content and copy deeply. No thread rules beyond std's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace phoenix::cli {

class Json {
 public:
  enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
  using Member = std::pair<std::string, Json>;

  Json() = default;
  static Json object() { return Json(Kind::kObject); }
  static Json array() { return Json(Kind::kArray); }
  static Json string(std::string_view text);
  static Json number(int64_t value);
  // The digits as they are to stand in the document. Requires: a valid JSON number.
  static Json raw_number(std::string_view digits);
  static Json boolean(bool value);
  static Json strings(const std::vector<std::string>& values);

  // One whole document; the error says at which byte it is broken. Two members of one name are
  // refused, as the host refuses them.
  static Result<Json> parse(std::string_view text);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_object() const { return kind_ == Kind::kObject; }
  bool is_array() const { return kind_ == Kind::kArray; }

  // The member of that name; null if there is none or this is no object. Chains: v["a"]["b"].
  const Json& operator[](std::string_view name) const;
  bool has(std::string_view name) const;
  const std::vector<Member>& members() const { return members_; }
  const std::vector<Json>& items() const { return items_; }

  // Text of a string, digits of a number, "true"/"false"; empty for null, arrays and objects.
  const std::string& text() const { return text_; }
  // A number as integer or float; nullopt if it is none (or no integer).
  std::optional<int64_t> integer() const;
  std::optional<double> real() const;
  bool truth() const { return kind_ == Kind::kBool && text_ == "true"; }

  // Builders. set() replaces a member of that name in place.
  Json& set(std::string_view name, Json value);
  Json& push(Json value);

  std::string dump() const;                // on one line
  std::string dump_pretty() const;         // two spaces a level, closed by a line feed
  std::string dump_yaml() const;           // block style, closed by a line feed
  void append_to(std::string& out) const;  // dump() at the end of `out`

 private:
  explicit Json(Kind kind) : kind_(kind) {}
  friend class JsonBuilder;
  void append_pretty(std::string& out, size_t depth) const;
  void append_yaml(std::string& out, size_t depth, bool in_list) const;

  Kind kind_ = Kind::kNull;
  std::string text_;
  std::vector<Json> items_;
  std::vector<Member> members_;
};

// `text` as a JSON string with its quotes.
std::string json_quote(std::string_view text);

}  // namespace phoenix::cli
