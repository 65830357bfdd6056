// What this program calls itself. PHOENIX_VERSION comes from the build.
#pragma once

#include <string_view>

namespace phoenix::cli {

inline constexpr std::string_view kVersion = PHOENIX_VERSION;
inline constexpr std::string_view kApiVersion = "v1";

}  // namespace phoenix::cli
