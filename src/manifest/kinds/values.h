// The text forms that fields have: ids, durations, moments, and how a complaint describes what is
// allowed. All pure; times of day come in as text and go out as milliseconds since 1970.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "manifest/kinds/shape.h"

namespace phoenix::manifest {

// "1500ms", "25s", "2m", "1h", "7d" -> milliseconds.
std::optional<int64_t> read_duration_ms(std::string_view text);
// "2026-11-28T22:00:00Z", with a fraction and an offset if wanted -> milliseconds since 1970.
std::optional<int64_t> read_time_ms(std::string_view text);

// "a whole number from 1 to 1000000", "one of allow, deny".
std::string allowed(const Shape& shape);

}  // namespace phoenix::manifest
