// Timestamps and durations as text and as parts of a calendar, in UTC or at a fixed offset from it.
// The calendar is the proleptic Gregorian one, years 1 to 9999; there are no leap seconds.
//
// Time zones by name ("Europe/Berlin") are left out on purpose: what they answer depends on a
// database that differs between hosts and changes with time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/cel/value.h"

namespace phoenix::cel {

// "2026-11-28T21:45:00.5+01:00" (RFC 3339), with at most nine digits of a second.
std::optional<Value> parse_timestamp(std::string_view text);
// "1h30m", "-1.5s", "300ms", "10us", "7ns": numbers with units, a sign before all of them.
std::optional<Value> parse_duration(std::string_view text);
// "2026-11-28T20:45:00.500Z": UTC, with no digits of a second, three, six or nine.
std::string timestamp_text(const Value& timestamp);
// "90s", "-1.5s": seconds with as many digits as it takes.
std::string duration_text(const Value& duration);

// The value if it is within the range of its kind (a duration: 2^63 nanoseconds either way), else
// nothing. Nanoseconds may be of any sign and up to two seconds' worth.
std::optional<Value> timestamp_in_range(int64_t seconds, int64_t nanos);
std::optional<Value> duration_in_range(int64_t seconds, int64_t nanos);

// "UTC", "+01:00", "-08:30", "02:00": seconds east of UTC.
std::optional<int32_t> parse_zone(std::string_view text);

struct CalendarTime {
  int32_t year = 1970;
  int32_t month = 1;        // 1 to 12
  int32_t day = 1;          // 1 to 31
  int32_t day_of_year = 1;  // 1 to 366
  int32_t day_of_week = 0;  // Sunday is 0
  int32_t hour = 0;
  int32_t minute = 0;
  int32_t second = 0;
};
CalendarTime calendar_time(int64_t unix_seconds);

}  // namespace phoenix::cel
