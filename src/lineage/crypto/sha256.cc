#include "lineage/crypto/sha256.h"

#include <openssl/evp.h>

#include <initializer_list>
#include <memory>

#include "base/bytes_text.h"

namespace phoenix::lineage {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return fetched;
}

EVP_MD_CTX* context_of_thread() {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  return context.get();
}

Digest hash(std::initializer_list<std::string_view> parts) {
  EVP_MD_CTX* const context = context_of_thread();
  EVP_DigestInit_ex(context, algorithm(), nullptr);
  for (const std::string_view part : parts) EVP_DigestUpdate(context, part.data(), part.size());
  Digest digest{};
  EVP_DigestFinal_ex(context, digest.data(), nullptr);
  return digest;
}

}  // namespace

Digest sha256(std::string_view bytes) { return hash({bytes}); }
Digest sha256(std::string_view a, std::string_view b) { return hash({a, b}); }
Digest sha256(std::string_view a, std::string_view b, std::string_view c) {
  return hash({a, b, c});
}

std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string hex(const Digest& digest) { return hex_text(bytes_of(digest)); }

}  // namespace phoenix::lineage
