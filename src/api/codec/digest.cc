#include "api/codec/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <charconv>

#include "base/bytes_text.h"

namespace phoenix {
namespace {

constexpr std::string_view kPrefix = "sha256:";

// Fetched once: a lookup for each hash costs more than hashing 64 bytes.
const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return fetched;
}

EVP_MD_CTX* as_context(void* context) { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(as_context(context_), algorithm(), nullptr);
}
Sha256::~Sha256() { EVP_MD_CTX_free(as_context(context_)); }

Sha256& Sha256::part(uint64_t number) {
  std::array<uint8_t, 8> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(number >> (8 * i));
  EVP_DigestUpdate(as_context(context_), bytes.data(), bytes.size());
  return *this;
}

Sha256& Sha256::part(std::string_view bytes) {
  part(static_cast<uint64_t>(bytes.size()));
  EVP_DigestUpdate(as_context(context_), bytes.data(), bytes.size());
  return *this;
}

Digest Sha256::finish() {
  Digest digest{};
  EVP_DigestFinal_ex(as_context(context_), digest.data(), nullptr);
  return digest;
}

Digest sha256(std::string_view bytes) {
  Digest digest{};
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, algorithm(), nullptr);
  return digest;
}

std::string digest_text(const Digest& digest) {
  return std::string(kPrefix) + hex_text(bytes_of(digest));
}

std::optional<Digest> digest_of_text(std::string_view text) {
  Digest digest{};
  if (!text.starts_with(kPrefix) || text.size() != kPrefix.size() + 2 * digest.size()) {
    return std::nullopt;
  }
  const char* at = text.data() + kPrefix.size();
  for (uint8_t& byte : digest) {
    if (std::from_chars(at, at + 2, byte, 16).ptr != at + 2) return std::nullopt;
    at += 2;
  }
  // One text for each: no capitals.
  return digest_text(digest) == text ? std::optional(digest) : std::nullopt;
}

bool equal_in_constant_time(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace phoenix
