#include "lineage/crypto/key.h"

#include <sodium.h>

#include <algorithm>

#include "base/bytes_text.h"
#include "lineage/crypto/sha256.h"

namespace phoenix::lineage {
namespace {

static_assert(std::tuple_size_v<Signature> == crypto_sign_BYTES);
static_assert(std::tuple_size_v<Seed> == crypto_sign_SEEDBYTES);

// Lets libsodium look at the processor before its first use.
void prepare() {
  static const int prepared = sodium_init();
  static_cast<void>(prepared);
}

const uint8_t* as_bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

}  // namespace

bool valid_key_id(std::string_view text) {
  return text.size() == kKeyIdSize && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string PublicKey::id() const {
  return hex_text(bytes_of(sha256(view())).substr(0, kKeyIdSize / 2));
}

bool PublicKey::from_bytes(std::string_view bytes, PublicKey& key) {
  if (bytes.size() != key.bytes.size()) return false;
  std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
  return true;
}

bool verify(const PublicKey& key, std::string_view message, const Signature& signature) {
  prepare();
  return crypto_sign_verify_detached(signature.data(), as_bytes(message), message.size(),
                                     key.bytes.data()) == 0;
}

void wipe(Seed& seed) { sodium_memzero(seed.data(), seed.size()); }
void wipe(std::string& secret) {
  sodium_memzero(secret.data(), secret.size());
  secret.clear();
}

KeyPair KeyPair::from_seed(const Seed& seed) {
  prepare();
  KeyPair pair;
  crypto_sign_seed_keypair(pair.public_key_.bytes.data(), pair.secret_.data(), seed.data());
  pair.id_ = pair.public_key_.id();
  return pair;
}

KeyPair::~KeyPair() { sodium_memzero(secret_.data(), secret_.size()); }

Seed KeyPair::seed() const {
  Seed seed{};
  crypto_sign_ed25519_sk_to_seed(seed.data(), secret_.data());
  return seed;
}

Signature KeyPair::sign(std::string_view message) const {
  Signature signature{};
  crypto_sign_detached(signature.data(), nullptr, as_bytes(message), message.size(),
                       secret_.data());
  return signature;
}

}  // namespace phoenix::lineage
