// What a host can be asked, and what it answers. Plain data: the REST face translates JSON into
// commands and replies into JSON, the simulator makes them by itself. Everything in here has been
// validated for form (ids, ranges, sizes); what depends on state is the node's to decide.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "directory/document.h"
#include "directory/member.h"
#include "directory/outbox.h"
#include "lineage/form/evidence.h"
#include "packet/packet.h"

namespace phoenix {

using RequestId = uint64_t;

// Who asks. A session is proved by its token (the driver has checked the token's form and keyed
// hash; whether that generation still stands is the node's to say).
struct Caller {
  // Of a session token; empty if the caller is a principal.
  std::string session;
  uint64_t generation = 0;
  // Name of the token otherwise, and whether it has the operator's role.
  std::string principal;
  bool is_operator = false;
  bool is_approver = false;
  // The member of kind human to which that token is bound; empty: to none.
  std::string human{};
  // "as": a manual member in whose name a principal makes an owner's call; else empty.
  std::string as_member;
};

// An Idempotency-Key: `scope` = digest over (token, namespace, route, key), `request` over the
// body. `stored` is what the driver found in the store for that scope (it looks before it asks).
struct Idempotency {
  Digest scope{};
  Digest request{};
};

// --- packets --------------------------------------------------------------------------------

// Where the id of a new packet comes from. What stands under one that was derived has been made by
// this very call, as it was sent before, and is answered as created; a fresh one cannot stand yet.
enum class IdSource : uint8_t { kCaller, kDerived, kFresh };

struct SubmitItem {
  PacketKey key;
  IdSource id_from = IdSource::kCaller;
  std::shared_ptr<const PacketSpec> spec;
  std::vector<std::string> required;           // sorted bytewise, unique
  std::shared_ptr<const Content> payload;      // null: none
  std::shared_ptr<const Governed> governed{};  // null: nothing does

