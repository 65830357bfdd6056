// A store that several hosts share, without a disk: the server's part, and the two handles that a
// host has to it, a Store and a PoolStore. For the simulator and for tests.
//
// Every call is one step that takes no time: it happens whole, at `clock`, which only its holder
// sets and which never goes back. Nothing fails by itself: that a request does not arrive, arrives
// late, or that its answer is lost, is for the holder to play (do not call, call later, do not hand
// on what came back); a commit's fate can also be planned. Nothing is lost but what crash() says.
// Deterministic: ordered containers, no chance.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/host_life.h"
#include "base/time.h"
#include "store/memory/image.h"
#include "store/memory/memory_store.h"
#include "store/pool_store.h"
#include "store/store.h"

namespace phoenix {

class MemoryPool {
 public:
  MemoryPool();
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // The store's clock. Atomic only so that tests with threads may set it.
  std::atomic<int64_t> clock_ns{0};

  // What an empty `self` commits is not fenced.
  CommitResult commit(const HostLife& self, uint64_t batch_id, std::span<const Group> groups,
                      const CommitPlan& chosen = {});
  Resolution resolve(const HostLife& self, uint64_t batch_id);

  // As PoolStore; `told` are the sessions of which the last answer told that arrived.
  Beat beat(const HostLife& self, uint64_t known_number, std::span<const LeftSession> told);
  Result<SwapAnswer> swap_view(const ViewSwap& swap);
  std::vector<HeldSlot> held_slots() const;
  // `call` numbers those of a life; one that arrives after a higher one does nothing.
  PoolStore::Claimed claim_slots(const HostLife& self, uint64_t call,
                                 std::span<const SlotId> slots);
  void release_slots(const HostLife& self, uint64_t call, std::span<const SlotId> slots);
  // The server falls over and comes back at once: releases behind which nothing was written are
  // lost. Answers which, by whom they are held again. Their numbers stay taken, for calls that were
  // under way do not outlive their sessions.
  std::vector<HeldSlot> crash();
  ScannedSlots scan(std::span<const SlotId> slots) const;
  std::vector<Packet> owned_by(std::span<const MemberKey> members) const;
  PoolStore::HomeRecords at_home(const HostLife& home) const;
  PoolStore::HomeRecords records(std::span<const MemberKey> members,
                                 std::span<const std::string> sessions) const;
  RecordPage revisions(const RecordPlace& after, size_t most) const;

  // --- for whoever checks what stands ---
  PoolView view() const;
  bool fenced(const HostLife& life) const;  // or without a row
  MemoryImage snapshot() const;             // shares what is immutable

 private:
  friend class MemoryHostStore;
  struct HostRow {
    Instant renewed;
    bool fenced = false;
    Instant fenced_at;
    uint64_t slot_call = 0;  // the newest of its calls about slots
  };
  Instant now() const { return {clock_ns.load()}; }
  bool alive(const HostLife& life) const;
  bool in_order(const HostLife& self, uint64_t call);
  void add_owners(ScannedSlots& found, const Packet& packet, std::set<std::string>& members,
                  std::set<std::string>& sessions) const;
  bool apply(const HostLife& self, const Group& group);

  std::shared_ptr<struct MemoryShared> shared_;  // its mutex guards all that follows too
  PoolView view_;
  std::map<HostLife, HostRow> hosts_;
  std::set<HostLife> out_of_view_;  // and not fenced: only by a planted bug
  std::map<SlotId, HostLife> slots_;
  std::vector<std::pair<SlotId, HostLife>> unsynced_;      // releases that a crash loses
  std::map<std::pair<HostLife, uint64_t>, bool> batches_;  // applied; else a tombstone
  // By home that they left: session -> its revision then.
  std::map<HostLife, std::map<std::string, uint64_t>> left_;
};

// One host's Store. Packets are not recovered by a host that has a life: it scans for them.
class MemoryHostStore final : public Store {
 public:
  MemoryHostStore(std::shared_ptr<MemoryPool> pool, HostLife self);
  ~MemoryHostStore() override;

  // Asked at every commit; none: all goes well. `hold_sync` has no effect.
  std::function<CommitPlan(uint64_t batch_id, std::span<const Group> groups)> plan;

  CommitResult commit(uint64_t batch_id, std::span<const Group> groups) override;
  Resolution resolve(uint64_t batch_id) override;
  Result<bool> recover(const RecoverSink& sink) override;
  Result<std::optional<std::string>> fact(const std::string& name) override;
  Result<bool> set_fact(const std::string& name, const std::string& value) override;
  Result<Swept> sweep(const SweepLimits& limits) override;
  Result<std::unique_ptr<Reader>> reader() override;
  StoreCapabilities capabilities() const override;

 private:
  std::shared_ptr<MemoryPool> pool_;
  HostLife self_;
};

class MemoryPoolStore final : public PoolStore {
 public:
  explicit MemoryPoolStore(std::shared_ptr<MemoryPool> pool) : pool_(std::move(pool)) {}

  // The answer to the last beat never came: what it told of is told again.
  void lose_beat() { told_.clear(); }
  // For a claim or release that arrives later than it was sent: its number, taken when it is sent,
  // for the server's own call when it arrives.
  uint64_t next_slot_call() { return ++calls_; }

  Result<Beat> beat(const HostLife& self, uint64_t known_number) override;
  Result<SwapAnswer> swap_view(const ViewSwap& swap) override { return pool_->swap_view(swap); }
  Result<std::vector<HeldSlot>> held_slots() override { return pool_->held_slots(); }
  Result<Claimed> claim_slots(const HostLife& self, std::span<const SlotId> slots) override {
    return pool_->claim_slots(self, ++calls_, slots);
  }
  Result<bool> release_slots(const HostLife& self, std::span<const SlotId> slots) override {
    pool_->release_slots(self, ++calls_, slots);
    return true;
  }
  Result<ScannedSlots> scan(std::span<const SlotId> slots) override { return pool_->scan(slots); }
  Result<std::vector<Packet>> owned_by(std::span<const MemberKey> members) override {
    return pool_->owned_by(members);
  }
  Result<std::vector<Document>> documents() override;
  Result<HomeRecords> at_home(const HostLife& home) override { return pool_->at_home(home); }
  Result<HomeRecords> records(std::span<const MemberKey> members,
                              std::span<const std::string> sessions) override {
    return pool_->records(members, sessions);
  }
  Result<RecordPage> revisions(const RecordPlace& after, size_t most) override {
    return pool_->revisions(after, most);
  }

 private:
  std::shared_ptr<MemoryPool> pool_;
  std::vector<LeftSession> told_;
  uint64_t calls_ = 0;  // about slots
};

}  // namespace phoenix
