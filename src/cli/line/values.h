// Reading the values that people type: durations, whole numbers, byte counts, lists, addresses.
// Pure functions; a failure is a complaint fit to follow the flag's name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace phoenix::cli {

// "1500ms", "25s", "2m", "1h30m", "7d": one or more number-and-unit pairs, units ms s m h d, each
// at most once and in falling order. A bare number is refused, as its unit would be a guess.
// 0..100 years.
tl::expected<Duration, std::string> parse_duration(std::string_view text);

// The shortest such text: "1500ms", "25s", "2m".
std::string format_duration(Duration value);

// A whole number, in digits with an optional sign.
tl::expected<int64_t, std::string> parse_integer(std::string_view text, int64_t least,
                                                 int64_t most);

// "1048576", "512KiB", "1MiB", "2GiB": bytes.
tl::expected<int64_t, std::string> parse_bytes(std::string_view text, int64_t least, int64_t most);

// "a,b\,c" -> {"a", "b,c"}; empty parts are refused.
tl::expected<std::vector<std::string>, std::string> split_list(std::string_view text);

}  // namespace phoenix::cli
