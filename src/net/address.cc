#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace phoenix {
namespace {

constexpr size_t kMaxHost = 255;

tl::unexpected<Error> bad_address(std::string_view text, std::string_view why) {
  Error error;
  error.kind = ErrorKind::kInvalidRequest;
  error.detail = "\"" + std::string(text.substr(0, kMaxHost)) +
                 "\" is no address: " + std::string(why) +
                 "; write HOST:PORT, such as 127.0.0.1:7400 or [::1]:7400";
  return tl::unexpected<Error>(std::move(error));
}

bool is_ipv6(std::string_view host) {
  in6_addr address;
  return inet_pton(AF_INET6, std::string(host).c_str(), &address) == 1;
}

bool is_ipv4(std::string_view host) {
  in_addr address;
  return inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
}

bool is_name(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad_address(text, "the port is missing");
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);

  uint16_t port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
    return bad_address(text, "the port must be a number from 0 to 65535");
  }
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (!is_ipv6(host)) return bad_address(text, "no IPv6 literal stands between the brackets");
  } else if (host.find(':') != std::string_view::npos) {
    return bad_address(text, "an IPv6 literal needs brackets");
  } else if (host.empty() || host.size() > kMaxHost || !is_name(host)) {
    return bad_address(text, "the host must be a name or an IP literal");
  }
  return Address{std::string(host), port};
}

std::string to_string(const Address& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  return (brackets ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Result<std::vector<Address>> resolve(const Address& address) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(address.host.c_str(), nullptr, &hints, &found);
  if (code != 0) {
    return fail(ErrorKind::kInvalidRequest,
                "cannot resolve the host of " + to_string(address) + ": " + gai_strerror(code));
  }
  std::vector<Address> literals;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
      if (at->ai_family != family) continue;
      std::array<char, NI_MAXHOST> text = {};
      if (getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
        literals.push_back({text.data(), address.port});
      }
    }
  }
  freeaddrinfo(found);
  if (literals.empty()) {
    return fail(ErrorKind::kInvalidRequest,
                "the host of " + to_string(address) + " has no IPv4 or IPv6 address");
  }
  return literals;
}

bool is_literal(std::string_view host) { return is_ipv4(host) || is_ipv6(host); }

bool is_loopback(std::string_view literal) {
  in_addr v4;
  if (inet_pton(AF_INET, std::string(literal).c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6;
  if (inet_pton(AF_INET6, std::string(literal).c_str(), &v6) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace phoenix
