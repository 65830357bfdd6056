// One machine of a pool: its name stays, its lives come and go. The driver of one Cluster at a
// time, over a store that all machines share and links to the others; keeps the duties that
// cluster.h puts on a driver. The world decides when a fault happens.
//
// machine.cc: its lives, requests, time; machine_store.cc: what it asks of the store;
// machine_view.cc: how it enters the view, stays in it, and takes others out. That part stands for
// the membership of hosts, which has a simulator of its own: here a host knows who is silent.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "cluster/cluster.h"
#include "ring/placement.h"
#include "sim/check/checks.h"
#include "sim/cluster/peer_links.h"
#include "sim/cluster/pool_rows.h"
#include "sim/cluster/store_line.h"
#include "sim/event_queue.h"
#include "sim/fault.h"
#include "sim/network.h"
#include "sim/trace.h"
#include "store/memory/memory_pool.h"

namespace phoenix::sim {

inline RingKey pool_ring_key() {
  RingKey key;
  for (size_t i = 0; i < key.bytes.size(); ++i) key.bytes[i] = static_cast<uint8_t>(i);
  return key;
}

// What the machines of one pool share.
struct PoolEnv {
  EventQueue& queue;
  Trace& trace;
  Checks& checks;
  PoolRows& rows;
  PoolFaultCounts& faults;
  PeerLinks& links;
  std::shared_ptr<MemoryPool> pool;
  // Hosts that know the same members keep their v-nodes once.
  RingKey ring_key = pool_ring_key();
  std::shared_ptr<RingCatalogue> catalogue = shared_catalogue(ring_key);
  Instant refuse_until{0};  // the store is full
  uint64_t lives = 0;       // of all machines
  uint64_t fresh = 0;       // ids given
  Instant disturbed{0};     // when something last went wrong or came right
  // Whom the machine of that number has reason to take for dead, by the links.
  std::function<std::vector<HostLife>(size_t)> silent{};
  std::function<void(const Caller&)> called{};  // a call has arrived
  void disturb() { disturbed = queue.now(); }
  // The store falls over, and is back at once.
  void crash_store() {
    rows.held_again(pool->crash());
    disturb();
  }
};

class Machine final : public Door, public PeerEnd {
 public:
  Machine(PoolEnv& env, size_t number, Prng prng);

  // --- Door ---
  Ticket arrive(Command command, Sink sink, PortionSink portions) override;
  void abandon(Ticket ticket) override;
  void close_stream(Ticket ticket, bool by_peer) override;

  // --- PeerEnd ---
  const HostLife& listens() const override { return serves_ ? life_ : nobody_; }
  bool stands_still() const override { return paused_; }
  void link_up(const HostLife& peer) override;
  void link_down(const HostLife& peer) override;
  void received(const HostLife& from, Parcel parcel) override;

  // --- its lives ---
  void start();
  // silent: nobody is told by a closed connection.
  void crash(bool silent);
  void pause(Duration length);
  // Hands over, leaves the view, ends.
  void leave();
  void set_clock(int64_t by_ms) { wall_skew_ms_ += by_ms; }
  // Takes that one for dead at its next look, though it may not be.
  void suspect(const std::string& host) { suspected_ = host; }
  StoreTrouble& trouble() { return trouble_; }
  const StoreTrouble& trouble() const { return trouble_; }

  const std::string& name() const { return name_; }
  size_t number() const { return number_; }
  const HostLife& life() const { return life_; }
  // In the view, as far as it knows, and it serves.
  bool serves() const { return serves_; }
  bool up() const { return running_; }
  bool paused() const { return paused_; }
  bool leaving() const { return leaving_; }
  const Cluster* cluster() const { return serves_ ? cluster_.get() : nullptr; }
  uint64_t steps() const { return steps_; }
  uint64_t fenced_lives() const { return fenced_lives_; }
  // How often it has left in order.
  uint64_t leaves() const { return leaves_; }
  uint64_t known_view() const { return view_.number; }
  WallMs wall() const;
  Now node_now() const;

