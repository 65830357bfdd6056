// One host's decisions, as a pure state machine: command / tick / completed / loaded go in, an
// Output comes out. No clock, socket, thread, file or random device; the daemon and the simulator
// drive the very same code.
//
// Why no callbacks: an input is handled to its end before anything leaves, so there is no
// re-entrancy, and a driver may carry the output out in any way that keeps the duties below.
//
//   inputs   A  command, abandon, stream_closed   what clients ask
//            B  tick                              time has passed
//            C  completed, resolved, loaded, swept  the store has answered
//   output   take_output(), after every input, or after several
//   queries  const; valid until the next input
//
// Duties of a driver:
//   - Output.groups go to the store in order, each whole; every group is answered exactly once by
//     completed(). All groups of one Output may share one sync with others.
//   - Replies may be sent at once: nothing in them rests on a write that is not durable.
//   - At a start: recover_*() for everything the store has, then ready(), then inputs.
//   - tick() at next_deadline(), and at least every 50 ms while a session is active: the node takes
//     a longer silence for a pause of the host and charges nobody for it. Input that has arrived is
//     handed in before a tick.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/siphash.h"
#include "lineage/crypto/key_file.h"
#include "lineage/form/entry.h"
#include "lineage/form/statements.h"
#include "node/command.h"
#include "node/plan.h"
#include "node/remote.h"
#include "node/stats.h"
#include "ring/placement.h"
#include "ring/show/walk.h"
#include "store/store.h"

namespace phoenix {

struct NodeConfig {
  std::string host = "host";
  RingKey ring_key;
  // What hosts in one process and thread share of the ring; null: this host keeps its own.
  std::shared_ptr<RingCatalogue> ring_catalogue{};
  uint64_t run = 1;     // which life of this host; grows at each start
  uint32_t window = 8;  // k of placement
  uint64_t max_live_packets = 1'000'000;
  uint64_t max_members = 100'000;
  uint32_t max_waiting = 65'536;  // parked polls and awaits
  // One of several hosts that share a store. Empty: alone, it drives every slot, and all that is
  // said below of other hosts does not apply.
  HostLife self;
  std::string pool;           // its id, as members' signed statements name it
  bool require_keys = false;  // who registers has to have a key
  // Signs for members without a key where others need their word; absent: nobody does.
  std::optional<lineage::NamedKeyPair> signer;
  std::string grant;  // envelope of the root's KeyGrant for the signer's key; empty: there is none
  // The clock of Now.mono, read while an input is worked on, for Stats.handoff_phases and nothing
  // else. Absent: what takes no time by the inputs' `now` is not measured.
  std::function<Instant()> work_clock;
};

// What these members hold, as the store has it (PoolStore::owned_by); asked for by an attach.
struct HeldQuery {
  uint64_t id = 0;
  std::vector<MemberKey> members;
};

// Something about a host that is to stand in the log: an entry of kind key if it has a `key`, else
// of kind host.
struct HostNote {
  std::string host;
  std::string event;   // "key-added": [a-z0-9-]{1,64}
  std::string reason;  // a reason code of the same alphabet, or empty
  std::optional<Digest> inputs{};
  std::optional<lineage::KeyChange> key{};
};

// How many entries each log has, ascending by log, those without any left out.
struct LogHeads {
  std::vector<lineage::LogHead> logs;
  std::optional<uint32_t> own{};  // that of this life of the host, if it has written anything
};

struct Output {
  std::vector<Group> groups;               // to the store, in order
  std::vector<PacketKey> loads;            // read these from the store, answer by loaded()
  std::vector<PacketKey> wanted_payloads;  // of live packets; answered by payload(), one for each
  std::vector<uint64_t> resolves;          // batches whose outcome is unknown: Store::resolve
  std::vector<Reply> replies;
  std::vector<StreamPortion> portions;
  // With other hosts only.
  std::vector<NodeMessageOut> messages;   // to their nodes
  std::vector<SlotId> released;           // given up by give_up(): nothing of them is in flight
  std::vector<MemberKey> wanted_members;  // newest records of these are wanted: learn()
  std::vector<std::string> wanted_sessions;
  std::vector<HeldQuery> wanted_held;  // answered by held()
  std::vector<uint64_t> wanted_heads;  // answered by heads(), one for each
  bool empty() const {
    return groups.empty() && loads.empty() && wanted_payloads.empty() && resolves.empty() &&
           replies.empty() && portions.empty() && messages.empty() && released.empty() &&
           wanted_members.empty() && wanted_sessions.empty() && wanted_held.empty() &&
           wanted_heads.empty();
  }
};

struct RecordNames {
  std::vector<MemberKey> members;
  std::vector<std::string> sessions;
};

// Why a member could or could not take a packet, for explain.
struct CandidateView {
  std::string member;
  Position vnode = 0;
  uint32_t load = 0;
  uint32_t max_load = 0;
  uint64_t score_numerator = 0;
  uint64_t score_denominator = 1;
  bool eligible = false;
  std::string reason;
};
// The walk of a placement, as it would go now.
struct WalkView {
  std::vector<CandidateView> candidates;  // in walk order, up to the last of the window
  uint32_t k = 0;                         // the window
  uint64_t omitted = 0;                   // ineligible ones that were met and are not listed
  bool complete = true;                   // false: it was broken off, too long
  std::string owner;                      // whom it chooses; empty: nobody
  DecidedBy decided_by = DecidedBy::kNobody;
  size_t capable_members = 0;
  std::vector<std::string> missing;  // capabilities that nobody has
};
struct Explanation {
  PacketView packet;
  WalkView walk;
};

// A member with v-nodes on the ring.
struct RingMemberView {
  MemberView member;
  uint32_t vnodes = 0;
  uint64_t positions = 0;  // of 2^32: its share of its namespace's plain ring, in exact arcs
};

// A packet that need not exist.
struct OwnerQuery {
  std::string_view ns;
  std::vector<std::string> required;  // sorted bytewise, unique
  Match match = Match::kAll;
  std::string_view salt;
  uint32_t load = 1;
  std::optional<uint32_t> k;   // else the host's window
  bool nearest_first = false;  // affinity
};

struct Health {
  bool ready = false;
  std::string why;  // what is wedged; empty if ready
  WallMs since = 0;
  Duration oldest_write;  // age of the oldest write without an answer
  size_t writes_in_flight = 0;
  Duration oldest_offer;  // age of the oldest delivery that another host has not answered for
};

class Node {
 public:
  explicit Node(const NodeConfig& config);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // --- start ---
  void recover_member(MemberRecord record);
  void recover_session(SessionRecord record);
  void recover_document(Document document);
  void recover_packet(Packet packet);
  void recover_ended(const EndedCounts& kept);
  void recover_incarnation_floor(uint64_t floor);
  void ready(Now now);

