// An IPv4 or IPv6 address and a port as numbers, for paths on which text would cost too much, and
// its way to and from the kernel's form. An IPv4 address mapped into IPv6 is the IPv4 one.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>

#include "base/error.h"
#include "net/address.h"

namespace phoenix {

struct IpPort {
  std::array<uint8_t, 16> ip{};  // network order; the first `size` bytes count, the others are 0
  uint8_t size = 0;              // 4 or 16; 0: no address
  uint16_t port = 0;

  auto operator<=>(const IpPort&) const = default;
};

// nullopt: the host is no literal.
std::optional<IpPort> ip_port(const Address& literal);
Address to_address(const IpPort& from);

// As the kernel takes it. `family` is the socket's: for AF_INET6 an IPv4 address is mapped. The
// length is 0 if such a socket cannot reach it.
struct KernelAddress {
  sockaddr_storage room{};
  socklen_t length = 0;

  sockaddr* any() { return reinterpret_cast<sockaddr*>(&room); }
  const sockaddr* any() const { return reinterpret_cast<const sockaddr*>(&room); }
};
// AF_INET or AF_INET6: of a socket that is for this address alone.
int family_of(const IpPort& address);
KernelAddress kernel_address(const IpPort& from, int family);
IpPort ip_port(const sockaddr_storage& from);

// Why a socket could not be had at that address, and what to do; `error` is errno. A port in use is
// kConflict, all else kInvalidRequest.
enum class BoundTo : uint8_t { kTcp, kUdp };
tl::unexpected<Error> cannot_bind(const Address& address, BoundTo what, int error);

// Where the other end of a connected socket is; without address if it is gone.
IpPort peer_of(int fd);
// Where a bound socket is.
IpPort local_of(int fd);

}  // namespace phoenix
