// A window on JSON text: finds members and items and hands out the very bytes that were sent, so
// that a number or an object passes through unchanged ("1.0" stays "1.0"). Made from checked text
// only. Views point into the text, which must outlive them; nothing is copied but strings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace phoenix {

// Whether the text is exactly one JSON value (white space around it allowed), at most 64 deep.
bool valid_json(std::string_view text);
// The text as a JSON string, quotes included. Bytes that are no UTF-8 become U+FFFD.
std::string quote_json(std::string_view text);

class JsonText {
 public:
  // The value of an absent member: not present(), every getter empty.
  JsonText() = default;
  // nullopt unless valid_json(text).
  static std::optional<JsonText> parse(std::string_view text);

  bool present() const { return !raw_.empty(); }
  bool is_null() const { return raw_ == "null"; }
  bool is_string() const { return raw_.starts_with('"'); }
  bool is_object() const { return raw_.starts_with('{'); }
  bool is_array() const { return raw_.starts_with('['); }
  std::string_view raw() const { return raw_; }

  // The last member of that name; absent if there is none or this is no object.
  JsonText operator[](std::string_view name) const;
  std::vector<JsonText> items() const;                            // of an array
  std::vector<std::pair<std::string, JsonText>> members() const;  // of an object
  std::string text() const;                // of a string, escapes decoded; else ""
  std::optional<int64_t> integer() const;  // of a number without fraction that fits
  bool truth() const { return raw_ == "true"; }

 private:
  explicit JsonText(std::string_view raw) : raw_(raw) {}
  std::string_view raw_;
};

}  // namespace phoenix