  bool is_fresh() const { return id_from == IdSource::kFresh; }
};
// One packet, or many in one commit, each standing or falling alone. Items the driver could not
// parse carry their Error, so that the answer keeps the order.
struct Submit {
  std::vector<tl::expected<SubmitItem, Error>> items;
  bool single = false;
};

// Where such a packet lies on the ring, which names its slot.
Position point_of_new(const RingKey& key, const SubmitItem& item);

struct OwnerCall {
  Call call = Call::kStart;
  PacketKey key;
  uint64_t epoch = 0;
  Digest digest{};                                   // over call, epoch and content
  std::shared_ptr<const Content> content;            // checkpoint, result, or a handoff's context
  std::optional<uint64_t> seq;                       // kCheckpoint
  LastError error;                                   // kFail
  bool retry = true;                                 // kFail
  std::optional<int64_t> retry_after_ms;             // kFail, kRelease
  std::string to;                                    // kHandoff: member id, or empty
  std::optional<std::vector<std::string>> required;  // kHandoff: by capabilities
  std::string reason;                                // kHandoff
  // What the member signed: its lineage::Completion with kComplete, alone or in a batch.
  std::optional<lineage::Evidence> evidence{};
  std::string
      statement{};  // the envelope of its HandoffOffer (kHandoff), HandoffAcceptance (kAccept)
  bool declines = false;  // kAccept: no, and `reason` says why
  // kHandoff: what shall be so from then on, where it shall change; `contract` is the digest of the
  // one that its giver goes by.
  std::optional<std::vector<std::string>> scopes{};
  std::optional<std::string> semantic{};
  std::optional<Digest> contract{};
  // kTicket: what its home has promised, and when, by the home's clock. Filled in by the home.
  uint32_t promised_ms = 0;
  WallMs promised_at = 0;
};
struct OwnerCalls {
  std::vector<tl::expected<OwnerCall, Error>> items;
  bool single = false;  // else `:complete`, answered item by item
};

// Asked by others than the owner.
enum class Order : uint8_t { kCancel, kAssign, kEvict, kRetry };
struct OrderPacket {
  Order order = Order::kCancel;
  PacketKey key;
  std::string to;  // kAssign: member id; empty = place it now
  std::string reason;
  std::optional<uint64_t> if_revision;  // If-Match
};

// Answers when the packet is terminal, or when the time is over.
struct AwaitPacket {
  PacketKey key;
  Duration wait;
};

// --- members --------------------------------------------------------------------------------

struct Register {
  std::vector<MemberRecord> members;  // key .. manual filled in; the rest is the node's
  uint32_t lease_seconds = 3;
  std::optional<uint32_t> grace_ms;
  bool replace = false;
  bool single = false;     // answer in the form for one member
  std::string session_id;  // fresh, made by the driver; unused for manual members
  // Of each member in order, if any has a key: the envelope of its lineage::RegistrationProof,
  // empty for those without. The driver has seen to it that it answers a challenge of its own.
  std::vector<std::string> proofs{};
};

// A session's calls. `member` is the id in /v1/members/{id}/..., empty for /v1/sessions/{sid}/...
struct SessionRef {
  std::string ns;
  std::string member;
  std::string session;
};
struct Poll {
  SessionRef ref;
  uint32_t max = 1;
  Duration wait;
  std::optional<std::string> after;  // text of an earlier `next`
};
struct Heartbeat {
  SessionRef ref;
  std::optional<std::string> after;
};
struct OpenStream {
  SessionRef ref;
  std::optional<std::string> after;
};
struct Attach {
  SessionRef ref;
};
struct Drain {
  SessionRef ref;
  std::optional<uint32_t> deadline_seconds;
};
struct Resume {
  SessionRef ref;
};
struct Retire {
  SessionRef ref;
};
struct AddMembers {
  SessionRef ref;
  std::vector<MemberRecord> members;
  std::vector<std::string> proofs{};  // as with Register
};
struct RemoveMembers {
  SessionRef ref;
  std::vector<std::string> ids;
};
struct PatchMember {
  MemberKey key;
  std::optional<std::vector<std::string>> capabilities;
  std::optional<uint32_t> weight;
  std::optional<uint32_t> max_load;
  // Merge patch: nullopt value removes the label. `replace_labels` drops all others first.
  std::vector<std::pair<std::string, std::optional<std::string>>> labels;
  bool replace_labels = false;
  std::optional<uint64_t> if_revision;
  // By an operator only. The key with which it may register next; empty: with its own only.
  std::optional<std::string> next_key{};
  bool revoke_key = false;  // what it signs with is good no more
};
// Answers when the member is RETIRED, or when the time is over.
struct AwaitMember {
  MemberKey key;
  Duration wait;
};

// --- documents ------------------------------------------------------------------------------

// Policies and contracts of one namespace, in one commit: all of them or none. By an operator.
struct ApplyDocuments {
  struct Item {
    DocumentKind kind = DocumentKind::kPolicy;
    std::string name;
    std::string text;                     // empty: it goes
    std::optional<uint64_t> if_revision;  // 0: it must not exist
  };
  std::string ns;
  std::string app;  // of which they are parts; may be empty
  std::vector<Item> items;
  bool prune = false;  // what the app has and these do not name goes too
  bool dry_run = false;
};
// Of a document of kind approval.
struct DecideApproval {
  std::string ns;
  std::string name;
  bool approve = false;
  std::string reason;
};

using CommandBody =
    std::variant<Submit, OwnerCalls, OrderPacket, AwaitPacket, Register, Poll, Heartbeat,
                 OpenStream, Attach, Drain, Resume, Retire, AddMembers, RemoveMembers, PatchMember,
                 AwaitMember, ApplyDocuments, DecideApproval>;

struct Command {
  RequestId id = 0;  // unique within one life of the host
  Caller caller;
  std::optional<Idempotency> idempotency;
  CommandBody body;
  Instant arrived{};  // the node's own note
};

// --- answers --------------------------------------------------------------------------------

// A head with what is not durable of it.
struct PacketView {
  PacketPtr head;
  Status status = Status::kPending;  // kRunning included
  // Why it has no owner, now: newer than head->parked, which only says how it came to be parked.
  // Set exactly while PENDING.
  std::optional<Parked> parked;
  // Of the contract by which it would be handed on, as an offer has to name it; absent: by none.
  std::optional<Digest> contract{};
};

struct PacketReply {
  PacketView packet;
  bool created = false;  // 201; else 200
};
struct OwnerReply {
  std::string id;
  Status status = Status::kRunning;
  uint64_t epoch = 0;
  uint64_t revision = 0;
  std::string ticket{};  // in answer to kTicket
};
using ItemReply = std::variant<PacketReply, OwnerReply, Error>;
struct BatchReply {
  std::vector<ItemReply> items;
  std::vector<std::string> ids;  // of each item that was refused, as far as known
  void reserve(size_t size) {
    items.reserve(size);
    ids.reserve(size);
  }
};

// A record with what is not durable of it.
struct MemberView {
  std::shared_ptr<const MemberRecord> record;
  uint32_t current_load = 0;
  WallMs last_seen_at = 0;
  // Of its session; defaults for manual members.
  uint32_t lease_seconds = 0;
  std::optional<uint32_t> grace_ms;
};
struct MembersReply {
  std::vector<MemberView> members{};
  bool created = false;
  bool single = true;
  bool accepted = false;  // 202: it goes on (drain)
  // Present when a session was made or is spoken of.
  std::optional<SessionRecord> session{};
  std::optional<uint64_t> incarnation{};  // of its only member
  // With a session that was made: which life of its home answers, and the lease that this answer
  // grants, counted from when the request was sent for the first time; else 0.
  uint64_t run = 0;
  uint32_t lease_ms = 0;
  std::string certificate{};  // envelope of its DrainCertificate, once it is drained
};

// (packet id, epoch) names one assignment; it may be delivered more than once.
struct Delivery {
  std::string member;
  uint64_t epoch = 0;
  PacketView packet;
};
// A handoff that a member is asked to accept. Soft: it may be lost, and is over at its time.
struct Offered {
  std::string member;
  PacketKey packet;
  Position point = 0;                      // where it is kept
  uint64_t epoch = 0;                      // the giver's
  std::string offer;                       // its envelope
  std::shared_ptr<const Content> context;  // null: none travels with it
  WallMs until = 0;
};
struct DrainNotice {
  WallMs deadline = kNoWall;  // the earliest; kNoWall = no hurry
  std::vector<std::pair<std::string, WallMs>> members;
};
// Answer to Poll and Heartbeat, and one portion of a stream.
struct DeliveriesReply {
  std::vector<Delivery> deliveries;
  std::vector<Revoked> revoked;
  std::optional<DrainNotice> drain;
  std::string next;
  uint64_t run = 0;
  uint32_t lease_ms = 0;
  std::vector<Offered> offers{};
};
struct AttachReply {
  SessionRecord session;
  std::vector<std::pair<std::string, uint64_t>> held;  // (packet id, epoch)
  std::vector<Revoked> revoked;
  std::string next;
  uint64_t run = 0;
  uint32_t lease_ms = 0;
  std::optional<uint64_t> incarnation;  // of its only member
};
// What became of each, in the order asked for, then what was pruned.
struct DocumentsReply {
  enum class Change : uint8_t { kNone, kCreated, kChanged, kDeleted };
  struct Item {
    DocumentPtr document;
    Change change = Change::kNone;
  };
  std::vector<Item> items;
  bool dry_run = false;
};
struct StreamOpened {};  // what follows comes as StreamPortion

using ReplyBody = std::variant<Error, PacketReply, OwnerReply, BatchReply, MembersReply,
                               DeliveriesReply, AttachReply, StreamOpened, DocumentsReply>;

struct Reply {
  RequestId id = 0;
  ReplyBody body;
  // True when this is a kept answer of an Idempotency-Key.
  bool replayed = false;
};

// More for an open stream; the stream's name is the request that opened it.
struct StreamPortion {
  RequestId stream = 0;
  bool end = false;  // the host closes it (session ended, or another stream took its place)
  DeliveriesReply portion;
};

// Stored form of the answers that an Idempotency-Key keeps (all but deliveries).
std::string encode_reply(const ReplyBody& reply);
Result<ReplyBody> decode_reply(std::string_view bytes);

}  // namespace phoenix
