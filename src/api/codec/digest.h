// SHA-256 over a sequence of parts. Each part is preceded by its length, so no two sequences of
// parts have the same bytes under the hash.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "packet/packet.h"

namespace phoenix {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  Sha256& part(std::string_view bytes);
  Sha256& part(uint64_t number);
  Digest finish();

 private:
  void* context_;  // EVP_MD_CTX
};

// Of the bytes alone.
Digest sha256(std::string_view bytes);
// "sha256:" and 64 hexadecimal digits, and back from exactly that.
std::string digest_text(const Digest& digest);
std::optional<Digest> digest_of_text(std::string_view text);
// In a time that does not depend on where they differ.
bool equal_in_constant_time(const Digest& a, const Digest& b);

}  // namespace phoenix
