// The driver of one Node over a store in memory: what the daemon does with threads and files, here
// by events. Group commit with delays, faults of the store, crash and restart of the host, pauses.
// Keeps the duties that node.h puts on a driver; the world decides when a fault happens.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"
#include "node/node.h"
#include "sim/check/checks.h"
#include "sim/event_queue.h"
#include "sim/fault.h"
#include "sim/network.h"
#include "sim/trace.h"
#include "store/memory/memory_store.h"

namespace phoenix::sim {

class Host final : public Door {
 public:
  Host(EventQueue& queue, Trace& trace, Checks& checks, FaultCounts& faults, Prng prng);

  // --- requests; they arrive now ---
  Ticket arrive(Command command, Sink sink, PortionSink portions) override;
  void abandon(Ticket ticket) override;
  void close_stream(Ticket ticket, bool by_peer) override;

  // --- life of the host ---
  void start();
  void crash();
  void begin_shutdown();
  void pause(Duration length);

  // --- life of the store ---
  // A fault for the next batches; kStoreRefuse and kStoreHeld last `length`.
  void break_store(Fault fault, Duration length);
  void heal_store();

  bool up() const { return node_ != nullptr; }
  bool calm() const { return up() && !paused_ && !store_broken() && !shutting_down_; }
  Node* node() { return node_.get(); }
  MemoryStore& store() { return store_; }
  uint64_t run() const { return run_; }
  uint64_t steps() const { return steps_; }
  // Visits of each row of the transition table, in all lives.
  std::array<uint64_t, kLifecycleRows> row_visits() const;
  WallMs wall() const { return kWallStart + wall_skew_ms_ + queue_.now().ns / 1'000'000; }
  void set_clock(int64_t by_ms);
  std::string fresh_id(std::string_view prefix);

 private:
  struct Open {
    std::shared_ptr<const Command> command;
    Sink sink;
    PortionSink portions;
  };
  struct Batch {
    uint64_t id = 0;
    std::vector<Group> groups;
    std::optional<Fault> fault;
    std::vector<bool> truth;  // was it really taken, whatever is answered
  };

  Now node_now() const;
  bool store_broken() const;
  // Runs an input of the node now, or when the pause is over; not at all after a crash.
  void input(std::function<void()> action);
  void drain();
  void reply(const Reply& reply);
  template <class Read, class Give>
  void read_of(const PacketKey& key, const char* what, Read read, Give give);
  void load(const PacketKey& key);
  void read_payload(const PacketKey& key);
  void read_heads(uint64_t id);
  void resolve(uint64_t batch_id);
  void write_next();
  void report(const std::shared_ptr<Batch>& batch, CommitResult result);
  CommitResult apply_with_fault(Batch& batch);
  void make_durable();
  void heard(const Group& group);
  void arm_tick();
  void on_tick(uint64_t number);
  void resume();
  bool answered_before(const Command& command, const Sink& sink);

  EventQueue& queue_;
  Trace& trace_;
  Checks& checks_;
  FaultCounts& faults_;
  Prng prng_;
  MemoryStore store_;
  std::unique_ptr<Node> node_;
  uint64_t run_ = 0;
  Duration clock_offset_;  // this life's monotonic clock starts somewhere else
  int64_t wall_skew_ms_ = 0;
  uint64_t steps_ = 0;
  std::array<uint64_t, kLifecycleRows> past_rows_{};  // of the lives that are over
  uint64_t next_fresh_ = 1;
  RequestId next_request_ = 1;
  std::map<RequestId, Open> open_;
  bool shutting_down_ = false;

  bool paused_ = false;
  std::vector<std::function<void()>> postponed_;

  Instant tick_at_ = kNever;
  uint64_t tick_number_ = 0;

  std::deque<Group> to_write_;
  bool writing_ = false;
  std::shared_ptr<Batch> unsynced_;  // it is written, and a crash would take it back
  uint64_t next_batch_ = 1;
  std::map<uint64_t, std::vector<Group>> unknown_;  // by batch
  std::multiset<Digest> answers_open_;  // scopes of kept answers that the node has not heard of
  std::vector<Fault> store_faults_;     // for one batch each, in order
  Instant refuse_until_{0};
  Instant held_until_{0};
};

}  // namespace phoenix::sim
