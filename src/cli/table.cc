#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

namespace phoenix::cli {
namespace {

constexpr std::string_view kReset = "\x1b[0m";

std::string wrapped(std::string_view code, std::string_view text, bool color) {
  if (!color || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}{}", code, text, kReset);
}

// Length of the valid UTF-8 sequence at the front, 0 if there is none. Overlong forms and
// surrogates are let through as what they are: this guards terminals, it judges no encoding.
size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (lead > 0xf4 || length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return length;
}

bool control(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return lead < 0x20 || lead == 0x7f;
  return lead == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0;  // C1: U+0080..U+009F
}

void append_padded(std::string& line, const std::string& cell, size_t width, bool right) {
  const std::string padding(width - std::min(width, display_width(cell)), ' ');
  line += right ? padding + cell : cell + padding;
}

void close_line(std::string& out, std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + "\n";
}

}  // namespace

std::string harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = sequence_length(text);
    const std::string_view sequence = text.substr(0, std::max<size_t>(length, 1));
    if (length == 0 || control(sequence)) {
      for (char c : sequence) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return out;
}

size_t display_width(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      while (i < text.size() && text[i] != 'm') ++i;
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ++width;
    }
  }
  return width;
}

std::string colored_state(std::string_view state, bool color) {
  static const std::map<std::string, std::string, std::less<>> kColors = {
      {"COMPLETED", "32"}, {"ACTIVE", "32"},    {"ready", "32"},    {"RUNNING", "36"},
      {"ASSIGNED", "36"},  {"PENDING", "33"},   {"DRAINING", "33"}, {"FAILED", "31"},
      {"DETACHED", "31"},  {"EXPIRED", "31"},   {"REJECTED", "31"}, {"CANCELED", "2"},
      {"RETIRED", "2"},    {"not ready", "31"}, {"ALIVE", "32"},    {"SUSPECT", "33"},
      {"LEAVING", "33"},   {"LEFT", "2"}};
  const auto found = kColors.find(state);
  return found == kColors.end() ? std::string(state) : wrapped(found->second, state, color);
}

std::string bold(std::string_view text, bool color) { return wrapped("1", text, color); }
std::string dimmed(std::string_view text, bool color) { return wrapped("2", text, color); }

std::string Table::render(bool wide, bool color, bool header) {
  std::vector<size_t> shown;
  widths_.resize(columns_.size());
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (wide || !columns_[i].wide_only) shown.push_back(i);
    if (header) widths_[i] = std::max(widths_[i], columns_[i].title.size());
  }
  std::vector<std::vector<std::string>> cells;
  for (const auto& row : rows_) {
    cells.emplace_back();
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string text = row[i].empty() ? "-" : harmless(row[i]);
      widths_[i] = std::max(widths_[i], display_width(text));
      cells.back().push_back(columns_[i].title == "STATUS" ? colored_state(text, color) : text);
    }
  }
  std::string out;
  std::string line;
  for (size_t i : shown) {
    if (i != shown.front()) line += "  ";
    append_padded(line, columns_[i].title, widths_[i], columns_[i].right);
  }
  if (header) close_line(out, line);
  for (const auto& row : cells) {
    line.clear();
    for (size_t i : shown) {
      if (i != shown.front()) line += "  ";
      append_padded(line, row[i], widths_[i], columns_[i].right);
    }
    close_line(out, line);
  }
  return out;
}

std::string render_sheet(const std::vector<std::pair<std::string, std::string>>& fields,
                         bool color) {
  size_t width = 0;
  for (const auto& field : fields) width = std::max(width, display_width(field.first));
  std::string out;
  for (const auto& [name, value] : fields) {
    std::string line = bold(name + ":", color) + std::string(width - display_width(name), ' ');
    if (value.find('\n') == std::string::npos) {
      close_line(out, line + "  " + value);
      continue;
    }
    close_line(out, line);
    std::string_view rest = value;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      close_line(out, "  " + std::string(rest.substr(0, end)));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return out;
}

int64_t parse_time(std::string_view at) {
  const auto number = [&](size_t from, size_t length) -> std::optional<int64_t> {
    int64_t value = 0;
    if (from + length > at.size()) return std::nullopt;
    const char* first = at.data() + from;
    const auto [end, ec] = std::from_chars(first, first + length, value);
    return ec == std::errc() && end == first + length ? std::optional(value) : std::nullopt;
  };
  const auto y = number(0, 4), m = number(5, 2), d = number(8, 2);
  const auto hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!y || !m || !d || !hour || !minute || !second || !at.ends_with('Z')) return -1;
  const int64_t millis = at.size() > 20 && at[19] == '.' ? number(20, 3).value_or(0) : 0;
  // Days of the proleptic Gregorian calendar, the year taken to begin in March.
  const int64_t year = *m <= 2 ? *y - 1 : *y;
  const int64_t era = year / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (*m + (*m > 2 ? -3 : 9)) + 2) / 5 + *d - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  const int64_t days = era * 146'097 + day_of_era - 719'468;
  return ((days * 24 + *hour) * 60 + *minute) * 60'000 + *second * 1000 + millis;
}

std::string age(std::string_view at, int64_t now_ms) {
  const int64_t then = parse_time(at);
  if (then < 0) return "";
  const int64_t s = std::max<int64_t>(0, now_ms - then) / 1000;
  if (s < 120) return fmt::format("{}s", s);
  if (s < 2 * 3600) return fmt::format("{}m", s / 60);
  if (s < 2 * 86'400) return fmt::format("{}h", s / 3600);
  return fmt::format("{}d", s / 86'400);
}

}  // namespace phoenix::cli
