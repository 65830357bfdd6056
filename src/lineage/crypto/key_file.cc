#include "lineage/crypto/key_file.h"

#include <algorithm>
#include <optional>

#include "base/bytes_text.h"
#include "base/key.h"

namespace phoenix::lineage {
namespace {

// The DER that stands before the 32 bytes of an Ed25519 key (RFC 8410).
constexpr std::string_view kPublicDer("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12);
constexpr std::string_view kSecretDer(
    "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 16);
constexpr std::string_view kRoleNames[kKeyRoles] = {"root", "host", "member"};

std::string render(KeyRole role, std::string_view name, std::string_view id, std::string_view label,
                   std::string der) {
  std::string text;
  text.append("role: ").append(role_name(role));
  text.append("\nname: ").append(name);
  text.append("\nid: ").append(id);
  text.append("\n-----BEGIN ").append(label).append("-----\n");
  text += base64_text(der);
  text.append("\n-----END ").append(label).append("-----\n");
  wipe(der);
  return text;
}

struct KeyText {
  KeyRole role = KeyRole::kHost;
  std::string name;
  std::string key;  // 32 bytes
};

bool skip(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Leniently; the caller compares what it renders with what it read.
std::optional<KeyText> read(std::string_view text, std::string_view der) {
  KeyText found;
  if (!skip(text, "role: ")) return std::nullopt;
  const auto* const role = std::find(std::begin(kRoleNames), std::end(kRoleNames), take_line(text));
  if (role == std::end(kRoleNames)) return std::nullopt;
  found.role = static_cast<KeyRole>(role - std::begin(kRoleNames));
  if (!skip(text, "name: ")) return std::nullopt;
  found.name = take_line(text);
  if (!valid_key_name(found.role, found.name)) return std::nullopt;
  take_line(text);  // the id, which follows from the key
  take_line(text);
  auto bytes = base64_bytes(take_line(text));
  if (!bytes || bytes->size() != der.size() + 32 || !bytes->starts_with(der)) return std::nullopt;
  found.key = bytes->substr(der.size());
  wipe(*bytes);
  return found;
}

tl::unexpected<Error> not_a_key(const char* kind) {
  return fail(ErrorKind::kInvalidRequest,
              std::string("this is no ") + kind +
                  " key as `phoenix key` writes it; make one with `phoenix key new`");
}

}  // namespace

std::string_view role_name(KeyRole role) { return kRoleNames[static_cast<size_t>(role)]; }

bool valid_key_name(KeyRole role, std::string_view name) {
  if (role != KeyRole::kMember) return valid_id(name);
  const size_t slash = name.find('/');
  return slash != std::string_view::npos && valid_id(name.substr(0, slash)) &&
         valid_id(name.substr(slash + 1));
}

std::string render_public(const NamedKey& key) {
  return render(key.role, key.name, key.key.id(), "PUBLIC KEY",
                std::string(kPublicDer).append(key.key.view()));
}

Result<NamedKey> parse_public(std::string_view text) {
  const auto found = read(text, kPublicDer);
  if (!found) return not_a_key("public");
  NamedKey key{found->role, found->name, {}};
  PublicKey::from_bytes(found->key, key.key);
  if (render_public(key) != text) return not_a_key("public");
  return key;
}

std::string render_secret(const NamedKeyPair& pair) {
  Seed seed = pair.pair.seed();
  std::string der(kSecretDer);
  der.reserve(der.size() + seed.size());
  der.append(reinterpret_cast<const char*>(seed.data()), seed.size());
  wipe(seed);
  return render(pair.role, pair.name, pair.pair.id(), "PRIVATE KEY", std::move(der));
}

Result<NamedKeyPair> parse_secret(std::string_view text) {
  auto found = read(text, kSecretDer);
  if (!found) return not_a_key("secret");
  Seed seed{};
  std::copy(found->key.begin(), found->key.end(), seed.begin());
  wipe(found->key);
  NamedKeyPair pair{found->role, found->name, KeyPair::from_seed(seed)};
  wipe(seed);
  std::string again = render_secret(pair);
  const bool same = again == text;
  wipe(again);
  if (!same) return not_a_key("secret");
  return pair;
}

}  // namespace phoenix::lineage
