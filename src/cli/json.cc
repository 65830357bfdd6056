#include "cli/json.h"

#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <set>

namespace phoenix::cli {

// Turns the parser's events into values. The stack holds the arrays and objects that are open.
class JsonBuilder {
 public:
  constexpr static std::size_t max_object_size = std::size_t(-1);
  constexpr static std::size_t max_array_size = std::size_t(-1);
  constexpr static std::size_t max_key_size = std::size_t(-1);
  constexpr static std::size_t max_string_size = std::size_t(-1);
  using error_code = boost::json::error_code;
  using view = boost::json::string_view;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return open(Json::object()); }
  bool on_object_end(std::size_t, error_code& ec) {
    std::set<std::string_view> seen;
    for (const auto& [name, value] : stack_.back().value.members_) {
      if (!seen.insert(name).second) {
        duplicate = name;
        ec = boost::json::error::syntax;
        return false;
      }
    }
    return close();
  }
  bool on_array_begin(error_code&) { return open(Json::array()); }
  bool on_array_end(std::size_t, error_code&) { return close(); }
  bool on_key_part(view part, std::size_t, error_code&) { return collect(part); }
  bool on_key(view part, std::size_t, error_code&) {
    collect(part);
    stack_.back().name = std::move(pending_);
    pending_.clear();
    return true;
  }
  bool on_string_part(view part, std::size_t, error_code&) { return collect(part); }
  bool on_string(view part, std::size_t, error_code&) {
    collect(part);
    return finish(Json::Kind::kString);
  }
  bool on_number_part(view part, error_code&) { return collect(part); }
  bool on_int64(std::int64_t, view part, error_code&) { return number(part); }
  bool on_uint64(std::uint64_t, view part, error_code&) { return number(part); }
  bool on_double(double, view part, error_code&) { return number(part); }
  bool on_bool(bool value, error_code&) {
    pending_ = value ? "true" : "false";
    return finish(Json::Kind::kBool);
  }
  bool on_null(error_code&) { return finish(Json::Kind::kNull); }
  bool on_comment_part(view, error_code&) { return true; }
  bool on_comment(view, error_code&) { return true; }

  Json result;
  std::string duplicate;

 private:
  struct Open {
    Json value;
    std::string name;  // of the member that is being read, in an object
  };

  bool collect(view part) {
    pending_.append(part.data(), part.size());
    return true;
  }
  bool number(view part) {
    collect(part);
    return finish(Json::Kind::kNumber);
  }
  bool open(Json value) {
    stack_.push_back({std::move(value), {}});
    return true;
  }
  bool close() {
    Json value = std::move(stack_.back().value);
    stack_.pop_back();
    return place(std::move(value));
  }
  bool finish(Json::Kind kind) {
    Json value(kind);
    value.text_ = std::move(pending_);
    pending_.clear();
    return place(std::move(value));
  }
  bool place(Json value) {
    if (stack_.empty()) {
      result = std::move(value);
    } else if (stack_.back().value.is_array()) {
      stack_.back().value.items_.push_back(std::move(value));
    } else {
      stack_.back().value.members_.emplace_back(std::move(stack_.back().name), std::move(value));
    }
    return true;
  }

  std::vector<Open> stack_;
  std::string pending_;
};

