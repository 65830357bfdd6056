// One entry of a host's log: what was decided, by whom and why. Its bytes are made before the
// commit that makes it true, are kept with that commit's row and are served unchanged for ever:
// they are the leaves of the log's tree. An entry does not know its place in the log; a checkpoint
// is what signs it.
//
// A leg is the part of an entry that changes who owns a packet. Legs of a packet form a chain over
// all logs: each names the entry of the one before by its leaf hash (SHA-256(0x00 || entry)). The
// packet is (ns, subject) of the entry, the epoch is the entry's.
//
// The form is a canonical msgpack array in the order of the fields, as in statements.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/time.h"
#include "lineage/crypto/key.h"
#include "lineage/crypto/key_file.h"
#include "lineage/form/evidence.h"
#include "lineage/form/statements.h"

namespace phoenix::lineage {

inline constexpr size_t kMaxEntryBytes = size_t{512} * 1024;

// The numbers of all enums here are stored.
enum class EntryKind : uint8_t {
  kPacket = 1,
  kMember = 2,
  kHost = 3,
  kKey = 4,
  kPolicy = 5,   // rules and contracts
  kRefusal = 6,  // of a caller that is known; repeats within a second are one entry
};
std::string_view entry_kind_name(EntryKind kind);

// Who made it happen. A host acts by itself on time and on loss.
enum class ActorKind : uint8_t { kHost = 1, kMember = 2, kToken = 3 };
struct Actor {
  ActorKind kind = ActorKind::kHost;
  std::string name;  // host, member id, name of the token; 1..255 bytes
  bool operator==(const Actor&) const = default;
};

enum class Cause : uint8_t {
  kAssign = 1,    // to a first or next owner, from nobody
  kHandoff = 2,   // the owner asked
  kEviction = 3,  // the owner's session ended, or it kept silent
  kDrain = 4,     // the owner is leaving
  kOperator = 5,
  kRelease = 6,   // the owner gave it back or failed, and it goes on
  kTerminal = 7,  // the life of the packet ends
  kRetry = 8,     // an ended packet is live again
};
std::string_view cause_name(Cause cause);

// Where the walk started, and the digest of what was weighed: candidates and scores.
struct Placement {
  uint32_t point = 0;
  Digest inputs{};
  bool operator==(const Placement&) const = default;
};

// Envelopes, each the bytes that its signer sent.
struct HandoffEvidence {
  std::string offer;
  std::string acceptance;  // empty exactly where nobody has received it yet
  std::string approval;    // empty: none was needed
  bool operator==(const HandoffEvidence&) const = default;
};

struct TerminalEvidence {
  End end = End::kCompleted;
  std::optional<Digest> result;
  std::optional<Evidence> signature;  // of the owner's Completion; absent where no owner spoke
  bool operator==(const TerminalEvidence&) const = default;
};

struct Leg {
  uint64_t number = 1;  // 1, 2, 3, … for each packet
  Digest previous{};    // leaf hash of the entry with leg number - 1; all zero for leg 1
  std::optional<Party> from;
  std::optional<Party> to;  // with a `to` the entry's epoch is one more than before, else the same
  Cause cause = Cause::kAssign;
  std::optional<Digest> context;   // of what travels
  std::optional<Digest> contract;  // under which it travels
  std::optional<Digest> decision;  // of the policy, on this change
  std::optional<Placement> placement;
  std::vector<std::string> attested_by;      // hosts that signed for members without a key; sorted
  std::optional<HandoffEvidence> handoff;    // only with kHandoff
  std::optional<TerminalEvidence> terminal;  // exactly with kTerminal
  bool operator==(const Leg&) const = default;
};

enum class KeyAction : uint8_t {
  kAdd = 1,     // a host is granted a key, a member registers with its first
  kRotate = 2,  // in place of `previous`
  kRevoke = 3,  // from here on nothing signed by `key` is good
};

// Whose key it is says the entry: a member is (ns, subject), a host is (empty, subject).
struct KeyChange {
  KeyAction action = KeyAction::kAdd;
  KeyRole role = KeyRole::kMember;  // never kRoot: that one is known from outside
  PublicKey key;
  std::string previous;  // key id, exactly with kRotate
  std::string proof;     // envelope of a KeyGrant or RegistrationProof; empty exactly with kRevoke
  bool operator==(const KeyChange&) const = default;
};

struct Entry {
  EntryKind kind = EntryKind::kPacket;
  WallMs at = 0;
  Actor actor;
  std::string ns;       // empty for what belongs to the pool
  std::string subject;  // id of the packet or member, name of the host, …
  std::string event;    // "assigned": [a-z0-9-]{1,64}
  std::string reason;   // reason code in the same alphabet; may be empty
  uint64_t epoch = 0;
  uint64_t revision = 0;         // of "refused-again": how many refusals it stands for
  std::optional<Digest> policy;  // of the rules in force
  std::optional<Digest> inputs;  // of what the decision rests on
  std::optional<Leg> leg;        // only with kPacket
  std::optional<KeyChange> key;  // exactly with kKey
  std::string certificate;       // envelope of a DrainCertificate; only with kMember and kHost
  std::string account;           // JSON: which rule refused whom and why; only with kRefusal
  bool operator==(const Entry&) const = default;
};

std::string encode(const Entry& entry);
// Also refuses what contradicts itself: see the words "only" and "exactly" above. Says nothing of
// signatures, nor of how entries belong together.
template <>
Result<Entry> decode<Entry>(std::string_view bytes);

}  // namespace phoenix::lineage
