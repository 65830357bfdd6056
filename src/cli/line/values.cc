#include "cli/line/values.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace phoenix::cli {
namespace {

struct Unit {
  std::string_view name;
  int64_t ns;
};
// Falling order; "ms" is tried before "m" because the longest name that fits is taken.
constexpr std::array<Unit, 5> kUnits = {{{"d", 86'400'000'000'000},
                                         {"h", 3'600'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"s", 1'000'000'000},
                                         {"ms", 1'000'000}}};
constexpr int64_t kMostNs = 36'500LL * 86'400'000'000'000;  // 100 years
constexpr int64_t kMostCount = 3'153'600'000'000;           // 100 years in ms

bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string no_duration(std::string_view text) {
  return fmt::format("\"{}\" is no duration; write it as 1500ms, 25s or 2m", text);
}

// The digits at the front of `text`, taken off it.
std::string_view take(std::string_view& text, bool (*belongs)(char)) {
  size_t n = 0;
  while (n < text.size() && belongs(text[n])) ++n;
  std::string_view head = text.substr(0, n);
  text.remove_prefix(n);
  return head;
}

}  // namespace

tl::expected<Duration, std::string> parse_duration(std::string_view text) {
  std::string_view rest = text;
  int64_t total = 0;
  size_t next_unit = 0;
  if (rest.empty()) return tl::unexpected(no_duration(text));
  while (!rest.empty()) {
    const std::string_view digits = take(rest, digit);
    const std::string_view name = take(rest, letter);
    int64_t count = 0;
    auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (digits.empty() || (ec == std::errc() && name.empty())) {
      return tl::unexpected(no_duration(text));
    }
    size_t unit = next_unit;
    while (unit < kUnits.size() && kUnits[unit].name != name) ++unit;
    if (unit == kUnits.size()) return tl::unexpected(no_duration(text));
    if (ec != std::errc() || count > kMostCount || count > (kMostNs - total) / kUnits[unit].ns) {
      return tl::unexpected(fmt::format("\"{}\" is more than 100 years", text));
    }
    total += count * kUnits[unit].ns;
    next_unit = unit + 1;
  }
  return Duration{total};
}

std::string format_duration(Duration value) {
  for (const Unit& unit : kUnits) {
    if (value.ns != 0 && value.ns % unit.ns == 0) {
      return fmt::format("{}{}", value.ns / unit.ns, unit.name);
    }
  }
  return value.ns == 0 ? "0s" : fmt::format("{}ms", value.ms());
}

tl::expected<int64_t, std::string> parse_integer(std::string_view text, int64_t least,
                                                 int64_t most) {
  std::string_view digits = text;
  if (digits.size() > 1 && digits[0] == '+' && digit(digits[1])) digits.remove_prefix(1);
  int64_t value = 0;
  auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = !digits.empty() && end == digits.data() + digits.size();
  if (!whole || ec == std::errc::invalid_argument || value < least || value > most ||
      ec == std::errc::result_out_of_range) {
    return tl::unexpected(
        fmt::format("\"{}\" is no whole number from {} to {}", text, least, most));
  }
  return value;
}

tl::expected<int64_t, std::string> parse_bytes(std::string_view text, int64_t least, int64_t most) {
  struct Size {
    std::string_view name;
    int64_t bytes;
  };
  constexpr std::array<Size, 4> kSizes = {
      {{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"B", 1}}};
  std::string_view rest = text;
  std::string_view digits = take(rest, digit);
  int64_t factor = rest.empty() ? 1 : 0;
  for (const Size& size : kSizes) {
    if (size.name == rest) factor = size.bytes;
  }
  int64_t count = 0;
  auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (digits.empty() || ec != std::errc() || factor == 0 || count > most / factor ||
      count * factor < least) {
    return tl::unexpected(fmt::format(
        "\"{}\" is no size from {} to {} bytes; write it as 512KiB or 1MiB", text, least, most));
  }
  return count * factor;
}

tl::expected<std::vector<std::string>, std::string> split_list(std::string_view text) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == ',') {
      parts.back().push_back(text[++i]);
    } else if (text[i] == ',') {
      parts.emplace_back();
    } else {
      parts.back().push_back(text[i]);
    }
  }
  for (const std::string& part : parts) {
    if (part.empty()) {
      return tl::unexpected(fmt::format("\"{}\" has an empty part; write it as a,b", text));
    }
  }
  return parts;
}

}  // namespace phoenix::cli
