#include "manifest/kinds/values.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>

namespace phoenix::manifest {
namespace {

constexpr int64_t kLongest = int64_t{100} * 366 * 86'400'000;  // a century

struct Unit {
  std::string_view name;
  int64_t ms;
};
constexpr std::array<Unit, 5> kUnits = {
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

// `count` digits at the start of `text`, which it moves over; -1 if there are none.
int take_digits(std::string_view& text, size_t count) {
  if (text.size() < count) return -1;
  int value = 0;
  for (size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char wanted) {
  if (text.empty() || text[0] != wanted) return false;
  text.remove_prefix(1);
  return true;
}

// "Z" or "+02:00" in minutes.
std::optional<int> read_offset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const int sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  const int hours = take_digits(text, 2);
  if (!take(text, ':')) return std::nullopt;
  const int minutes = take_digits(text, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  return sign * (hours * 60 + minutes);
}

std::string in_units(double ms) {
  const auto whole = static_cast<int64_t>(ms);
  for (size_t i = kUnits.size(); i-- > 0;) {
    if (whole != 0 && whole % kUnits[i].ms == 0) {
      return fmt::format("{}{}", whole / kUnits[i].ms, kUnits[i].name);
    }
  }
  return "0s";
}

}  // namespace

std::optional<int64_t> read_duration_ms(std::string_view text) {
  int64_t count = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), count);
  if (end.ec != std::errc() || text.starts_with('-')) return std::nullopt;
  const std::string_view name = text.substr(static_cast<size_t>(end.ptr - text.data()));
  for (const Unit& unit : kUnits) {
    if (unit.name == name && count <= kLongest / unit.ms) return count * unit.ms;
  }
  return std::nullopt;
}

std::optional<int64_t> read_time_ms(std::string_view text) {
  const int year = take_digits(text, 4);
  if (year < 1970 || !take(text, '-')) return std::nullopt;
  const int month = take_digits(text, 2);
  if (month < 0 || !take(text, '-')) return std::nullopt;
  const int day = take_digits(text, 2);
  const auto date = std::chrono::year(year) / month / day;
  if (day < 0 || !date.ok()) return std::nullopt;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  const int hour = take_digits(text, 2);
  if (!take(text, ':')) return std::nullopt;
  const int minute = take_digits(text, 2);
  if (!take(text, ':')) return std::nullopt;
  const int second = take_digits(text, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
    return std::nullopt;
  }
  int64_t fraction = 0;
  if (take(text, '.')) {
    int64_t scale = 100;
    size_t digits = 0;
    for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; ++digits, scale /= 10) {
      fraction += (text[0] - '0') * scale;
      text.remove_prefix(1);
    }
    if (digits == 0) return std::nullopt;
  }
  const auto offset = read_offset(text);
  if (!offset) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const int64_t minutes = (days * 24 + hour) * 60 + minute - *offset;
  return (minutes * 60 + second) * 1'000 + fraction;
}

std::string allowed(const Shape& shape) {
  switch (shape.type) {
    case Type::kAny:
      return "any value";
    case Type::kFilled:
      return "any value but nothing";
    case Type::kText:
      if (!shape.choices.empty()) {
        return shape.choices.size() == 1 ? shape.choices[0]
                                         : fmt::format("one of {}", fmt::join(shape.choices, ", "));
      }
      return fmt::format("text of {} to {} bytes", shape.least, shape.most);
    case Type::kName:
      return fmt::format("text of {} to {} bytes without control characters", shape.least,
                         shape.most);
    case Type::kVariable:
      return "1 to 255 bytes without \"=\" or control characters";
    case Type::kId:
      return "1 to 128 of A-Z a-z 0-9 . _ -, first a letter or digit";
    case Type::kBool:
      return "true or false";
    case Type::kInteger:
      return fmt::format("a whole number from {} to {}", shape.least, shape.most);
    case Type::kNumber:
      return fmt::format("a number from {} to {}", shape.least, shape.most);
    case Type::kDuration:
      return fmt::format("a duration from {} to {}, like 1500ms, 25s or 2m", in_units(shape.least),
                         in_units(shape.most));
    case Type::kMoment:
      return "a duration from now, like 10m, or a time like 2030-01-31T12:00:00Z";
    case Type::kPath:
      return "the path of a file within the app's folder";
    case Type::kList:
      return shape.least > 0 ? fmt::format("a list of at least {}", shape.least) : "a list";
    case Type::kObject:
    case Type::kMap:
      return "a mapping, \"key: value\"";
    case Type::kSchema:
      return "a schema";
  }
  return "";
}

}  // namespace phoenix::manifest
