#include "lineage/crypto/sha256.h"

// The functions below are the library's own, called without its table of algorithms: that table
// costs as much again as the hash of 64 bytes, and nearly all that is hashed here is that short.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <initializer_list>

#include "base/bytes_text.h"

namespace phoenix::lineage {
namespace {

Digest hash(std::initializer_list<std::string_view> parts) {
  SHA256_CTX context;
  SHA256_Init(&context);
  for (const std::string_view part : parts) SHA256_Update(&context, part.data(), part.size());
  Digest digest{};
  SHA256_Final(digest.data(), &context);
  return digest;
}

}  // namespace

Digest sha256(std::string_view bytes) { return hash({bytes}); }
Digest sha256(std::string_view a, std::string_view b) { return hash({a, b}); }
Digest sha256(std::string_view a, std::string_view b, std::string_view c) {
  return hash({a, b, c});
}

std::string hex(const Digest& digest) { return hex_text(bytes_of(digest)); }

}  // namespace phoenix::lineage