  // --- inputs ---
  void command(Now now, Command command);
  // The client of this request went away; a poll that waits is dropped, a write goes on.
  void abandon(Now now, RequestId id);
  // by_peer: the member's end closed it, so its grace begins.
  void stream_closed(Now now, RequestId stream, bool by_peer);
  void tick(Now now);
  // One batch: outcomes[i] belongs to group_ids[i].
  void completed(Now now, uint64_t batch_id, std::span<const uint64_t> group_ids,
                 std::span<const Outcome> outcomes, const std::string& why);
  void resolved(Now now, uint64_t batch_id, Resolution resolution);
  // What the store has under a key asked for by Output.loads; or that it could not be read.
  void loaded(Now now, const PacketKey& key, Result<PacketLookup> lookup);
  // Is written down as soon as the store takes it; at most 64 wait, later ones are dropped.
  void note(Now now, HostNote note);
  // A call that was refused before it came here, with this reason code: as those that are refused
  // here, entries of the log for callers that are known, counters for all others.
  void refused(Now now, const Caller& caller, const std::string& reason);
  // The payload that the store has under a key of Output.wanted_payloads; or that it could not be
  // read.
  void payload(Now now, const PacketKey& key, Result<std::optional<Content>> found);
  // The store's sweep has made tombstones of these.
  void swept(const EndedCounts& buried);

