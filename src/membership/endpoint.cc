#include "membership/endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace phoenix::gossip {
namespace {

constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);

// As RFC 5952 wants it: the longest run of at least two zero groups becomes "::", the first of
// equally long ones; no leading zeros, small letters.
std::string ipv6_text(const std::array<uint8_t, 16>& ip) {
  std::array<unsigned, 8> groups{};
  for (size_t i = 0; i < 8; ++i) groups[i] = static_cast<unsigned>(ip[2 * i] << 8 | ip[2 * i + 1]);
  size_t best = 0, best_length = 1;
  for (size_t i = 0; i < 8; ++i) {
    size_t length = 0;
    while (i + length < 8 && groups[i + length] == 0) ++length;
    if (length > best_length) {
      best = i;
      best_length = length;
    }
  }
  std::string out;
  for (size_t i = 0; i < 8; ++i) {
    if (best_length > 1 && i == best) {
      out += "::";
      i += best_length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    fmt::format_to(std::back_inserter(out), "{:x}", groups[i]);
  }
  return out;
}

}  // namespace

Endpoint endpoint_of(std::string_view ip, uint16_t port) {
  if (ip.size() == 16 && ip.starts_with(kMapped)) ip.remove_prefix(kMapped.size());
  Endpoint out;
  out.port = port;
  if (ip.size() != 4 && ip.size() != 16) return out;
  out.size = static_cast<uint8_t>(ip.size());
  std::copy(ip.begin(), ip.end(), out.ip.begin());
  return out;
}

bool of_one_host(const Endpoint& endpoint) {
  const auto begin = endpoint.ip.begin();
  if (std::all_of(begin, endpoint.ip.end(), [](uint8_t byte) { return byte == 0; })) return false;
  // 224.0.0.0/4 and what is above it, the broadcast among it; ff00::/8.
  return endpoint.size == 4 ? endpoint.ip[0] < 224 : endpoint.ip[0] != 0xFF;
}

std::string to_string(const Endpoint& endpoint) {
  if (endpoint.size == 4) {
    return fmt::format("{}.{}.{}.{}:{}", endpoint.ip[0], endpoint.ip[1], endpoint.ip[2],
                       endpoint.ip[3], endpoint.port);
  }
  if (endpoint.size == 16) return fmt::format("[{}]:{}", ipv6_text(endpoint.ip), endpoint.port);
  return "none";
}

}  // namespace phoenix::gossip