 private:
  struct Open {
    std::shared_ptr<const Command> command;
    Sink sink;
    PortionSink portions;
  };
  struct Batch {
    uint64_t id = 0;
    std::vector<Group> groups;
    CommitResult result;
    bool given_up = false;  // nobody waits for its answer any more
  };

  // machine.cc
  template <class Action>
  void input(Action action) {
    if (!serves_) return;
    if (paused_) {
      postponed_.push_back(std::move(action));
      return;
    }
    action();
    ++steps_;
    if (serves_) drain();
  }
  void drain();
  void reply(const Reply& reply);
  void portion(const StreamPortion& portion);
  bool answered_before(const Command& command);
  bool done_elsewhere(const Command& command, const Reply& item);
  void end_life(bool silent);
  void resume();
  void arm_tick();
  void on_tick(uint64_t number);
  // Texts that are one line of the trace, one behind the other.
  template <class... Texts>
  void line(const Texts&... texts) {
    const std::array<std::string_view, sizeof...(texts) + 2> parts{name_, " ", texts...};
    env_.trace.line(env_.queue.now(), parts);
  }
  // Runs it as an input of this life, if that is still the one.
  std::function<void(bool)> in_this_life(std::function<void(bool)> action);

  // machine_store.cc
  void write_next();
  // Requires: there is one.
  PoolFault next_write_fault();
  void report(const std::shared_ptr<Batch>& batch, bool answered);
  bool would_all_happen(const std::vector<Group>& groups) const;
  void heard(const std::vector<Group>& groups);
  void read_heads(uint64_t id);
  void load(const PacketKey& key);
  void read_payload(const PacketKey& key);
  void resolve(uint64_t batch_id);
  void ask_pool(const PoolRequests& requests);
  void ask_slots(const PoolRequests& requests);
  void ask_records(const PoolRequests& requests);
  // One request of its kind at a time.
  void under_way(const std::string& kind);
  template <class Answer>
  void ask(const std::string& kind, std::function<Answer()> there,
           std::function<void(Result<Answer>)> back);

  // machine_view.cc
  void enter();
  void serve();
  void propose(std::function<bool(ViewSwap&, ClusterView&)> change,
               std::function<void(std::optional<SwapAnswer>)> then);
  void recover();
  void beat();
  void next_beat(uint64_t number);
  void on_beat(Instant sent, const Beat& beat);
  void look_for_dead(const Beat& beat);
  void go_on_leaving();
  bool take_view(const PoolView& view);

  PoolEnv& env_;
  size_t number_;
  std::string name_;
  Prng prng_;
  StoreTrouble trouble_;
  StoreLine writes_;
  StoreLine asks_;

  bool running_ = false;
  bool serves_ = false;  // the cluster is ready
  bool leaving_ = false;
  HostLife nobody_;
  HostLife life_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<MemoryPoolStore> beats_;
  Duration clock_offset_;
  int64_t drift_ppm_ = 0;
  int64_t wall_skew_ms_ = 0;
  uint64_t steps_ = 0;
  uint64_t fenced_lives_ = 0;
  uint64_t leaves_ = 0;

  ClusterView view_;
  std::string suspected_;
  bool proposing_ = false;
  bool beating_ = false;
  uint64_t beat_number_ = 0;  // of the next that is due by time

  RequestId next_request_ = 1;
  std::map<RequestId, Open> open_;
  bool paused_ = false;
  std::vector<std::function<void()>> postponed_;
  Instant tick_at_ = kNever;
  uint64_t tick_number_ = 0;

  std::deque<Group> to_write_;
  bool writing_ = false;
  uint64_t next_batch_ = 1;
  std::map<uint64_t, std::vector<Group>> unknown_;  // by batch
  std::multiset<Digest> answers_open_;              // kept answers that the node has not heard of
  std::set<std::string> asked_;                     // kinds of requests that are under way
};

std::string encode_view(const ClusterView& view);
ClusterView decode_view(const PoolView& view);

}  // namespace phoenix::sim
