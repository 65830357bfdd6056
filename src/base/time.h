// Time as the core knows it: two numbers that a driver hands in. Nothing above the line can read a
// clock; the daemon reads CLOCK_BOOTTIME and the wall clock, the simulator counts by itself.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace phoenix {

// Length of time in nanoseconds. Never a point in time.
struct Duration {
  int64_t ns = 0;
  constexpr auto operator<=>(const Duration&) const = default;
  constexpr int64_t ms() const { return ns / 1'000'000; }
};
constexpr Duration operator+(Duration a, Duration b) { return {a.ns + b.ns}; }
constexpr Duration operator-(Duration a, Duration b) { return {a.ns - b.ns}; }
constexpr Duration operator*(Duration a, int64_t n) { return {a.ns * n}; }
constexpr Duration operator/(Duration a, int64_t n) { return {a.ns / n}; }
constexpr Duration microseconds(int64_t n) { return {n * 1'000}; }
constexpr Duration milliseconds(int64_t n) { return {n * 1'000'000}; }
constexpr Duration seconds(int64_t n) { return {n * 1'000'000'000}; }

// A point on this host's monotonic clock, in nanoseconds since an unspecified start. Comparable
// only within one life of a host.
struct Instant {
  int64_t ns = 0;
  constexpr auto operator<=>(const Instant&) const = default;
};
constexpr Instant operator+(Instant t, Duration d) { return {t.ns + d.ns}; }
constexpr Instant operator-(Instant t, Duration d) { return {t.ns - d.ns}; }
constexpr Duration operator-(Instant a, Instant b) { return {a.ns - b.ns}; }
inline constexpr Instant kNever{std::numeric_limits<int64_t>::max()};

// A point on the wall clock, in milliseconds since 1970-01-01T00:00:00Z. 0 means "none" where a
// field says so. May jump; only what users gave as wall clock is compared with it.
using WallMs = int64_t;
inline constexpr WallMs kNoWall = 0;

// What a driver passes with every input.
struct Now {
  Instant mono;
  WallMs wall = 0;
};

}  // namespace phoenix
