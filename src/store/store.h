// The durable store: what a host may forget it keeps here. One interface, one conformance suite.
//
// A Group is atomic: all of its operations happen or none. A batch of groups is a unit of speed,
// not of meaning: groups stand or fall alone, except that Unknown and Refused hold for all of them
// (one sync decides) but those in conflict, of which an unknown batch says that too: an expectation
// that did not hold never will, for revisions only grow. So what resolve() says of the batch is
// true of all that were unknown. What commit() answers with kCommitted is durable: it survives the
// crash of the process, of the kernel and of the machine.
//
// Thread rules: commit, resolve, sweep and open belong to one thread, the writer's. The const
// readers of a Reader belong to the thread that made it; any number may work beside the writer and
// see only whole batches.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/key.h"
#include "base/time.h"
#include "directory/document.h"
#include "directory/member.h"
#include "packet/packet.h"
#include "store/event_cursor.h"

namespace phoenix {

// Replaces a packet's head, if its (epoch, revision) still are the expected ones.
struct PutPacket {
  PacketPtr head;
  uint64_t expect_epoch = 0;
  uint64_t expect_revision = 0;  // 0: the packet must not exist (nor its tombstone)
  std::vector<ContentWrite> contents;
  HistoryEntry entry;
};

// Replaces a member's record, if its revision still is the expected one; 0: must not exist.
struct PutMember {
  std::shared_ptr<const MemberRecord> record;
  uint64_t expect_revision = 0;
  std::string event;  // "registered", "draining", "detached", ...: one line of the host's events
  std::string recorded{};  // of that line, as HistoryEntry::recorded
};

struct PutSession {
  std::shared_ptr<const SessionRecord> record;
  uint64_t expect_revision = 0;
};

// Forgets a member or a session whose time is over. The store keeps the greatest incarnation of all
// members that it has forgotten, so that an id which comes back goes on above it.
struct DropMember {
  MemberKey key;
  uint64_t expect_revision = 0;
  uint64_t incarnation = 0;  // of the record
};
struct DropSession {
  std::string id;
  uint64_t expect_revision = 0;
};

// The answer to a call with an Idempotency-Key, committed with what the call made. Expects that
// none is kept under this scope: of two hosts that carry one call out, one is refused whole.
struct PutAnswer {
  Digest scope{};    // over token, namespace, route and key
  Digest request{};  // over the request's body
  std::string answer;
  WallMs expires_at = 0;
};

// Replaces a document, if its revision still is the expected one; 0: there never was one. Deleted
// ones are documents too.
struct PutDocument {
  DocumentPtr document;
  uint64_t expect_revision = 0;
  std::string event;       // "applied", "deleted", "approved", ...: one line of the host's events
  std::string recorded{};  // of that line, as HistoryEntry::recorded
};

// Changes nothing: one line of the events, of a packet or a member ("namespace/id"), for what was
// refused. Requires: a packet exists.
struct PutNote {
  bool is_packet = true;
  std::string key;
  HistoryEntry entry;
};

using Op = std::variant<PutPacket, PutMember, PutSession, DropMember, DropSession, PutAnswer,
                        PutDocument, PutNote>;

struct Group {
  uint64_t id = 0;  // the core's number for it
  std::vector<Op> ops;
};

enum class Outcome : uint8_t {
  kCommitted,
  kConflict,  // an expectation did not hold; nothing of this group happened
  kUnknown,   // it may or may not have happened: resolve() the batch
  kRefused,   // nothing happened: disk full, I/O error, read-only, closed
};

struct CommitResult {
  std::vector<Outcome> outcomes;  // one a group, in order
  std::string why;                // for kRefused and kUnknown: a sentence for people
  EventCursor last_event;         // newest event of this store's log that is durable now
  // Refused because this life of the host is not in the view any more: it never will commit again.
  bool fenced = false;
};

enum class Resolution : uint8_t {
  kApplied,
  kNotApplied,  // and never will be: its id is now taken by a tombstone
  kUnknown,     // still cannot tell; ask again
};

// One row of an event log: a change of a packet, a member or a document.
struct EventRow {
  uint64_t seq = 0;  // its position in the log
  bool is_packet = true;
  std::string key;  // "namespace/id"; of a document "kind/namespace/name"
  HistoryEntry entry;
  uint32_t log = kOwnLog;
};

// What one row of an event log left in the flight recorder. It has that row's position, which is
// given inside the commit: the entries of all that was committed, in the order of the log. Rows of
// an event log go when their packet is forgotten; entries go by age, oldest first.
struct RecordedEntry {
  uint64_t position = 0;
  std::string bytes;
};

// One log: of a host alone, or of one life of one of several hosts.
struct LogState {
  uint32_t log = kOwnLog;
  std::string host;  // empty: the only one
  uint64_t life = 0;
  uint64_t size = 0;    // rows ever written
  uint64_t first = 0;   // position of the oldest entry that is kept; 0: none is
  bool closed = false;  // its host's life is over: nothing is added any more
};

struct StoredAnswer {
  Digest request{};
  std::string answer;
};

// Which packets a list wants. Filters combine with "and".
struct PacketFilter {
  std::string ns{};                                  // empty: all namespaces of `namespaces`
  std::vector<std::string> namespaces{};             // when ns is empty; empty too: every namespace
  std::vector<Status> statuses{};                    // empty: all; kRunning is stored as kAssigned
  std::string owner{};                               // member id
  std::vector<std::string> requires_capabilities{};  // all of them
  std::vector<std::pair<std::string, std::string>> labels{};  // all of them
};

// Position in the order (createdAt, ns/id).
struct ListPosition {
  WallMs created_at = 0;
  std::string key;
};

struct PacketPage {
  std::vector<Packet> items;
  std::optional<ListPosition> next;  // absent on the last page
  EventCursor as_of;                 // the events that this page has seen, at least
};

// A packet whose content is gone (retention over): only this is left of it.
struct Tombstone {
  PacketKey key;
  Status status = Status::kCompleted;
  WallMs created_at = 0;
  WallMs ended_at = 0;
  Digest create_digest{};
};

struct PacketLookup {
  std::optional<Packet> head;
  std::optional<Tombstone> tombstone;  // at most one of the two
};

// How many packets there are by terminal status, tombstones left out; live ones stay 0.
using EndedCounts = std::array<uint64_t, kStatuses>;

// Where a content stands.
struct ContentRef {
  PacketKey key;
  ContentKind kind = ContentKind::kPayload;
};

class Reader {
 public:
  virtual ~Reader() = default;
  virtual Result<PacketLookup> get(const PacketKey& key) = 0;
  // In the order of the refs; nothing for what is not there. A store behind a network is asked for
  // hundreds at once.
  virtual Result<std::vector<std::optional<Content>>> contents(
      std::span<const ContentRef> refs) = 0;
  Result<std::optional<Content>> content(const PacketKey& key, ContentKind kind) {
    const ContentRef ref{key, kind};
    auto found = contents({&ref, 1});
    if (!found) return tl::unexpected(found.error());
    return std::move(found->front());
  }
  // Ascending or descending by (createdAt, key), strictly after `after`. `limit` 1..1000. May
  // examine a bounded number of rows and answer fewer than limit with `next` set.
  virtual Result<PacketPage> list(const PacketFilter& filter, bool ascending,
                                  const std::optional<ListPosition>& after, uint32_t limit) = 0;
  virtual Result<std::vector<EventRow>> history(const PacketKey& key) = 0;
  // Events after the cursor, at most limit, so that raising the cursor by each row in turn misses
  // none. `dropped`: the newest of each log that is not kept any more.
  virtual Result<std::vector<EventRow>> events(const EventCursor& after, uint32_t limit,
                                               EventCursor* dropped) = 0;
  // Where all logs stand.
  virtual Result<EventCursor> newest_event() = 0;
  virtual Result<std::optional<StoredAnswer>> answer(const Digest& scope) = 0;
  // Facts (Store::fact) whose names begin so, by name.
  virtual Result<std::vector<std::pair<std::string, std::string>>> facts(
      std::string_view prefix) = 0;
  // Entries of that log after the position, ascending: at most limit (1..10000) of them, and no
  // more than about 4 MiB.
  virtual Result<std::vector<RecordedEntry>> recorded(uint32_t log, uint64_t after,
                                                      uint32_t limit) = 0;
  // Every log that has rows, by number.
  virtual Result<std::vector<LogState>> logs() = 0;
  // Those that are kept, in a store that hosts share; elsewhere the one host knows (kWrongState).
  // Reads an index through.
  virtual Result<EndedCounts> ended() {
    return fail(ErrorKind::kWrongState, "only a store that hosts share counts ended packets");
  }
};
inline constexpr size_t kRecordedBytes = size_t{4} << 20;

struct SweepLimits {
  WallMs now = 0;
  uint64_t retain_count = 1'000'000;  // terminal packets kept with content at most
  uint32_t max_rows = 500;            // bound of one call
  WallMs tombstone_ms = 7LL * 24 * 3600 * 1000;
  // Entries of these logs up to and with these positions may go. Requires: what proves them later
  // (the tree's frontier there) is kept elsewhere.
  std::vector<std::pair<uint32_t, uint64_t>> recorded_until{};
};

struct Swept {
  uint64_t rows = 0;   // touched
  EndedCounts buried;  // packets that are tombstones now
};

struct StoreCapabilities {
  std::string engine;  // "memory", "sqlite", "postgres"
  std::string version;
  bool durable = false;
  bool shared = false;     // other hosts write into it too
  std::string survives{};  // what an acknowledgement survives, in words: "the loss of one machine"
};

// Everything a host needs to go on after a start.
struct RecoverSink {
  std::function<void(Packet)> packet;          // every live packet
  std::function<void(MemberRecord)> member;    // every record
  std::function<void(SessionRecord)> session;  // every record
  std::function<void(EndedCounts)> ended;      // once: the terminal packets, which are not read
  std::function<void(uint64_t)> incarnation_floor;  // once: the greatest that was dropped
  std::function<void(Document)> document{};         // every one, deleted ones too
};

class Store {
 public:
  virtual ~Store() = default;
  // One durable batch. batch_id is unique for the life of the store. Never throws, never blocks
  // for longer than the engine's own sync.
  virtual CommitResult commit(uint64_t batch_id, std::span<const Group> groups) = 0;
  // Settles an Unknown batch by writing its id as a tombstone: whichever stands first wins.
  virtual Resolution resolve(uint64_t batch_id) = 0;
  virtual Result<bool> recover(const RecoverSink& sink) = 0;
  // Small durable facts of the host: "run", "ring-key", ... set() is synced.
  virtual Result<std::optional<std::string>> fact(const std::string& name) = 0;
  virtual Result<bool> set_fact(const std::string& name, const std::string& value) = 0;
  // Drops content of terminal packets past their time, old tombstones, answers and events. Called
  // again while it touches max_rows.
  virtual Result<Swept> sweep(const SweepLimits& limits) = 0;
  // What commit() puts off because nobody should wait for it (checkpoints of the log). Call it on
  // the writer's thread when the results of a commit have been handed on; cheap if nothing is due.
  virtual void maintain() {}
  // May be called from any thread.
  virtual Result<std::unique_ptr<Reader>> reader() = 0;
  virtual StoreCapabilities capabilities() const = 0;
};

}  // namespace phoenix
