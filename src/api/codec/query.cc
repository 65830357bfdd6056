#include "api/codec/query.h"

#include <algorithm>
#include <charconv>

#include "base/key.h"

namespace phoenix {
namespace {

constexpr size_t kMaxParameters = 1000;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string pointer_of(std::string_view name) { return "query:" + std::string(name); }

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  if (out.find('\0') != std::string::npos || !valid_utf8(out)) return std::nullopt;
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[static_cast<uint8_t>(c) >> 4];
      out += kHex[static_cast<uint8_t>(c) & 15];
    }
  }
  return out;
}

Result<Query> Query::parse(std::string_view text, const std::vector<std::string_view>& known) {
  Query query;
  json::Faults faults;
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.empty()) continue;
    if (query.items_.size() == kMaxParameters) {
      return invalid("query", "more than " + std::to_string(kMaxParameters) + " parameters");
    }
    const size_t equals = std::min(part.find('='), part.size());
    const auto name = percent_decode(part.substr(0, equals));
    const auto value = percent_decode(part.substr(std::min(equals + 1, part.size())));
    if (!name || !value) {
      faults.add("query", "a parameter's percent-encoding is broken or is not UTF-8");
      continue;
    }
    const bool single = std::find(known.begin(), known.end(), *name) != known.end();
    const bool repeatable = std::find(known.begin(), known.end(), *name + "...") != known.end();
    if (!single && !repeatable) {
      std::string list;
      for (auto entry : known) {
        if (entry.ends_with("...")) entry.remove_suffix(3);
        list += (list.empty() ? "" : ", ") + std::string(entry);
      }
      faults.add(pointer_of(*name), "no such parameter here; known are " + list);
      continue;
    }
    if (single && query.find(*name) != nullptr) {
      faults.add(pointer_of(*name), "this parameter stands twice");
      continue;
    }
    query.items_.emplace_back(*name, *value);
  }
  if (faults.any()) return tl::unexpected(faults.error());
  return query;
}

const std::string* Query::find(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::vector<std::string> Query::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : items_) {
    if (key == name) values.push_back(value);
  }
  return values;
}

std::vector<std::string> Query::list(std::string_view name) const {
  std::vector<std::string> parts;
  for (const auto& value : all(name)) {
    for (size_t at = 0; at <= value.size();) {
      const size_t end = std::min(value.find(',', at), value.size());
      if (end > at) parts.push_back(value.substr(at, end - at));
      at = end + 1;
    }
  }
  return parts;
}

std::optional<int64_t> Query::integer(std::string_view name, int64_t least, int64_t most,
                                      json::Faults& faults) const {
  const std::string* text = find(name);
  if (text == nullptr) return std::nullopt;
  int64_t value = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, value);
  if (parsed.ec == std::errc() && parsed.ptr == end && value >= least && value <= most) {
    return value;
  }
  faults.add(pointer_of(name), "\"" + *text + "\" is not allowed: a whole number from " +
                                   std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

bool Query::flag(std::string_view name, json::Faults& faults) const {
  const std::string* text = find(name);
  if (text == nullptr || *text == "false") return false;
  if (*text != "true") {
    faults.add(pointer_of(name), "\"" + *text + "\" is not allowed: true or false");
  }
  return *text == "true";
}

std::vector<std::pair<std::string, std::string>> query_labels(const Query& query,
                                                              json::Faults& faults) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& text : query.all("label")) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || !valid_name(text.substr(0, equals))) {
      faults.add("query:label", "\"" + text + "\" is not allowed: KEY=VALUE");
      continue;
    }
    labels.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return labels;
}

std::vector<std::string> query_capabilities(const Query& query, std::string_view name,
                                            json::Faults& faults) {
  auto names = query.list(name);
  for (const auto& text : names) {
    if (!valid_name(text)) {
      faults.add(pointer_of(name), "\"" + text + "\" is no capability: 1 to 255 bytes");
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace phoenix
