// Ed25519 keys, by libsodium. Signing is deterministic: equal keys and bytes give equal signatures,
// so even the core may sign. Verification is strict: no second form of a signature is taken, and no
// key of small order.
//
// A key's id is the first 16 hexadecimal digits of the SHA-256 of its 32 bytes. It says which key
// to try and proves nothing by itself. Drawing a seed needs a random device and is the caller's.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace phoenix::lineage {

inline constexpr size_t kKeyIdSize = 16;
bool valid_key_id(std::string_view text);

using Signature = std::array<uint8_t, 64>;

struct PublicKey {
  std::array<uint8_t, 32> bytes{};

  std::string id() const;
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // Exactly 32 bytes; false for anything else.
  static bool from_bytes(std::string_view bytes, PublicKey& key);
  auto operator<=>(const PublicKey&) const = default;
  bool operator==(const PublicKey&) const = default;
};

// About 50 us for 2 KiB.
bool verify(const PublicKey& key, std::string_view message, const Signature& signature);

using Seed = std::array<uint8_t, 32>;
// Overwrites it in a way that no compiler leaves out.
void wipe(Seed& seed);
void wipe(std::string& secret);

// A secret key and its public half. The secret is wiped when this ends.
class KeyPair {
 public:
  static KeyPair from_seed(const Seed& seed);
  ~KeyPair();
  KeyPair(const KeyPair& other) = default;
  KeyPair& operator=(const KeyPair& other) = default;

  const PublicKey& public_key() const { return public_key_; }
  const std::string& id() const { return id_; }
  // The caller wipes it.
  Seed seed() const;
  // About 27 us for 2 KiB.
  Signature sign(std::string_view message) const;

 private:
  KeyPair() = default;
  std::array<uint8_t, 64> secret_{};
  PublicKey public_key_;
  std::string id_;
};

}  // namespace phoenix::lineage
