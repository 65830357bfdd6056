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
#include "node/command.h"
#include "node/plan.h"
#include "node/stats.h"
#include "ring/placement.h"
#include "ring/show/walk.h"
#include "store/store.h"

namespace phoenix {

struct NodeConfig {
  std::string host = "host";
  RingKey ring_key;
  uint64_t run = 1;     // which life of this host; grows at each start
  uint32_t window = 8;  // k of placement
  uint64_t max_live_packets = 1'000'000;
  uint64_t max_members = 100'000;
  uint32_t max_waiting = 65'536;  // parked polls and awaits
};

struct Output {
  std::vector<Group> groups;       // to the store, in order
  std::vector<PacketKey> loads;    // read these from the store, answer by loaded()
  std::vector<uint64_t> resolves;  // batches whose outcome is unknown: Store::resolve
  std::vector<Reply> replies;
  std::vector<StreamPortion> portions;
  bool empty() const {
    return groups.empty() && loads.empty() && resolves.empty() && replies.empty() &&
           portions.empty();
  }
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
  // The store's sweep has made tombstones of these.
  void swept(const EndedCounts& buried);
  // New submits are refused with kDraining from now on, waiting polls and awaits are answered.
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
  // Sorted by (namespace, id).
  std::vector<MemberView> members() const;
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
