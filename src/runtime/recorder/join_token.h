// What a new host is given by hand, once, so that the pool's root signs its key: which pool that
// is, which root it may believe, and a secret that never travels. The new host asks with a
// KeyRequest, in which the secret stands only as its digest and in a mac over what is asked; so
// whoever listens learns nothing that he could use.
//
// Its text is POOL.ROOT.SECRET, the last two in base64: 32 bytes each, the first of them the
// SHA-256 of the root's public key.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "lineage/crypto/key.h"
#include "lineage/form/statements.h"

namespace phoenix {

struct JoinToken {
  std::string pool;
  Digest root{};  // fingerprint of its public key
  std::array<uint8_t, 32> secret{};

  std::string text() const;
  // Nothing if it is no such text, in its one form.
  static std::optional<JoinToken> parse(std::string_view text);
};

Digest fingerprint_of_key(const lineage::PublicKey& key);
// By which its keeper finds a token.
Digest token_digest(const std::array<uint8_t, 32>& secret);
Digest request_mac(const std::array<uint8_t, 32>& secret, std::string_view pool,
                   std::string_view host, const lineage::PublicKey& key);

// The envelope with which a host asks for its key to be signed.
std::string make_key_request(const JoinToken& token, const std::string& host,
                             const lineage::KeyPair& key);

}  // namespace phoenix
