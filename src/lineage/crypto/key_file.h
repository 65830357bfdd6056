// Keys as text for files: a few lines that say whose key it is, and the key in PEM (PKCS #8, SPKI),
// which openssl and every other tool reads; those skip the lines before it. One text per key: the
// parser takes only what render makes. Files themselves, their names and modes, are the caller's.
//
//   role: host
//   name: h1
//   id: 0123456789abcdef
//   -----BEGIN PUBLIC KEY-----
//   …
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "lineage/crypto/key.h"

namespace phoenix::lineage {

// What a key is trusted for. A root's signs the keys of hosts; a host's signs checkpoints; a
// member's ("namespace/id") signs what the member says.
enum class KeyRole : uint8_t { kRoot, kHost, kMember };
inline constexpr int kKeyRoles = 3;
std::string_view role_name(KeyRole role);

struct NamedKey {
  KeyRole role = KeyRole::kHost;
  std::string name;  // of the pool, the host, or "namespace/id"
  PublicKey key;
  bool operator==(const NamedKey&) const = default;
};
struct NamedKeyPair {
  KeyRole role = KeyRole::kHost;
  std::string name;
  KeyPair pair;
};

// [A-Za-z0-9][A-Za-z0-9._-]{0,127}, for a member two of them with a slash between.
bool valid_key_name(KeyRole role, std::string_view name);

std::string render_public(const NamedKey& key);
Result<NamedKey> parse_public(std::string_view text);

// The caller wipes the text.
std::string render_secret(const NamedKeyPair& pair);
Result<NamedKeyPair> parse_secret(std::string_view text);

}  // namespace phoenix::lineage
