// Any bytes: what Boost.JSON takes for JSON is JSON here too; what is found in it is JSON again;
// what is quoted reads back.
#include <boost/json/parse.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/key.h"
#include "client/json_text.h"

namespace {

using phoenix::JsonText;

void check(bool holds) {
  if (!holds) std::abort();
}

void walk(const JsonText& json) {
  check(phoenix::valid_json(json.raw()));
  if (json.is_string()) check(phoenix::valid_utf8(json.text()));
  for (const JsonText& item : json.items()) walk(item);
  for (const auto& [name, value] : json.members()) {
    check(json[name].present());
    walk(value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto json = JsonText::parse(text);
  boost::json::error_code failed;
  boost::json::parse_options options;
  options.max_depth = 64;
  boost::json::parse(boost::json::string_view(text.data(), text.size()), failed, {}, options);
  if (!failed) check(json.has_value());
  if (json) walk(*json);
  const std::string quote = phoenix::quote_json(text);
  const auto quoted = JsonText::parse(quote);
  check(quoted.has_value());
  if (phoenix::valid_utf8(text)) check(quoted->text() == text);
  return 0;
}
