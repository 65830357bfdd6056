#include "policy/rules/json_value.h"

#include <charconv>
#include <cmath>
#include <vector>

namespace phoenix::policy {
namespace {

using cel::Value;

Value number_value(std::string_view digits) {
  const char* const begin = digits.data();
  const char* const end = begin + digits.size();
  int64_t integer = 0;
  const auto as_int = std::from_chars(begin, end, integer);
  if (as_int.ptr == end) {
    if (as_int.ec == std::errc()) return cel::int_value(integer);
    uint64_t natural = 0;
    const auto as_uint = std::from_chars(begin, end, natural);
    if (as_uint.ec == std::errc() && as_uint.ptr == end) return cel::uint_value(natural);
  }
  double real = 0;
  const auto as_real = std::from_chars(begin, end, real);
  // Too small for a double is nothing, too large is more than any.
  if (as_real.ec == std::errc::result_out_of_range) {
    const bool tiny = digits.find("e-") != digits.npos || digits.find("E-") != digits.npos;
    real = tiny ? 0 : digits.front() == '-' ? -HUGE_VAL : HUGE_VAL;
  }
  return cel::double_value(real);
}

Value text_value(const json::Value& json, cel::Scratch& memory) {
  const std::string_view raw = json.raw().substr(1, json.raw().size() - 2);
  if (raw.find('\\') == raw.npos) return cel::string_value(raw);
  return cel::make_string(json.string(), memory, 0);
}

}  // namespace

Value value_of(const json::Value& json, cel::Scratch& memory) {
  switch (json.kind()) {
    case json::Kind::kNull:
      return cel::null_value();
    case json::Kind::kBool:
      return cel::bool_value(json.is_true());
    case json::Kind::kNumber:
      return number_value(json.raw());
    case json::Kind::kString:
      return text_value(json, memory);
    case json::Kind::kArray: {
      std::vector<Value> items;
      for (auto children = json.children(); !children.done();) {
        items.push_back(value_of(children.take(), memory));
        if (items.back().is_error()) return items.back();
      }
      return cel::make_list(items.data(), items.size(), memory, 0);
    }
    case json::Kind::kObject: {
      std::vector<cel::Entry> entries;
      for (auto children = json.children(); !children.done();) {
        const Value key = text_value(children.take(), memory);
        entries.push_back({key, value_of(children.take(), memory)});
        if (key.is_error()) return key;
        if (entries.back().value.is_error()) return entries.back().value;
      }
      return cel::make_map(entries.data(), entries.size(), memory, 0);
    }
  }
  return cel::null_value();
}

Value value_of_text(std::string_view text, cel::Scratch& memory) {
  const auto document = json::Document::parse(text);
  return document ? value_of(document->root(), memory) : cel::absent_value();
}

}  // namespace phoenix::policy
