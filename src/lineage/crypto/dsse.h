// Signed statements, after DSSE v1: the signature is over the payload *and its type*, so that no
// statement can be passed off as one of another kind, and a payload is not looked at before its
// signature holds.
//
// An envelope has one signature and one form: a canonical msgpack array of form version, type, key
// id, payload and signature. REST carries it in base64. Other signature schemes would be another
// version of the form.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "lineage/crypto/key.h"

namespace phoenix::lineage {

inline constexpr size_t kMaxEnvelopeBytes = size_t{256} * 1024;

struct Envelope {
  std::string type;  // "application/vnd.phoenixflight.ticket.v1+msgpack"
  std::string key_id;
  std::string payload;
  Signature signature{};
  bool operator==(const Envelope&) const = default;
};

// What is signed: "DSSEv1" SP length of type SP type SP length of payload SP payload.
std::string pre_authentication_encoding(std::string_view type, std::string_view payload);

Envelope seal(const KeyPair& signer, std::string_view type, std::string payload);
// The bytes of seal().
std::string seal_bytes(const KeyPair& signer, std::string_view type, std::string payload);

std::string encode_envelope(const Envelope& envelope);
// Its form only; says nothing of the signature.
Result<Envelope> decode_envelope(std::string_view bytes);

// The key of an id, or null if the caller trusts none of that id for what it is about to read.
using KeyFinder = std::function<const PublicKey*(std::string_view key_id)>;

// The one way to a payload that came from outside: form, type, key, signature, in that order.
// Refusals are kForbidden with reason code "bad-envelope", "wrong-type", "unknown-key" or
// "bad-signature".
Result<Envelope> open_envelope(std::string_view bytes, std::string_view type,
                               const KeyFinder& find);

}  // namespace phoenix::lineage
