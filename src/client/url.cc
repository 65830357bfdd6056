#include "client/url.h"

#include <charconv>

namespace phoenix {
namespace {

tl::unexpected<Error> bad_url(std::string_view url, std::string_view why) {
  return invalid("flag:--url", "'" + std::string(url) + "' " + std::string(why) +
                                   "; give it like http://127.0.0.1:7400 or https://host:7400");
}

}  // namespace

Result<BaseUrl> parse_url(std::string_view url) {
  BaseUrl origin;
  std::string_view rest = url;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
    origin.tls = true;
  } else if (rest.find("://") != std::string_view::npos) {
    return bad_url(url, "is neither http nor https");
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  origin.url = (origin.tls ? "https://" : "http://") + std::string(rest);
  for (char c : rest) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f) return bad_url(url, "contains a space or control character");
  }
  if (rest.find_first_of("?#@") != std::string_view::npos) {
    return bad_url(url, "has a query, a fragment or a user in it");
  }
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos) {
    origin.prefix = std::string(rest.substr(slash));
    rest = rest.substr(0, slash);
  }
  origin.authority = std::string(rest);
  std::string_view port;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return bad_url(url, "has an unclosed bracket");
    origin.host = std::string(rest.substr(1, end - 1));
    rest = rest.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return bad_url(url, "has no valid port");
    if (!rest.empty()) port = rest.substr(1);
  } else {
    const std::size_t colon = rest.find(':');
    origin.host = std::string(rest.substr(0, colon));
    if (colon != std::string_view::npos) port = rest.substr(colon + 1);
    if (port.find(':') != std::string_view::npos) {
      return bad_url(url, "has an IPv6 address without brackets");
    }
  }
  if (rest.ends_with(':')) return bad_url(url, "has no valid port");
  if (origin.host.empty()) return bad_url(url, "names no host");
  origin.port = origin.tls ? 443 : 80;
  if (!port.empty()) {
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), origin.port);
    if (ec != std::errc() || end != port.data() + port.size() || origin.port == 0) {
      return bad_url(url, "has no valid port");
    }
  }
  return origin;
}

}  // namespace phoenix
