// One host among several: a Node, and around it what makes many of them one system. Which slots
// this host should drive and which it holds, where a call has to be carried out, what was sent to
// whom and not answered yet. A pure state machine like the Node; the daemon and the simulator drive
// the very same code.
//
//   inputs   what a Node takes from clients, time and store, and beside it
//            D  link_up, link_down, received       the other hosts
//            E  view, beat, slots, claimed, ...     the pool's rows (PoolStore)
//   output   what a Node puts out, messages to hosts, and requests to the PoolStore
//
// Duties of a driver, beside the Node's:
//   - Messages to a host go in order over one link, or are dropped with it.
//   - Requests to the pool are answered each exactly once, also when the store cannot be reached
//     (then they are asked again later); requests of one kind are never under way twice.
//   - When Output.fenced is set, this life is over: the driver drops this object, tells whoever
//     waits to try again, and starts another life.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/host_life.h"
#include "cluster/peer_message.h"
#include "cluster/slots.h"
#include "node/node.h"
#include "store/pool_store.h"

namespace phoenix {

struct ClusterConfig {
  NodeConfig node;                  // node.self is this life
  bool has_store = true;            // false: a gateway, which drives no slot
  size_t records_in_page = 10'000;  // that are compared with the store at a time
};

struct CompareQuery {
  RecordPlace after;
  size_t most = 0;
};

// What is asked of the PoolStore. One of each kind may be under way at a time.
struct PoolRequests {
  bool beat = false;               // soon: somebody knows a newer view -> beat()
  bool read_slots = false;         // -> slots()
  std::vector<SlotId> claim;       // -> claimed()
  std::vector<SlotId> release;     // -> released()
  std::vector<SlotId> scan;        // -> scanned()
  std::vector<HostLife> homes;     // -> home_records(), one for each
  std::vector<MemberKey> members;  // -> records(), with `sessions`
  std::vector<std::string> sessions;
  std::optional<CompareQuery> compare;  // PoolStore::revisions -> compared()
  std::vector<HeldQuery> held;          // -> held(), one for each
  bool empty() const {
    return !beat && !read_slots && claim.empty() && release.empty() && scan.empty() &&
           homes.empty() && members.empty() && sessions.empty() && !compare && held.empty();
  }
};

struct PeerMessageOut {
  HostLife to;
  PeerMessage message;
};

struct ClusterOutput {
  // Of which messages, released and wanted_* are empty, wanted_heads excepted: those are carried
  // out here.
  Output node;
  std::vector<PeerMessageOut> messages;
  PoolRequests pool;
  bool fenced = false;
  bool others_wrote = false;  // the store's log of events may have grown by others
};

class Cluster {
 public:
  explicit Cluster(const ClusterConfig& config);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // What the store has, then ready(). With other hosts: of all members and sessions; packets come
  // by scans.
  void recover(MemberRecord record);
  void recover(SessionRecord record);
  void recover(Packet packet);
  void recover(Document document);
  void recover_ended(const EndedCounts& kept);
  void recover_incarnation_floor(uint64_t floor);
  void ready(Now now);

  // --- clients, time, store: as of Node ---
  void command(Now now, Command command);
  void abandon(Now now, RequestId id);
  void stream_closed(Now now, RequestId stream, bool by_peer);
  void tick(Now now);
  void completed(Now now, uint64_t batch_id, std::span<const uint64_t> group_ids,
                 const CommitResult& result);
  void resolved(Now now, uint64_t batch_id, Resolution resolution);
  void loaded(Now now, const PacketKey& key, Result<PacketLookup> lookup);
  void payload(Now now, const PacketKey& key, Result<std::optional<Content>> found);
  void heads(Now now, uint64_t id, const Result<LogHeads>& heads);
  void note(Now now, HostNote note);
  void refused(Now now, const Caller& caller, const std::string& reason);
  void swept(const EndedCounts& buried);
  // Leaves: gives its slots up, as soon as a view without weight for it names who takes them over;
  // left() once it drives none, nothing is in flight, and that is certified, or does not come to be
  // within 2 s.
  void begin_leave(Now now);
  bool left() const;
  void begin_shutdown(Now now);

  // --- other hosts ---
  void link_up(Now now, const HostLife& peer);
  void link_down(Now now, const HostLife& peer);
  void received(Now now, const HostLife& from, PeerMessage message);
  // A call of the output was too long for the link: who made it is answered with this.
  void not_sent(Now now, const HostLife& to, uint64_t call, Error error);

  // --- the pool's rows ---
  // The newest view, whenever it changes.
  void view(Now now, const ClusterView& view);
  // The answer to a beat that was sent at `sent` (this host's clock): the hold counts from then.
  void beat(Now now, Instant sent, const Beat& beat);
  void slots(Now now, Result<std::vector<HeldSlot>> rows);
  void claimed(Now now, Result<PoolStore::Claimed> claimed);
  void released(Now now, Result<bool> done);
  void scanned(Now now, Result<ScannedSlots> found);
  void home_records(Now now, const HostLife& home, Result<PoolStore::HomeRecords> records);
  void records(Now now, Result<PoolStore::HomeRecords> records);
  void compared(Now now, const Result<RecordPage>& page);
  // All documents of the pool, read after a beat that told of changes.
  void documents(Now now, std::vector<Document> all);
  void held(Now now, uint64_t id, Result<std::vector<Packet>> packets);

  ClusterOutput take_output();
  bool has_output() const;
  Instant next_deadline() const;

  // --- queries ---
  bool alone() const;
  const Node& node() const;
  SlotCounts slot_counts() const;
  // Who should keep such a packet by the newest view; empty: nobody.
  HostLife keeper_of(Position point) const;
  // The newest view that this host follows; number 0 before the first.
  const ClusterView& view() const;
  // The other hosts to which there is a link.
  std::vector<HostLife> linked() const;
  Health health(Now now) const;
  // Live packets by status, terminal ones 0: of this host and, as they last told, of the others.
  std::array<uint64_t, kStatuses> live_packets() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix
