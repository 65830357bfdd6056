// Who calls. Tokens come from the --auth-file; without one, every caller is admin (the runtime
// takes care that such a host listens on loopback only, or behind mutual TLS).
//
//   tokens:
//     - name: ci
//       sha256: 9f86d081...           # of the token's text, 64 hex digits
//       roles: [client, reader]       # reader client member operator approver admin
//       namespaces: [default]         # "*": all; left out: default
//       human: ada                    # whose word approvals get with it; a member of kind human
//       ceiling: {trustScore: 0.8, reliability: 0.9, compliance: [pii]}
//
// Tokens are never kept, compared or printed as text: only their digests are, in constant time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/codec/decode_member.h"
#include "base/error.h"
#include "packet/packet.h"

namespace phoenix {

using Roles = uint8_t;
inline constexpr Roles kReader = 1;
inline constexpr Roles kClient = 2;
inline constexpr Roles kMember = 4;
inline constexpr Roles kOperator = 8;
inline constexpr Roles kApprover = 16;
inline constexpr Roles kAdmin = 32;
inline constexpr Roles kAllRoles = 63;
// "client or operator", for messages.
std::string role_names(Roles roles);

struct Principal {
  std::string name;
  Roles roles = 0;  // with all that they imply: client, operator and approver read, admin is all
  bool all_namespaces = false;
  std::vector<std::string> namespaces;  // sorted
  Ceiling ceiling;
  std::string human;  // id of the member of kind human that the token stands for; else empty

  bool sees(std::string_view ns) const;
};

class Auth {
 public:
  // An empty path: everybody is admin.
  explicit Auth(std::string path);

  // Reads the file (again). On failure what was read before stays in force. The error names file,
  // line, column, field and what is allowed.
  Result<bool> reload();

  bool everyone_is_admin() const { return path_.empty(); }
  // Null: no such token. Without a file: the one admin, whatever the token.
  std::shared_ptr<const Principal> find(std::string_view token) const;

  struct Entry {
    Digest sha256{};
    std::shared_ptr<const Principal> principal;
  };
  static Result<std::vector<Entry>> parse(const std::string& yaml, const std::string& file_name);

 private:
  std::string path_;
  std::vector<Entry> entries_;
  std::shared_ptr<const Principal> admin_;
};

}  // namespace phoenix
