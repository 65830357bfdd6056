#include "bench/ring/peers/ketama.h"

#include <openssl/evp.h>

#include <array>

namespace phoenix::bench {

Ketama::Ketama(const std::vector<std::string>& members) {
  points_.reserve(members.size() * kDigests * 4);
  EVP_MD* md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::array<unsigned char, 16> digest{};
  for (uint32_t member = 0; member < members.size(); ++member) {
    for (uint32_t i = 0; i < kDigests; ++i) {
      const std::string text = members[member] + "-" + std::to_string(i);
      EVP_DigestInit_ex2(context, md5, nullptr);
      EVP_DigestUpdate(context, text.data(), text.size());
      EVP_DigestFinal_ex(context, digest.data(), nullptr);
      for (size_t at = 0; at < digest.size(); at += 4) {
        const Position position = Position{digest[at + 3]} << 24 | Position{digest[at + 2]} << 16 |
                                  Position{digest[at + 1]} << 8 | Position{digest[at]};
        points_.push_back({position, member});
      }
    }
  }
  EVP_MD_CTX_free(context);
  EVP_MD_free(md5);
  Points spare(points_.size());
  radix_sort(points_, spare);
}

}  // namespace phoenix::bench
