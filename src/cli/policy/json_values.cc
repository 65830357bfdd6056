#include "cli/policy/json_values.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <vector>

#include "base/bytes_text.h"
#include "policy/cel/time_text.h"

namespace phoenix::cli {
namespace {

using cel::Kind;
using cel::Value;

Value number_value(const Json& json) {
  const std::string& digits = json.text();
  const char* end = digits.data() + digits.size();
  int64_t integer = 0;
  if (std::from_chars(digits.data(), end, integer).ptr == end) {
    if (const auto read = json.integer()) return cel::int_value(*read);
    uint64_t natural = 0;
    const auto read = std::from_chars(digits.data(), end, natural);
    if (read.ec == std::errc() && read.ptr == end) return cel::uint_value(natural);
  }
  return cel::double_value(json.real().value_or(NAN));
}

Json json_of_double(double real) {
  // JSON has no form for these three.
  if (std::isnan(real)) return Json::string("NaN");
  if (std::isinf(real)) return Json::string(real > 0 ? "Infinity" : "-Infinity");
  std::string text = fmt::format("{}", real);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return Json::raw_number(text);
}

std::string key_text(const Value& key) {
  return key.is(Kind::kString) ? std::string(key.view()) : json_of_value(key).dump();
}

}  // namespace

Value value_of_json(const Json& json, cel::Scratch& scratch) {
  switch (json.kind()) {
    case Json::Kind::kNull:
      return cel::null_value();
    case Json::Kind::kBool:
      return cel::bool_value(json.truth());
    case Json::Kind::kNumber:
      return number_value(json);
    case Json::Kind::kString:
      return cel::string_value(json.text());
    case Json::Kind::kArray: {
      std::vector<Value> items;
      for (const Json& item : json.items()) items.push_back(value_of_json(item, scratch));
      for (const Value& item : items) {
        if (item.is_error()) return item;
      }
      return cel::make_list(items.data(), items.size(), scratch, 0);
    }
    case Json::Kind::kObject: {
      std::vector<cel::Entry> entries;
      for (const auto& [name, member] : json.members()) {
        entries.push_back({cel::string_value(name), value_of_json(member, scratch)});
        if (entries.back().value.is_error()) return entries.back().value;
      }
      return cel::make_map(entries.data(), entries.size(), scratch, 0);
    }
  }
  return cel::null_value();
}

Json json_of_value(const Value& value) {
  switch (value.kind) {
    case Kind::kBool:
      return Json::boolean(value.boolean);
    case Kind::kInt:
      return Json::number(value.integer);
    case Kind::kUint:
      return Json::raw_number(fmt::format("{}", value.natural));
    case Kind::kDouble:
      return json_of_double(value.real);
    case Kind::kString:
      return Json::string(value.view());
    case Kind::kBytes:
      return Json::string(base64_text(value.view()));
    case Kind::kTimestamp:
      return Json::string(cel::timestamp_text(value));
    case Kind::kDuration:
      return Json::string(cel::duration_text(value));
    case Kind::kType:
      return Json::string(cel::kind_name(value.type));
    case Kind::kList: {
      Json list = Json::array();
      for (uint32_t at = 0; at < value.list->count; ++at) {
        list.push(json_of_value(value.list->items[at]));
      }
      return list;
    }
    case Kind::kMap: {
      Json map = Json::object();
      for (uint32_t at = 0; at < value.map->count; ++at) {
        const cel::Entry& entry = value.map->entries[at];
        map.set(key_text(entry.key), json_of_value(entry.value));
      }
      return map;
    }
    default:
      return Json();
  }
}

std::string type_of_value(const Value& value) {
  if (value.is(Kind::kTimestamp)) return "timestamp";
  if (value.is(Kind::kDuration)) return "duration";
  return std::string(cel::kind_name(value.kind));
}

}  // namespace phoenix::cli
