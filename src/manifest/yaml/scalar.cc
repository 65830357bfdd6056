#include "manifest/yaml/scalar.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace phoenix::manifest {
namespace {

constexpr double kExact = 9007199254740992.0;  // 2^53

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

std::string_view without_sign(std::string_view text) {
  return !text.empty() && (text[0] == '-' || text[0] == '+') ? text.substr(1) : text;
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::optional<bool> truth_of(std::string_view text) {
  if (one_of(text, {"true", "True", "TRUE"})) return true;
  if (one_of(text, {"false", "False", "FALSE"})) return false;
  return std::nullopt;
}

std::optional<bool> old_truth_of(std::string_view text) {
  if (one_of(text, {"yes", "Yes", "YES", "on", "On", "ON"})) return true;
  if (one_of(text, {"no", "No", "NO", "off", "Off", "OFF"})) return false;
  return std::nullopt;
}

Scalar number(double value) {
  Scalar scalar;
  scalar.kind = Scalar::Kind::kReal;
  scalar.real = value;
  if (std::abs(value) <= kExact && value == std::floor(value)) {
    scalar.integer = static_cast<int64_t>(value);
  }
  return scalar;
}

// Digits of that base behind the sign of `text`. What does not fit 64 bits is a real.
Scalar whole(std::string_view text, std::string_view digits, int base) {
  std::string spelled(text.starts_with('-') ? "-" : "");
  spelled += digits;
  Scalar scalar;
  const char* end = spelled.data() + spelled.size();
  if (std::from_chars(spelled.data(), end, scalar.integer, base).ec == std::errc()) {
    scalar.kind = Scalar::Kind::kInteger;
    scalar.real = static_cast<double>(scalar.integer);
    return scalar;
  }
  double value = 0;
  for (const char c : digits) {
    const int digit = is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
    value = value * base + digit;
  }
  return number(text.starts_with('-') ? -value : value);
}

// "1.5", ".5", "1.", "1e3": digits with a point or an exponent, nothing else.
bool looks_real(std::string_view text) {
  const std::string_view body = without_sign(text);
  const size_t e = body.find_first_of("eE");
  const std::string_view mantissa = body.substr(0, e);
  if (e != std::string_view::npos && !all_digits(without_sign(body.substr(e + 1)))) return false;
  const size_t point = mantissa.find('.');
  if (point == std::string_view::npos) return all_digits(mantissa);
  const std::string_view before = mantissa.substr(0, point);
  const std::string_view behind = mantissa.substr(point + 1);
  return (before.empty() || all_digits(before)) && (behind.empty() || all_digits(behind)) &&
         mantissa.size() > 1;
}

double real_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec == std::errc::result_out_of_range) {
    const bool tiny =
        text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos;
    value = tiny ? 0 : text.starts_with('-') ? -HUGE_VAL : HUGE_VAL;
  }
  return value;
}

bool in_base(std::string_view digits, int base) {
  return !digits.empty() && std::all_of(digits.begin(), digits.end(), [base](char c) {
    const int value = is_digit(c)            ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : 99;
    return value < base;
  });
}

// By the core schema of YAML 1.2.
Scalar read_new(std::string_view text) {
  Scalar scalar;
  if (text.empty() || one_of(text, {"~", "null", "Null", "NULL"})) {
    scalar.kind = Scalar::Kind::kNull;
  } else if (const auto truth = truth_of(text)) {
    scalar.kind = Scalar::Kind::kBool;
    scalar.truth = *truth;
  } else if (all_digits(without_sign(text))) {
    scalar = whole(text, without_sign(text), 10);
  } else if (text.starts_with("0x") && in_base(text.substr(2), 16)) {
    scalar = whole("", text.substr(2), 16);
  } else if (text.starts_with("0o") && in_base(text.substr(2), 8)) {
    scalar = whole("", text.substr(2), 8);
  } else if (looks_real(text)) {
    scalar = number(real_of(text));
  } else if (one_of(without_sign(text), {".inf", ".Inf", ".INF"})) {
    scalar = number(text.starts_with('-') ? -HUGE_VAL : HUGE_VAL);
  } else if (one_of(text, {".nan", ".NaN", ".NAN"})) {
    scalar = number(std::nan(""));
  }
  return scalar;
}

// "1:30" is ninety: groups of sixty, the first one of any length.
std::optional<Scalar> read_sexagesimal(std::string_view text) {
  std::string_view body = without_sign(text);
  double value = 0;
  int groups = 0;
  for (bool more = true; more; ++groups) {
    const size_t colon = body.find(':');
    more = colon != std::string_view::npos;
    const std::string_view digits = body.substr(0, colon);
    if (!all_digits(digits) || digits.size() > (groups == 0 ? 9u : 2u)) return std::nullopt;
    double group = 0;
    for (const char c : digits) group = group * 10 + (c - '0');
    if (groups > 0 && group >= 60) return std::nullopt;
    value = value * 60 + group;
    if (more) body.remove_prefix(colon + 1);
  }
  if (groups < 2) return std::nullopt;
  Scalar scalar = number(text.starts_with('-') ? -value : value);
  scalar.kind = Scalar::Kind::kInteger;
  return scalar;
}

