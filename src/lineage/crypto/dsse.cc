#include "lineage/crypto/dsse.h"

#include <algorithm>

#include "base/msgpack.h"
#include "lineage/crypto/refusal.h"

namespace phoenix::lineage {
namespace {

constexpr uint32_t kFields = 5;
constexpr uint64_t kVersion = 1;
constexpr size_t kMaxTypeBytes = 128;

// As media types are written. It is told to whoever sent another one, so it has to be text.
bool valid_type(std::string_view type) {
  constexpr std::string_view kMarks = "!#$&-^_.+/";
  return !type.empty() && type.size() <= kMaxTypeBytes &&
         std::all_of(type.begin(), type.end(), [kMarks](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  kMarks.find(c) != std::string_view::npos;
         });
}

}  // namespace

std::string pre_authentication_encoding(std::string_view type, std::string_view payload) {
  std::string text;
  text.reserve(32 + type.size() + payload.size());
  text.append("DSSEv1 ").append(std::to_string(type.size())).append(1, ' ').append(type);
  text.append(1, ' ').append(std::to_string(payload.size())).append(1, ' ').append(payload);
  return text;
}

Envelope seal(const KeyPair& signer, std::string_view type, std::string payload) {
  Envelope envelope;
  envelope.type = type;
  envelope.key_id = signer.id();
  envelope.signature = signer.sign(pre_authentication_encoding(type, payload));
  envelope.payload = std::move(payload);
  return envelope;
}

std::string seal_bytes(const KeyPair& signer, std::string_view type, std::string payload) {
  return encode_envelope(seal(signer, type, std::move(payload)));
}

std::string encode_envelope(const Envelope& envelope) {
  std::string bytes;
  bytes.reserve(128 + envelope.type.size() + envelope.payload.size());
  MsgpackWriter out(bytes);
  out.array(kFields);
  out.uint(kVersion);
  out.str(envelope.type);
  out.str(envelope.key_id);
  out.bin(envelope.payload);
  out.bin({reinterpret_cast<const char*>(envelope.signature.data()), envelope.signature.size()});
  return bytes;
}

Result<Envelope> decode_envelope(std::string_view bytes) {
  if (bytes.size() > kMaxEnvelopeBytes) {
    return refuse("bad-envelope", "a signed statement of " + std::to_string(bytes.size()) +
                                      " bytes; at most " + std::to_string(kMaxEnvelopeBytes));
  }
  MsgpackReader in(bytes);
  Envelope envelope;
  in.array_of(kFields);
  if (in.uint() != kVersion) in.reject();
  envelope.type = in.str();
  envelope.key_id = in.str();
  envelope.payload = in.bin();
  const std::string_view signature = in.bin();
  if (!in.at_end() || signature.size() != envelope.signature.size() || !valid_type(envelope.type) ||
      !valid_key_id(envelope.key_id)) {
    return refuse("bad-envelope", "these " + std::to_string(bytes.size()) +
                                      " bytes are no signed statement in its one form");
  }
  std::copy(signature.begin(), signature.end(), envelope.signature.begin());
  return envelope;
}

Result<Envelope> open_envelope(std::string_view bytes, std::string_view type,
                               const KeyFinder& find) {
  auto envelope = decode_envelope(bytes);
  if (!envelope) return envelope;
  if (envelope->type != type) {
    return refuse("wrong-type", "a signed statement of type " + envelope->type + " where one of " +
                                    std::string(type) + " belongs");
  }
  const PublicKey* const key = find(envelope->key_id);
  if (key == nullptr) {
    return refuse("unknown-key", "no key " + envelope->key_id + " may sign this");
  }
  if (!verify(*key, pre_authentication_encoding(type, envelope->payload), envelope->signature)) {
    return refuse("bad-signature", "the signature by key " + envelope->key_id + " does not hold");
  }
  return envelope;
}

}  // namespace phoenix::lineage
