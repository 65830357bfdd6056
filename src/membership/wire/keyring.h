// The gossip keys of a pool: AES-128, -192 or -256 by their length, in GCM. The first is the
// primary one and encrypts; all of them, in order, are tried on what arrives.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace phoenix::gossip {

// Nonces that are never used twice under one key: eight random bytes that the driver drew when
// this process started, and a count. The only randomness that sealing needs.
class Nonces {
 public:
  explicit Nonces(const std::array<uint8_t, 8>& life) : life_(life) {}
  std::array<uint8_t, 12> next();

 private:
  std::array<uint8_t, 8> life_;
  uint64_t count_ = 0;  // carried into the life's bytes beyond 2^32
};

class Keyring {
 public:
  bool empty() const { return keys_.empty(); }
  const std::vector<std::string>& keys() const { return keys_; }  // primary first
  std::string_view primary() const { return keys_.front(); }

  // Errors: a length other than 16, 24, 32; at most 32 keys.
  Result<void> install(std::string_view key);  // again: no effect; the first one is primary
  Result<void> use(std::string_view key);      // must be installed
  Result<void> remove(std::string_view key);   // never the primary; unknown: no effect

 private:
  std::vector<std::string> keys_;
};

// `[version 1][nonce][ciphertext][tag]`, authenticated together with `aad`.
std::string encrypt(std::string_view plain, std::string_view key, std::string_view aad,
                    const std::array<uint8_t, 12>& nonce);
// Takes version 1 and version 0 (PKCS7 padding). False: no key opens it.
bool decrypt(std::string_view sealed, const Keyring& keyring, std::string_view aad,
             std::string& plain);
inline constexpr size_t kSealOverhead = 29;

}  // namespace phoenix::gossip
