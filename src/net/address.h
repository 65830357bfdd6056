// Addresses as people type them: `127.0.0.1:7400`, `[::1]:7400`, `localhost:7400`. Parsing is pure;
// resolve() asks the system and may block, so it is for start-up only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace phoenix {

struct Address {
  std::string host;  // a name or a literal, IPv6 without brackets; never empty
  uint16_t port = 0;
  bool operator==(const Address&) const = default;
};

// The port is required. Errors are kInvalidRequest and name the text and what is allowed.
Result<Address> parse_address(std::string_view text);
// "127.0.0.1:7400", "[::1]:7400".
std::string to_string(const Address& address);
// Literals of that name, IPv4 first, at least one. A literal resolves to itself.
Result<std::vector<Address>> resolve(const Address& address);
// Whether a literal is 127.0.0.0/8 or ::1 (also mapped into IPv6).
bool is_loopback(std::string_view literal);
// Whether the host is an IPv4 or IPv6 literal and no name.
bool is_literal(std::string_view host);

}  // namespace phoenix
