// The base URL of a host, taken apart: `http://127.0.0.1:7400`, `https://[::1]:7400/prefix`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace phoenix {

struct BaseUrl {
  std::string url;  // as given, without a slash at its end
  bool tls = false;
  std::string host;  // IPv6 without brackets
  uint16_t port = 0;
  std::string prefix;     // path before every target; empty or begins with '/'
  std::string authority;  // the Host header: "127.0.0.1:7400"
};

// kInvalidRequest, names the URL and what is allowed. "host:port" alone counts as http.
Result<BaseUrl> parse_url(std::string_view url);

}  // namespace phoenix