  // --- with other hosts (config.self is set) ---
  // Begins to drive these slots, of which it holds the rows: their live packets, and the records
  // of their owners. Owners that are lost by what is known *now* lose them; the others are
  // delivered them again.
  void drive(Now now, std::span<const SlotId> slots, ScannedSlots found);
  // Stops to drive them: no new decision on their packets; each comes in Output.released once
  // nothing of it is in flight, and its packets are forgotten then.
  void give_up(Now now, std::span<const SlotId> slots);
  bool drives(SlotId slot) const;
  // Records from the store or from others; the higher revision wins. What Output.wanted_* has named
  // and the store does not have comes as gone_members and gone_sessions.
  void learn(Now now, const Records& records);
  // The answer to a HeldQuery; or that the store could not be read.
  void held(Now now, uint64_t id, Result<std::vector<Packet>> packets);
  void receive(Now now, const HostLife& from, NodeMessage message);
  // A link to that host came up (anew): says all that it has to know.
  void link_up(Now now, const HostLife& peer);
  // The hosts of the view in their order, this one included. Sessions whose home is not among them
  // are adopted: `mine` says for which of them that is up to this host (it is kept and asked again
  // later), `silent` since when at least (on this host's clock) their home has renewed nothing.
  struct Dropped {
    HostLife home;
    Instant silent;
  };
  void view(Now now, std::span<const HostLife> hosts, std::span<const Dropped> dropped,
            const std::function<bool(const std::string& session)>& mine);
  // This host's own hold was last renewed then: leases that it grants end one lease after that at
  // the latest. Sessions that it does not have any more were handed to learn() before. `lives`:
  // every life, this one included, that may commit by what the same answer of the store says.
  void hold_renewed(Now now, Instant at, std::span<const HostLife> lives);
  // What stands in the store, one page (PoolStore::revisions) after the other. Answers whose newest
  // records are to be read: they are older here, or unknown, or (with the last page) have not been
  // among the pages.
  RecordNames compare(const RecordPage& page, bool first, bool last);
  // This host drives nothing and never will again, which is certified. May be repeated.
  void end_work(Now now);
  // Nothing is certified any more: all that was to be is durable, or never will be.
  bool certified() const;
  // For so many milliseconds the caller's session is safe from losing what it holds, if it is at
  // home here; the call counts as heard. 0: nothing can be promised.
  uint32_t promise(Now now, const Caller& caller);
  // Offers were sent on before their signatures were checked, so that the receiver works meanwhile:
  // a tick checks them, which a driver does as soon as what it was given has left.
  bool has_unchecked() const;
  // The answer to Output.wanted_heads, all that was committed before counted in; or that nobody can
  // tell.
  void heads(Now now, uint64_t id, const Result<LogHeads>& heads);
  // Makes durable what a call with this key was answered; replied to as a command, with the answer,
  // or with an error where that could not be.
  void keep(Now now, RequestId id, const Idempotency& key, ReplyBody answer);
  // Where a packet is kept, as far as is known here: it drives it, it was delivered here, or it was
  // read from the store a while ago.
  std::optional<Position> point_of(const PacketKey& key) const;

  // From now on new submits are refused with kDraining (with other hosts, not: what it drives until
  // they do is for this host to take), and waiting polls and awaits are answered.
  void begin_shutdown(Now now);

  Output take_output();
  bool has_output() const;
  // When tick() is due at the latest; kNever if nothing waits.
  Instant next_deadline() const;

  // --- queries ---
  std::optional<PacketView> find(const PacketKey& key) const;  // live packets only
  std::optional<MemberView> find_member(const MemberKey& key) const;
  // Of a session that is still remembered, ended or not.
  std::optional<SessionRecord> find_session(const std::string& id) const;
  // Sessions that are attached here and have not ended.
  size_t sessions_at_home() const;
  // Sorted by (namespace, id).
  std::vector<MemberView> members() const;
  // Those that stand, by name; of every namespace if it is empty.
  std::vector<DocumentPtr> documents(DocumentKind kind, std::string_view ns) const;
  std::optional<Explanation> explain(const PacketKey& key) const;
  // Those on the ring, sorted by (namespace, id). Walks every v-node.
  std::vector<RingMemberView> ring() const;
  // Where such a packet would start and who would get it, for `ring owner`.
  WalkView owner_walk(const OwnerQuery& query, Position* point) const;
  // What a change would move, if it came now; lists at most so many moves. Changes nothing.
  Result<Plan> plan(Now now, const PlanRequest& request, size_t most) const;
  const Placement& placement() const;
  const Stats& stats() const;
  Health health(Now now) const;
  uint64_t live_packets() const;
  // Is any write without an answer? A shutdown waits for none.
  size_t writes_in_flight() const;

  // Invariants I1, I3, I4 as far as one host's memory can tell; a sentence for each violation.
  // For the simulator; walks everything.
  std::vector<std::string> check() const;
  // Every live packet, in key order; for the simulator and the tests.
  std::vector<PacketView> live() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix
