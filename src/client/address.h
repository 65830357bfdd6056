// Which hosts to speak to, when the user did not say it on this very command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace phoenix {

inline constexpr std::string_view kDefaultUrl = "http://127.0.0.1:7400";

// `flags` (the values of --url, each may hold several, separated by commas), else `env` (the value
// of PHOENIX_URL, likewise), else the "api" of DIR/.phoenixflight/address.json, else kDefaultUrl.
// At least one. An address file that is there but broken is kInvalidRequest and names the file.
Result<std::vector<std::string>> resolve_urls(const std::vector<std::string>& flags,
                                              std::string_view env, const std::string& dir = ".");

}  // namespace phoenix
