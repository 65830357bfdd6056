#include "net/sockets/ip_port.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace phoenix {
namespace {

constexpr size_t kMappedPrefix = 12;  // ten zeros, then ff ff

}  // namespace

std::optional<IpPort> ip_port(const Address& literal) {
  IpPort out;
  out.port = literal.port;
  if (inet_pton(AF_INET, literal.host.c_str(), out.ip.data()) == 1) {
    out.size = 4;
    return out;
  }
  KernelAddress six;
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&six.room);
  if (inet_pton(AF_INET6, literal.host.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(literal.port);
  return ip_port(six.room);
}

Address to_address(const IpPort& from) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (from.size == 0) return {"", from.port};
  inet_ntop(from.size == 4 ? AF_INET : AF_INET6, from.ip.data(), text.data(), text.size());
  return {text.data(), from.port};
}

int family_of(const IpPort& address) { return address.size == 4 ? AF_INET : AF_INET6; }

KernelAddress kernel_address(const IpPort& from, int family) {
  KernelAddress out;
  if (from.size == 4 && family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out.room);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(from.port);
    std::memcpy(&v4->sin_addr, from.ip.data(), 4);
    out.length = sizeof *v4;
  } else if (from.size != 0 && family == AF_INET6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.room);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(from.port);
    if (from.size == 4) {
      std::memset(&v6->sin6_addr.s6_addr[kMappedPrefix - 2], 0xff, 2);
      std::memcpy(&v6->sin6_addr.s6_addr[kMappedPrefix], from.ip.data(), 4);
    } else {
      std::memcpy(&v6->sin6_addr, from.ip.data(), 16);
    }
    out.length = sizeof *v6;
  }
  return out;
}

IpPort ip_port(const sockaddr_storage& from) {
  IpPort out;
  if (from.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&from);
    out.size = 4;
    out.port = ntohs(v4->sin_port);
    std::memcpy(out.ip.data(), &v4->sin_addr, 4);
  } else if (from.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&from);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
    out.size = mapped ? 4 : 16;
    out.port = ntohs(v6->sin6_port);
    std::memcpy(out.ip.data(), &v6->sin6_addr.s6_addr[mapped ? kMappedPrefix : 0], out.size);
  }
  return out;
}

tl::unexpected<Error> cannot_bind(const Address& address, BoundTo what, int error) {
  const bool udp = what == BoundTo::kUdp;
  const std::string start = "cannot listen on " + to_string(address) + (udp ? " (UDP): " : ": ");
  if (error == EADDRINUSE) {
    return fail(ErrorKind::kConflict, start + "the port is in use; stop what holds it (ss " +
                                          (udp ? "-lnup" : "-ltnp") +
                                          " shows it), choose another port, or port 0 for any "
                                          "free one");
  }
  if (error == EADDRNOTAVAIL) {
    return fail(ErrorKind::kInvalidRequest,
                start +
                    "this machine has no such address; 127.0.0.1 is always there, 0.0.0.0 "
                    "stands for all (ip addr lists them)");
  }
  if (error == EACCES) {
    return fail(ErrorKind::kInvalidRequest,
                start + "ports below 1024 need a privilege; choose a higher port");
  }
  return fail(ErrorKind::kInvalidRequest, start + std::strerror(error));
}

IpPort peer_of(int fd) {
  sockaddr_storage at{};
  socklen_t length = sizeof at;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&at), &length) != 0) return {};
  return ip_port(at);
}

IpPort local_of(int fd) {
  sockaddr_storage at{};
  socklen_t length = sizeof at;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length) != 0) return {};
  return ip_port(at);
}

}  // namespace phoenix
