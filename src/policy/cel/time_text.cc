#include "policy/cel/time_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace phoenix::cel {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kSecondsPerDay = 86'400;
constexpr int64_t kFirstTimestamp = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr int64_t kLastTimestamp = 253'402'300'799;   // 9999-12-31T23:59:59Z
constexpr int64_t kMostNanos = INT64_MAX;             // of a duration: 292 years

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

// Days since 1970-01-01. Counts years from March, so that the leap day is the last one of a year.
int64_t days_of(int64_t year, int64_t month, int64_t day) {
  const int64_t shifted = month <= 2 ? year - 1 : year;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  const int64_t year_of_era = shifted - era * 400;
  const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719'468;
}

bool is_leap(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int64_t days_in(int64_t year, int64_t month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[static_cast<size_t>(month - 1)];
}

// Takes text from the front; nothing is taken by a step that fails.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool at_end() const { return text_.empty(); }
  bool take(char letter) {
    if (text_.empty() || text_.front() != letter) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  // Exactly so many digits; -1 if there are fewer.
  int64_t number(size_t digits) {
    if (text_.size() < digits) return -1;
    int64_t value = 0;
    for (size_t at = 0; at < digits; ++at) {
      if (!is_digit(text_[at])) return -1;
      value = value * 10 + (text_[at] - '0');
    }
    text_.remove_prefix(digits);
    return value;
  }
  std::string_view digits() {
    size_t count = 0;
    while (count < text_.size() && is_digit(text_[count])) ++count;
    const std::string_view taken = text_.substr(0, count);
    text_.remove_prefix(count);
    return taken;
  }

 private:
  std::string_view text_;
};

// "5" is 500,000,000; digits beyond the ninth are dropped.
int64_t nanos_of(std::string_view digits) {
  int64_t nanos = 0;
  for (size_t at = 0; at < 9; ++at) {
    nanos = nanos * 10 + (at < digits.size() ? digits[at] - '0' : 0);
  }
  return nanos;
}

std::optional<int32_t> read_offset(Reader& reader) {
  const bool west = reader.take('-');
  if (!west) reader.take('+');
  const int64_t hours = reader.number(2);
  if (hours < 0 || hours > 23 || !reader.take(':')) return std::nullopt;
  const int64_t minutes = reader.number(2);
  if (minutes < 0 || minutes > 59) return std::nullopt;
  const auto seconds = static_cast<int32_t>(hours * 3600 + minutes * 60);
  return west ? -seconds : seconds;
}

// The unit in nanoseconds; 0 if there is none.
int64_t read_unit(Reader& reader) {
  if (reader.take("ns")) return 1;
  if (reader.take("us") || reader.take("µs") || reader.take("μs")) return 1'000;
  if (reader.take("ms")) return 1'000'000;
  if (reader.take('h')) return 3600 * kNanosPerSecond;
  if (reader.take('m')) return 60 * kNanosPerSecond;
  if (reader.take('s')) return kNanosPerSecond;
  return 0;
}

// Nanoseconds of one number with its unit, in 128 bits: units may add up beyond 64.
std::optional<__int128> read_part(Reader& reader) {
  const std::string_view whole = reader.digits();
  const bool point = reader.take('.');
  const std::string_view fraction = point ? reader.digits() : std::string_view();
  const int64_t unit = read_unit(reader);
  if ((whole.empty() && fraction.empty()) || unit == 0 || whole.size() > 20) return std::nullopt;
  __int128 value = 0;
  for (const char digit : whole) value = value * 10 + (digit - '0');
  return value * unit + static_cast<__int128>(nanos_of(fraction)) * unit / kNanosPerSecond;
}

std::string fraction_text(int64_t nanos, bool in_threes) {
  if (nanos == 0) return "";
  std::string digits = fmt::format("{:09}", nanos);
  size_t keep = digits.find_last_not_of('0') + 1;
  if (in_threes) keep = (keep + 2) / 3 * 3;
  return "." + digits.substr(0, keep);
}

}  // namespace

