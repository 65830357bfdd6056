// What is signed by itself, each a DSSE payload of a type of its own. A payload is a canonical
// msgpack array: the form's version, then the fields in the order in which they stand here; what is
// absent is nil. Equal statements have equal bytes, and the decoders take nothing else: not a
// longer form of a number, no unsorted or repeated name, no byte behind the end.
//
// Every statement names its pool, so that none can be played into another. Digests are SHA-256.
// Times are wall-clock milliseconds and never decide whether a key was valid: the log's order does.
//
// encode() trusts its argument to be in range; decode<S>() refuses with kInvalidRequest, reason
// code "bad-form".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/time.h"
#include "lineage/crypto/dsse.h"
#include "lineage/crypto/key.h"

namespace phoenix::lineage {

inline constexpr size_t kMaxNames = 64;  // in one list of scopes or capabilities
inline constexpr size_t kMaxLogs = 4096;

// A member in one of its lives; the namespace is that of what names it.
struct Party {
  std::string id;
  uint64_t incarnation = 0;
  bool operator==(const Party&) const = default;
};

// How a packet's life ended. The numbers are stored.
enum class End : uint8_t {
  kCompleted = 1,
  kFailed = 2,
  kCanceled = 3,
  kExpired = 4,
  kRejected = 5,
};
// "COMPLETED" and so on.
std::string_view end_name(End end);

// Root to host: this key speaks for that host. Signed by the pool's root key.
struct KeyGrant {
  static constexpr std::string_view kType = "application/vnd.phoenixflight.key-grant";
  std::string pool;
  std::string host;
  PublicKey key;
  WallMs at = 0;
  bool operator==(const KeyGrant&) const = default;
};

// Host to root: I hold this key, and was given this join token. Signed by the key itself; the token
// stays with its two ends, and signs in its own way by HMAC-SHA-256 over pool, host and key.
struct KeyRequest {
  static constexpr std::string_view kType = "application/vnd.phoenixflight.key-request";
  std::string pool;
  std::string host;
  PublicKey key;
  Digest token{};  // of the token
  Digest mac{};
  bool operator==(const KeyRequest&) const = default;
};

// Member to host: I hold this key. Signed by the key itself, over the host's challenge.
struct RegistrationProof {
  static constexpr std::string_view kType = "application/vnd.phoenixflight.registration-proof";
  std::string pool;
  std::string ns;
  std::string member;
  PublicKey key;
  Digest challenge{};
  bool operator==(const RegistrationProof&) const = default;
};

// Owner to all: I give this packet away, to that receiver or to whom the selector finds.
struct HandoffOffer {
  static constexpr std::string_view kType = "application/vnd.phoenixflight.handoff-offer";
  std::string pool;
  std::string ns;
  std::string packet;
  uint64_t epoch = 0;  // the giver's
  std::string offer;   // its id, chosen by the giver; repeats of it mean the same offer
  Party giver;
  std::string receiver;               // member id; empty: who the selector finds
  std::vector<std::string> selector;  // required capabilities, sorted, unique
  WallMs expires_at = 0;
  std::optional<Digest> context;
  std::optional<Digest> contract;
  std::vector<std::string> scopes;  // what the receiver may do: sorted, unique
  bool operator==(const HandoffOffer&) const = default;
};

// Receiver to all: I take it, and have checked this context. The offer is named by the digest of
// its payload.
struct HandoffAcceptance {
  static constexpr std::string_view kType = "application/vnd.phoenixflight.handoff-acceptance";
  std::string pool;
  std::string ns;
  std::string packet;
  uint64_t epoch = 0;  // the giver's
  Digest offer{};
  Party receiver;
  std::optional<Digest> context;
  WallMs at = 0;
  bool operator==(const HandoffAcceptance&) const = default;
};

// Who had to be asked has said yes or no to this very offer.
struct Approval {
  static constexpr std::string_view kType = "application/vnd.phoenixflight.approval";
  std::string pool;
  std::string ns;
  std::string packet;
  uint64_t epoch = 0;
  Digest offer{};
  std::string approver;  // member id
  bool approved = false;
  WallMs at = 0;
  bool operator==(const Approval&) const = default;
};

// Owner to all: this is what I made of it, under this epoch.
struct Completion {
  static constexpr std::string_view kType = "application/vnd.phoenixflight.completion";
  std::string pool;
  std::string ns;
  std::string packet;
  uint64_t epoch = 0;
  std::string member;
  End end = End::kCompleted;
  std::optional<Digest> result;  // of the result as sent; where it failed, of the error
  bool operator==(const Completion&) const = default;
};

// Many statements of one type under one signature: the root of the RFC 9162 tree whose entries are
// their payloads, in order.
struct Batch {
  static constexpr std::string_view kType = "application/vnd.phoenixflight.batch";
  std::string pool;
  std::string type;  // of the statements
  uint64_t count = 0;
  Digest root{};
  bool operator==(const Batch&) const = default;
};

// Home to owner, for third parties: until then, this member owns it.
struct Ticket {
  static constexpr std::string_view kType = "application/vnd.phoenixflight.ticket";
  std::string pool;
  std::string ns;
  std::string packet;
  uint64_t epoch = 0;
  Party owner;
  std::vector<std::string> scopes;
  WallMs issued_at = 0;
  WallMs expires_at = 0;
  bool operator==(const Ticket&) const = default;
};

// The number of entries that a log had.
struct LogHead {
  uint32_t log = 0;
  uint64_t size = 0;
  bool operator==(const LogHead&) const = default;
};

// A leaver owns nothing, and from these heads on nothing more is assigned to it. It names every log
// that has entries: one that it does not name is newer, and may assign nothing to it at all. For a
// host `ns` is empty, and the incarnation is the number of its log: that one assigns nothing more.
struct DrainCertificate {
  static constexpr std::string_view kType = "application/vnd.phoenixflight.drain-certificate";
  std::string pool;
  std::string ns;
  std::string id;
  uint64_t incarnation = 0;
  WallMs at = 0;
  std::vector<LogHead> heads;  // ascending by log, no size 0
  bool operator==(const DrainCertificate&) const = default;
};

struct LogRoot {
  uint32_t log = 0;
  uint64_t size = 0;
  Digest root{};
  bool operator==(const LogRoot&) const = default;
};

// Host to all: so far had the logs come, and this was in them. One snapshot of the store, so what a
// log says below its size comes before what another one says above its own.
struct Checkpoint {
  static constexpr std::string_view kType = "application/vnd.phoenixflight.checkpoint";
  std::string pool;
  std::string host;  // whose key signs
  WallMs at = 0;
  std::vector<LogRoot> logs;  // ascending by log, no size 0
  bool operator==(const Checkpoint&) const = default;
};

std::string encode(const KeyGrant& statement);
std::string encode(const KeyRequest& statement);
std::string encode(const RegistrationProof& statement);
std::string encode(const HandoffOffer& statement);
std::string encode(const HandoffAcceptance& statement);
std::string encode(const Approval& statement);
std::string encode(const Completion& statement);
std::string encode(const Batch& statement);
std::string encode(const Ticket& statement);
std::string encode(const DrainCertificate& statement);
std::string encode(const Checkpoint& statement);

template <class S>
Result<S> decode(std::string_view bytes);
template <>
Result<KeyGrant> decode<KeyGrant>(std::string_view bytes);
template <>
Result<KeyRequest> decode<KeyRequest>(std::string_view bytes);
template <>
Result<RegistrationProof> decode<RegistrationProof>(std::string_view bytes);
template <>
Result<HandoffOffer> decode<HandoffOffer>(std::string_view bytes);
template <>
Result<HandoffAcceptance> decode<HandoffAcceptance>(std::string_view bytes);
template <>
Result<Approval> decode<Approval>(std::string_view bytes);
template <>
Result<Completion> decode<Completion>(std::string_view bytes);
template <>
Result<Batch> decode<Batch>(std::string_view bytes);
template <>
Result<Ticket> decode<Ticket>(std::string_view bytes);
template <>
Result<DrainCertificate> decode<DrainCertificate>(std::string_view bytes);
template <>
Result<Checkpoint> decode<Checkpoint>(std::string_view bytes);

// The bytes of the envelope around a statement.
template <class S>
std::string sign(const KeyPair& signer, const S& statement) {
  return seal_bytes(signer, S::kType, encode(statement));
}

template <class S>
struct Signed {
  S statement;
  std::string payload;  // its bytes; their digest names it
  std::string key_id;   // whose signature holds
};

// Envelope, type, key and signature first, and only then what it says.
template <class S>
Result<Signed<S>> open(std::string_view envelope, const KeyFinder& find) {
  auto opened = open_envelope(envelope, S::kType, find);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  auto statement = decode<S>(opened->payload);
  if (!statement) return tl::unexpected(std::move(statement.error()));
  return Signed<S>{*std::move(statement), std::move(opened->payload), std::move(opened->key_id)};
}

}  // namespace phoenix::lineage
