// Where a host's gossip listens, as the wire carries it: an IPv4 or IPv6 address in network order
// and a port. A value type; ordered so that it can key a map.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace phoenix::gossip {

struct Endpoint {
  std::array<uint8_t, 16> ip{};  // the first `size` bytes count, the others are 0
  uint8_t size = 0;              // 4, 16; 0: no address
  uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
  std::string_view bytes() const { return {reinterpret_cast<const char*>(ip.data()), size}; }
  bool valid() const { return size != 0 && port != 0; }
};

// From the bytes of a message; an IPv4 address mapped into IPv6 becomes the IPv4 one, and a wrong
// number of bytes an endpoint without address.
Endpoint endpoint_of(std::string_view ip, uint16_t port);
// Whether its address is that of one host: neither of nobody nor of many. What others claim to be
// anywhere else is refused, and so is what we would tell of ourselves.
bool of_one_host(const Endpoint& endpoint);
// "127.0.0.1:7946", "[::1]:7946", "none".
std::string to_string(const Endpoint& endpoint);

}  // namespace phoenix::gossip
