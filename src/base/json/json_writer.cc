#include "base/json/json_writer.h"

#include <array>
#include <cmath>

#include "base/json/plain_bytes.h"

namespace phoenix::json {
namespace {

// Bytes that cannot stand in a string as they are.
constexpr std::array<bool, 256> escape_table() {
  std::array<bool, 256> table{};
  for (size_t i = 0; i < 0x20; ++i) table[i] = true;
  table['"'] = true;
  table['\\'] = true;
  table[0x7f] = true;
  return table;
}
constexpr std::array<bool, 256> kEscaped = escape_table();

void append_escape(std::string& out, char c) {
  constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[static_cast<uint8_t>(c) >> 4];
      out += kHex[static_cast<uint8_t>(c) & 15];
  }
}

void append_padded(std::string& out, int64_t value, int width) {
  char digits[8];
  for (int i = width - 1; i >= 0; --i) {
    digits[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out.append(digits, static_cast<size_t>(width));
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  out += '"';
  size_t begin = 0;
  for (size_t i = plain_bytes(text); i < text.size(); ++i) {
    if (!kEscaped[static_cast<uint8_t>(text[i])]) continue;
    out.append(text, begin, i - begin);
    append_escape(out, text[i]);
    begin = i + 1;
    i += plain_bytes(text.substr(begin));
  }
  out.append(text, begin);
  out += '"';
}

// Days since 1970 to a date: Howard Hinnant's "chrono-compatible low-level date algorithms".
void append_time(std::string& out, WallMs at) {
  constexpr int64_t kDay = 86'400'000;
  const int64_t days = at / kDay + 719'468;
  const int64_t in_day = at % kDay;
  const int64_t era = days / 146'097;
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * day_of_year + 2) / 153;  // March is 0
  const int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  append_padded(out, year_of_era + era * 400 + (month <= 2 ? 1 : 0), 4);
  out += '-';
  append_padded(out, month, 2);
  out += '-';
  append_padded(out, day_of_year - (153 * shifted + 2) / 5 + 1, 2);
  out += 'T';
  append_padded(out, in_day / 3'600'000, 2);
  out += ':';
  append_padded(out, in_day / 60'000 % 60, 2);
  out += ':';
  append_padded(out, in_day / 1'000 % 60, 2);
  out += '.';
  append_padded(out, in_day % 1'000, 3);
  out += 'Z';
}

std::string time_text(WallMs at) {
  std::string out;
  append_time(out, at);
  return out;
}

void append_thousandths(std::string& out, uint32_t value) {
  append_integer(out, value / 1000);
  uint32_t rest = value % 1000;
  if (rest == 0) return;
  out += '.';
  for (uint32_t place = 100; rest > 0; rest %= place, place /= 10) {
    out += static_cast<char>('0' + rest / place);
  }
}

void Writer::real(double value) {
  comma();
  if (!std::isfinite(value)) value = 0;
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed, 6).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  while (text.back() == '0') text.remove_suffix(1);
  if (text.back() == '.') text.remove_suffix(1);
  out_ += text;
}

void Writer::time(WallMs at) {
  comma();
  out_ += '"';
  append_time(out_, at);
  out_ += '"';
}

}  // namespace phoenix::json