std::optional<Value> parse_timestamp(std::string_view text) {
  Reader reader(text);
  const int64_t year = reader.number(4);
  const bool dash = reader.take('-');
  const int64_t month = reader.number(2);
  const bool second_dash = reader.take('-');
  const int64_t day = reader.number(2);
  if (year < 1 || !dash || month < 1 || month > 12 || !second_dash || day < 1 ||
      day > days_in(year, month) || !reader.take('T')) {
    return std::nullopt;
  }
  const int64_t hour = reader.number(2);
  const bool colon = reader.take(':');
  const int64_t minute = reader.number(2);
  const bool second_colon = reader.take(':');
  const int64_t second = reader.number(2);
  if (hour < 0 || hour > 23 || !colon || minute < 0 || minute > 59 || !second_colon || second < 0 ||
      second > 59) {
    return std::nullopt;
  }
  int64_t nanos = 0;
  if (reader.take('.')) {
    const std::string_view digits = reader.digits();
    if (digits.empty() || digits.size() > 9) return std::nullopt;
    nanos = nanos_of(digits);
  }
  std::optional<int32_t> offset = 0;
  if (!reader.take('Z')) offset = read_offset(reader);
  if (!offset || !reader.at_end()) return std::nullopt;
  const int64_t seconds =
      days_of(year, month, day) * kSecondsPerDay + hour * 3600 + minute * 60 + second - *offset;
  return timestamp_in_range(seconds, nanos);
}

std::optional<Value> parse_duration(std::string_view text) {
  Reader reader(text);
  const bool negative = reader.take('-');
  if (!negative) reader.take('+');
  if (reader.take("0") && reader.at_end()) return duration_value(0, 0);
  reader = Reader(text.substr(!text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0));
  __int128 nanos = 0;
  do {
    const auto part = read_part(reader);
    if (!part) return std::nullopt;
    nanos += *part;
    if (nanos > kMostNanos) return std::nullopt;
  } while (!reader.at_end());
  if (negative) nanos = -nanos;
  return duration_in_range(static_cast<int64_t>(nanos / kNanosPerSecond),
                           static_cast<int64_t>(nanos % kNanosPerSecond));
}

std::optional<Value> timestamp_in_range(int64_t seconds, int64_t nanos) {
  seconds += nanos / kNanosPerSecond;
  nanos %= kNanosPerSecond;
  if (nanos < 0) {
    nanos += kNanosPerSecond;
    --seconds;
  }
  if (seconds < kFirstTimestamp || seconds > kLastTimestamp) return std::nullopt;
  return timestamp_value(seconds, static_cast<int32_t>(nanos));
}

std::optional<Value> duration_in_range(int64_t seconds, int64_t nanos) {
  seconds += nanos / kNanosPerSecond;
  nanos %= kNanosPerSecond;
  if (seconds > 0 && nanos < 0) {
    nanos += kNanosPerSecond;
    --seconds;
  } else if (seconds < 0 && nanos > 0) {
    nanos -= kNanosPerSecond;
    ++seconds;
  }
  const __int128 total = static_cast<__int128>(seconds) * kNanosPerSecond + nanos;
  if (total > kMostNanos || total < -static_cast<__int128>(kMostNanos)) return std::nullopt;
  return duration_value(seconds, static_cast<int32_t>(nanos));
}

std::string timestamp_text(const Value& timestamp) {
  const CalendarTime time = calendar_time(timestamp.integer);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z", time.year, time.month, time.day,
                     time.hour, time.minute, time.second, fraction_text(timestamp.nanos(), true));
}

std::string duration_text(const Value& duration) {
  const bool negative = duration.integer < 0 || duration.nanos() < 0;
  const int64_t seconds = duration.integer < 0 ? -duration.integer : duration.integer;
  const int64_t nanos = duration.nanos() < 0 ? -duration.nanos() : duration.nanos();
  return fmt::format("{}{}{}s", negative ? "-" : "", seconds, fraction_text(nanos, false));
}

std::optional<int32_t> parse_zone(std::string_view text) {
  if (text == "UTC" || text == "Z") return 0;
  Reader reader(text);
  const auto offset = read_offset(reader);
  return reader.at_end() ? offset : std::nullopt;
}

CalendarTime calendar_time(int64_t unix_seconds) {
  int64_t days = unix_seconds / kSecondsPerDay;
  int64_t rest = unix_seconds % kSecondsPerDay;
  if (rest < 0) {
    rest += kSecondsPerDay;
    --days;
  }
  const int64_t shifted = days + 719'468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const int64_t day_of_era = shifted - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  CalendarTime time;
  time.year = static_cast<int32_t>(year);
  time.month = static_cast<int32_t>(month);
  time.day = static_cast<int32_t>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  time.day_of_year = static_cast<int32_t>(days - days_of(year, 1, 1) + 1);
  time.day_of_week = static_cast<int32_t>(((days + 4) % 7 + 7) % 7);
  time.hour = static_cast<int32_t>(rest / 3600);
  time.minute = static_cast<int32_t>(rest / 60 % 60);
  time.second = static_cast<int32_t>(rest % 60);
  return time;
}

}  // namespace phoenix::cel
