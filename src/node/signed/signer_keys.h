// What src/node/signed shares: how it refuses, and the keys by which it opens what a member has
// signed.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/planted.h"
#include "directory/member.h"
#include "lineage/crypto/dsse.h"

namespace phoenix {

inline Error forbidden(std::string reason, std::string detail) {
  Error error = {.kind = ErrorKind::kForbidden, .detail = std::move(detail)};
  error.reason_code = std::move(reason);
  return error;
}

// Finds the key that a member has now and no other. Nothing is computed before it is asked for one.
class SignerKeys {
 public:
  // `signer` has to outlive it.
  explicit SignerKeys(const MemberRecord& signer) : signer_(signer) {}

  lineage::KeyFinder finder() {
    return [this](std::string_view asked) { return find(asked); };
  }
  // Of a statement that could not be opened with these keys.
  Error refusal(const Error& why) const {
    const bool late = revoked_ && why.reason_code == "unknown-key";
    return forbidden(late ? "revoked-key" : why.reason_code, "/signature: " + why.detail);
  }

 private:
  const lineage::PublicKey* find(std::string_view asked) {
    revoked_ = is(signer_.former_key, asked);
    if (revoked_ && planted(PlantedBug::kOldKeyTaken)) return &key_;
    return is(signer_.public_key, asked) ? &key_ : nullptr;
  }
  bool is(std::string_view bytes, std::string_view asked) {
    return lineage::PublicKey::from_bytes(bytes, key_) && key_.id() == asked;
  }

  const MemberRecord& signer_;
  lineage::PublicKey key_;
  bool revoked_ = false;  // the key asked for last is the one that it had before
};

}  // namespace phoenix
