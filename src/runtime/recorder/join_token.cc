#include "runtime/recorder/join_token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "base/bytes_text.h"
#include "base/key.h"
#include "lineage/crypto/sha256.h"

namespace phoenix {
namespace {

bool take_bytes(std::string_view text, std::array<uint8_t, 32>& into) {
  const auto bytes = base64_bytes(text);
  if (!bytes || bytes->size() != into.size()) return false;
  std::copy(bytes->begin(), bytes->end(), into.begin());
  return true;
}

}  // namespace

std::string JoinToken::text() const {
  return pool + "." + base64_text(bytes_of(root)) + "." + base64_text(bytes_of(secret));
}

std::optional<JoinToken> JoinToken::parse(std::string_view text) {
  const size_t last = text.rfind('.');
  if (last == std::string_view::npos || last == 0) return std::nullopt;
  const size_t first = text.rfind('.', last - 1);
  if (first == std::string_view::npos) return std::nullopt;
  JoinToken token;
  token.pool = text.substr(0, first);
  if (!valid_id(token.pool) || !take_bytes(text.substr(first + 1, last - first - 1), token.root) ||
      !take_bytes(text.substr(last + 1), token.secret)) {
    return std::nullopt;
  }
  return token;
}

Digest fingerprint_of_key(const lineage::PublicKey& key) { return lineage::sha256(key.view()); }

Digest token_digest(const std::array<uint8_t, 32>& secret) {
  return lineage::sha256("phoenixflight join token", bytes_of(secret));
}

Digest request_mac(const std::array<uint8_t, 32>& secret, std::string_view pool,
                   std::string_view host, const lineage::PublicKey& key) {
  // Neither name has a slash.
  const std::string text =
      std::string(pool).append(1, '/').append(host).append(1, '/').append(key.view());
  Digest mac{};
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), nullptr);
  return mac;
}

std::string make_key_request(const JoinToken& token, const std::string& host,
                             const lineage::KeyPair& key) {
  return lineage::sign(
      key, lineage::KeyRequest{token.pool, host, key.public_key(), token_digest(token.secret),
                               request_mac(token.secret, token.pool, host, key.public_key())});
}

}  // namespace phoenix