// What YAML 1.1 makes of it where 1.2 makes something else; nullopt where both agree.
std::optional<Scalar> read_old(std::string_view text) {
  const std::string_view body = without_sign(text);
  if (const auto truth = old_truth_of(text)) {
    Scalar scalar;
    scalar.kind = Scalar::Kind::kBool;
    scalar.truth = *truth;
    return scalar;
  }
  if (all_digits(body) && body.size() > 1 && body[0] == '0') {
    return in_base(body, 8) ? whole(text, body, 8) : Scalar();
  }
  if (text.starts_with("0o") && in_base(text.substr(2), 8)) return Scalar();
  if (body.starts_with("0b") && in_base(body.substr(2), 2)) return whole(text, body.substr(2), 2);
  if (body.size() > 1 && is_digit(body[0]) && body.find('_') != std::string_view::npos) {
    std::string digits(body);
    std::erase(digits, '_');
    if (all_digits(digits)) return whole(text, digits, 10);
  }
  return read_sexagesimal(text);
}

void append_json(const Node& node, YamlVersion version, const std::string& path, Findings* findings,
                 std::string& out);

void append_scalar(const Node& node, YamlVersion version, const std::string& path,
                   Findings* findings, std::string& out) {
  const Scalar scalar = read_scalar(node, version);
  if (scalar.ambiguous) {
    const bool strict = version == YamlVersion::k12;
    findings->push_back({strict ? Finding::Weight::kError : Finding::Weight::kWarning, node.place,
                         path, shown(node), ambiguity(node, version)});
  }
  switch (scalar.kind) {
    case Scalar::Kind::kNull:
      out += "null";
      break;
    case Scalar::Kind::kBool:
      out += scalar.truth ? "true" : "false";
      break;
    case Scalar::Kind::kInteger:
      out += fmt::format("{}", scalar.integer);
      break;
    case Scalar::Kind::kReal:
      if (std::isfinite(scalar.real)) {
        out += fmt::format("{}", scalar.real);
        break;
      }
      findings->push_back({Finding::Weight::kError, node.place, path, shown(node),
                           "is a number that JSON cannot hold; write it as text, in quotes"});
      out += "null";
      break;
    case Scalar::Kind::kText:
      out += quote(node.text);
      break;
  }
}

void append_json(const Node& node, YamlVersion version, const std::string& path, Findings* findings,
                 std::string& out) {
  if (node.is_scalar()) return append_scalar(node, version, path, findings, out);
  const bool map = node.is_map();
  out += map ? '{' : '[';
  for (size_t i = 0; i < node.items.size(); ++i) {
    if (i > 0) out += ',';
    if (map && node.keys[i].plain && node.keys[i].text == "<<") {
      findings->push_back({Finding::Weight::kError, node.keys[i].place, path, "", kMergeKey});
    }
    if (map) out += quote(node.keys[i].text) + ":";
    const std::string below = map ? path + "." + node.keys[i].text : fmt::format("{}[{}]", path, i);
    append_json(node.items[i], version, below, findings, out);
  }
  out += map ? '}' : ']';
}

}  // namespace

Scalar read_scalar(const Node& node, YamlVersion version) {
  if (!node.plain) return {};
  Scalar scalar = read_new(node.text);
  if (auto old = read_old(node.text)) {
    if (version == YamlVersion::k11) scalar = *old;
    scalar.ambiguous = true;
  }
  return scalar;
}

std::string ambiguity(const Node& node, YamlVersion version) {
  const auto old = read_old(node.text);
  const Scalar other = old.value_or(Scalar());
  std::string meaning = "text";
  if (other.kind == Scalar::Kind::kBool) meaning = other.truth ? "true" : "false";
  if (other.is_number()) meaning = fmt::format("{}", other.real);
  if (version == YamlVersion::k11) {
    return fmt::format("is read as {}, as by YAML 1.1; write that, or quotes around the text",
                       meaning);
  }
  return fmt::format(
      "means {} to some readers of YAML and not to others; write {}, or quotes around the text",
      meaning, other.kind == Scalar::Kind::kText ? "the number in decimal" : meaning);
}

std::string to_json(const Node& node, YamlVersion version, const std::string& path,
                    Findings* findings) {
  std::string out;
  append_json(node, version, path, findings, out);
  return out;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace phoenix::manifest