namespace {

constexpr std::size_t kMaxDepth = 64;

const Json& null_value() {
  static const Json kNull;
  return kNull;
}

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

// Whether YAML reads the bare text back as this very string: a cautious list, the rest is quoted.
bool plain_in_yaml(std::string_view text) {
  if (text.empty()) return false;
  static const std::set<std::string, std::less<>> kWords = {"null", "true", "false", "yes", "no",
                                                            "on",   "off",  "y",     "n"};
  std::string lower;
  bool letter = false;
  for (char c : text) {
    bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool inner = (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == '/';
    if (!alpha && !inner) return false;
    letter = letter || alpha;
    lower.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
  }
  // Starting with a letter rules out numbers, dates and -lists in one go.
  bool starts_well = (lower[0] >= 'a' && lower[0] <= 'z') || lower[0] == '/';
  return letter && starts_well && !kWords.contains(lower);
}

void append_yaml_string(std::string& out, std::string_view text) {
  if (plain_in_yaml(text)) {
    out += text;
  } else {
    append_quoted(out, text);
  }
}

}  // namespace

Json Json::string(std::string_view text) {
  Json value(Kind::kString);
  value.text_ = text;
  return value;
}

Json Json::raw_number(std::string_view digits) {
  Json value(Kind::kNumber);
  value.text_ = digits;
  return value;
}

Json Json::number(int64_t value) { return raw_number(std::to_string(value)); }

Json Json::boolean(bool value) {
  Json result(Kind::kBool);
  result.text_ = value ? "true" : "false";
  return result;
}

Json Json::strings(const std::vector<std::string>& values) {
  Json result = array();
  for (const std::string& value : values) result.push(string(value));
  return result;
}

Result<Json> Json::parse(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::json::basic_parser<JsonBuilder> parser(options);
  boost::json::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  const std::string& twice = parser.handler().duplicate;
  if (!twice.empty()) {
    return fail(ErrorKind::kInvalidRequest, fmt::format("the name \"{}\" stands twice", twice));
  }
  const bool rest = text.substr(used).find_first_not_of(" \t\r\n") != std::string_view::npos;
  if (!ec && rest) ec = boost::json::error::extra_data;
  if (ec) {
    return fail(ErrorKind::kInvalidRequest,
                fmt::format("not valid JSON at byte {}: {}", used + 1, ec.message()));
  }
  return std::move(parser.handler().result);
}

const Json& Json::operator[](std::string_view name) const {
  for (const auto& [key, value] : members_) {
    if (key == name) return value;
  }
  return null_value();
}

bool Json::has(std::string_view name) const {
  for (const auto& member : members_) {
    if (member.first == name) return true;
  }
  return false;
}

std::optional<int64_t> Json::integer() const {
  if (kind_ != Kind::kNumber) return std::nullopt;
  int64_t value = 0;
  auto [end, ec] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
  if (ec != std::errc() || end != text_.data() + text_.size()) return std::nullopt;
  return value;
}

std::optional<double> Json::real() const {
  if (kind_ != Kind::kNumber) return std::nullopt;
  double value = 0;
  auto [end, ec] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
  if (ec != std::errc()) return std::nullopt;
  return value;
}

Json& Json::set(std::string_view name, Json value) {
  for (auto& member : members_) {
    if (member.first == name) {
      member.second = std::move(value);
      return *this;
    }
  }
  members_.emplace_back(std::string(name), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  items_.push_back(std::move(value));
  return *this;
}

void Json::append_to(std::string& out) const {
  const char* separator = "";
  switch (kind_) {
    case Kind::kNull:
      out += "null";
      return;
    case Kind::kBool:
    case Kind::kNumber:
      out += text_;
      return;
    case Kind::kString:
      append_quoted(out, text_);
      return;
    case Kind::kArray:
      out.push_back('[');
      for (const Json& item : items_) {
        out += std::exchange(separator, ",");
        item.append_to(out);
      }
      out.push_back(']');
      return;
    case Kind::kObject:
      out.push_back('{');
      for (const auto& [name, value] : members_) {
        out += std::exchange(separator, ",");
        append_quoted(out, name);
        out.push_back(':');
        value.append_to(out);
      }
      out.push_back('}');
      return;
  }
}

std::string Json::dump() const {
  std::string out;
  append_to(out);
  return out;
}

void Json::append_pretty(std::string& out, size_t depth) const {
  const std::string indent(2 * depth + 2, ' ');
  const char* separator = "\n";
  if (items_.empty() && members_.empty()) {
    append_to(out);
  } else if (is_array()) {
    out.push_back('[');
    for (const Json& item : items_) {
      out += std::exchange(separator, ",\n") + indent;
      item.append_pretty(out, depth + 1);
    }
    out += "\n" + std::string(2 * depth, ' ') + "]";
  } else {
    out.push_back('{');
    for (const auto& [name, value] : members_) {
      out += std::exchange(separator, ",\n") + indent;
      append_quoted(out, name);
      out += ": ";
      value.append_pretty(out, depth + 1);
    }
    out += "\n" + std::string(2 * depth, ' ') + "}";
  }
}

std::string Json::dump_pretty() const {
  std::string out;
  append_pretty(out, 0);
  out.push_back('\n');
  return out;
}

// A container's first line goes beside the dash of the list that it is in; as a member's value
// it starts on a line of its own.
void Json::append_yaml(std::string& out, size_t depth, bool in_list) const {
  if (is_string()) {
    append_yaml_string(out, text_);
    out.push_back('\n');
    return;
  }
  if (items_.empty() && members_.empty()) {
    append_to(out);
    out.push_back('\n');
    return;
  }
  if (depth > 0 && !in_list) out.push_back('\n');
  bool first = in_list;
  for (const Json& item : items_) {
    if (!std::exchange(first, false)) out.append(2 * depth, ' ');
    out += "- ";
    item.append_yaml(out, depth + 1, true);
  }
  for (const auto& [name, value] : members_) {
    if (!std::exchange(first, false)) out.append(2 * depth, ' ');
    append_yaml_string(out, name);
    out += value.items_.empty() && value.members_.empty() ? ": " : ":";
    value.append_yaml(out, depth + 1, false);
  }
}

std::string Json::dump_yaml() const {
  std::string out;
  append_yaml(out, 0, false);
  return out;
}

std::string json_quote(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

}  // namespace phoenix::cli
