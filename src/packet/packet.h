// FlightPacket: the portable unit of work. A head is immutable; a change makes a new head, which
// replaces the old one when the store has it. What is large (payload, checkpoint, context, result)
// is kept apart from the head, as Content.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/key.h"
#include "base/names.h"
#include "base/time.h"
#include "ring/point.h"

namespace phoenix {

enum class Status : uint8_t {
  kPending,
  kAssigned,
  kRunning,
  kCompleted,
  kFailed,
  kCanceled,
  kExpired,
  kRejected,
};
inline constexpr int kStatuses = 8;
// "PENDING" and so on.
std::string_view status_name(Status status);
std::optional<Status> status_from_name(std::string_view name);
constexpr bool is_terminal(Status status) { return status >= Status::kCompleted; }

enum class CapabilityMatch : uint8_t { kAll, kAny };
// What salts the packet's point: its id, its affinity key, or nothing (the founding paper's rule).
enum class Spread : uint8_t { kId, kAffinity, kNone };

// What the creator said; never changes. Empty strings and vectors mean "not given".
struct PacketSpec {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;  // sorted by key
  std::vector<std::string> policy_tags;
  std::string affinity_key;
  std::string traceparent;
  std::string tracestate;
  std::string content_type;  // of the payload; empty = application/json
  CapabilityMatch match = CapabilityMatch::kAll;
  Spread spread = Spread::kId;
  int32_t priority = 0;  // -1000..1000
  uint32_t load = 1;     // 1..1,000,000
  WallMs not_before = kNoWall;
  WallMs deadline = kNoWall;
  uint32_t attempt_timeout_seconds = 0;  // 0 = none
  uint32_t max_attempts = 3;
  uint32_t max_losses = 10;
  uint32_t retain_seconds = 604'800;
  Digest create_digest{};  // over everything sent at create, payload included; the id excluded
};

// One life of a member, as an owner; the namespace is the packet's.
struct Owner {
  std::string id;
  uint64_t incarnation = 0;
  bool operator==(const Owner&) const = default;
};

enum class ParkReason : uint8_t {
  kNoCapableMember,
  kAllAtCapacity,
  kPolicyDenied,
  kBackoff,
  kNotBefore,
  kStoreUnreachable,
  kApprovalRequired,  // `until`: when the approval is over
  kLiveTicket,        // `until`: when no ticket of its last owner can be good any more
};
inline constexpr ParkReason kLastParkReason = ParkReason::kLiveTicket;
std::string_view park_reason_name(ParkReason reason);

// Does a packet that is parked for this wait for a moment, rather than for a member?
constexpr bool waits_its_time(ParkReason reason) {
  return reason == ParkReason::kBackoff || reason == ParkReason::kLiveTicket;
}

// Why a PENDING packet has no owner, and since when.
struct Parked {
  ParkReason reason = ParkReason::kNoCapableMember;
  WallMs since = 0;
  WallMs until = kNoWall;  // for kBackoff and kNotBefore
};

// Owner's calls. Those from kComplete to kHandoff end the epoch and keep their answer. kAccept is
// its receiver's, to a handoff that was offered to it; kTicket asks for a signed statement that the
// caller is the owner, and changes nothing that lasts.
enum class Call : uint8_t {
  kStart,
  kCheckpoint,
  kComplete,
  kFail,
  kRelease,
  kHandoff,
  kAccept,
  kTicket,
};
inline constexpr Call kLastCall = Call::kTicket;
std::string_view call_name(Call call);

// The answer to an owner's call that ended an epoch, kept for a repeat of the same call.
struct KeptAnswer {
  uint64_t epoch = 0;
  uint64_t revision = 0;  // as answered
  Call call = Call::kComplete;
  Status status = Status::kCompleted;  // as answered
  std::string member;                  // id of the caller
  Digest digest{};                     // over call, epoch and content
};
inline constexpr size_t kKeptAnswers = 16;

enum class ContentKind : uint8_t { kPayload, kCheckpoint, kContext, kResult };
inline constexpr int kContentKinds = 4;
std::string_view content_kind_name(ContentKind kind);

// JSON text, or bytes with their media type.
struct Content {
  bool is_json = true;
  std::string type;  // media type of bytes; empty for JSON
  std::string data;  // the JSON text as sent, or the raw bytes
  bool operator==(const Content&) const = default;
};

// Writes one content with the head that names it.
struct ContentWrite {
  ContentKind kind = ContentKind::kPayload;
  std::shared_ptr<const Content> content;  // null: remove
};

// What a head knows of a content.
struct ContentInfo {
  bool present = false;
  bool is_json = true;
  uint32_t size = 0;
  uint64_t revision = 0;  // of the packet when it was written: names this very version
};

// What governs a packet beside its spec. A handoff may narrow it and never widens it.
struct Governed {
  std::string contract;  // its name; empty: the one that is bound to its capabilities
  // What its owners may do in its name; sorted, unique. Absent: without bounds.
  std::optional<std::vector<std::string>> scopes;
  std::string semantic;   // canonical JSON of its semantic section; empty: it has none
  uint32_t handoffs = 0;  // how often it was handed on so far
  // Who has submitted it, where somebody's word may be asked for: not this one's. Empty: unknown.
  std::string asked_by;
  // What its present owner is not shown of its contents: paths of keys joined by dots; sorted,
  // unique.
  std::vector<std::string> redacted;
  bool operator==(const Governed&) const = default;
};

struct LastError {
  std::string message;
  std::string code;
};

// A head. epoch = ownerships granted so far; revision = durable changes so far (1 at create).
struct Packet {
  PacketKey key;
  std::shared_ptr<const PacketSpec> spec;
  Names required;                    // sorted bytewise, unique; a handoff may replace them
  Position point = 0;                // fixed at create; names the slot
  Position placement_point = 0;      // where the clockwise walk starts; follows `required`
  Status status = Status::kPending;  // kRunning is never durable
  uint64_t epoch = 0;
  uint64_t revision = 0;
  std::optional<Owner> owner;
  std::optional<Parked> parked;  // set exactly while kPending
  std::string avoid;             // member id that failed or released it last; else empty
  uint32_t attempts = 0;
  uint32_t losses = 0;
  uint64_t checkpoint_seq = 0;  // of the last checkpoint within this epoch
  std::array<ContentInfo, kContentKinds> contents{};
  std::shared_ptr<const LastError> last_error;
  std::vector<KeptAnswer> kept;  // oldest first, at most kKeptAnswers
  WallMs created_at = 0;
  WallMs updated_at = 0;
  WallMs ended_at = kNoWall;                 // when it became terminal
  uint64_t legs = 0;                         // of its lineage, as the flight recorder has them
  Digest last_leg{};                         // hash of the newest one's entry; all 0 while legs = 0
  std::shared_ptr<const Governed> governed;  // null: nothing does
  // For how long a ticket of this epoch may be good; 0: none was given, or its owner has stopped.
  uint32_t ticket_ms = 0;

  const ContentInfo& content(ContentKind kind) const { return contents[static_cast<size_t>(kind)]; }
};
using PacketPtr = std::shared_ptr<const Packet>;

// One line of a packet's history, and of the events of a host.
struct HistoryEntry {
  WallMs at = 0;
  uint64_t epoch = 0;
  uint64_t revision = 0;
  std::string event;   // "created", "assigned", "completed", "lost", ... (event_name)
  std::string owner;   // after the change; empty: nobody
  std::string from;    // the owner before it, where ownership changed
  std::string to;      // the owner after it, where ownership changed
  std::string reason;  // a sentence
  // The change as the flight recorder keeps it: canonical bytes, never changed again. Written with
  // the change and read by Reader::recorded() alone; empty where nothing is recorded.
  std::string recorded{};
};

}  // namespace phoenix
