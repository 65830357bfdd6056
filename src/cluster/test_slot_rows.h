// For tests: the rows of the slots as the store of a pool has them, in memory. A call may be
// carried out late, after its caller was told that its outcome is unknown; a release that was
// answered may be lost with the store's memory.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "store/pool_store.h"

namespace phoenix::testing_cluster {

class SlotRows {
 public:
  void enter(const HostLife& life) { calls_[life] = 0; }
  void fence(const HostLife& life) { fenced_.insert(life); }
  bool is_fenced(const HostLife& life) const {
    return fenced_.contains(life) || !calls_.contains(life);
  }
  const HostLife& holder(SlotId slot) const { return holders_[slot]; }

  std::vector<HeldSlot> read() const {
    std::vector<HeldSlot> rows;
    rows.reserve(kSlots);
    bool fenced = false;
    for (uint32_t id = 0; id < kSlots; ++id) {
      const HostLife& holder = holders_[id];
      if (holder.empty()) continue;
      if (rows.empty() || rows.back().holder != holder) fenced = is_fenced(holder);
      rows.push_back({static_cast<SlotId>(id), holder, fenced});
    }
    return rows;
  }

  // The number of a claim or release is taken when it is sent, not when it is carried out.
  uint64_t next_call(const HostLife& self) { return ++issued_[self]; }

  PoolStore::Claimed claim(const HostLife& self, uint64_t call, std::span<const SlotId> slots) {
    if (is_fenced(self)) return {.fenced = true, .slots = {}};
    PoolStore::Claimed claimed;
    if (!in_turn(self, call)) return claimed;
    unsynced_.clear();
    for (const SlotId id : slots) {
      HostLife& holder = holders_[id];
      if (!holder.empty() && holder != self && !is_fenced(holder)) continue;
      holder = self;
      claimed.slots.push_back(id);
    }
    return claimed;
  }

  void release(const HostLife& self, uint64_t call, std::span<const SlotId> slots) {
    if (is_fenced(self) || !in_turn(self, call)) return;
    for (const SlotId id : slots) {
      if (holders_[id] != self) continue;
      holders_[id] = {};
      unsynced_.emplace_back(id, self);
    }
  }

  // A beat, whose write is durable.
  void beat(const HostLife& self) {
    if (!is_fenced(self)) unsynced_.clear();
  }
  // The store falls over; how many rows are held again.
  size_t crash() {
    for (const auto& [slot, life] : unsynced_) holders_[slot] = life;
    return std::exchange(unsynced_, {}).size();
  }

 private:
  bool in_turn(const HostLife& self, uint64_t call) {
    if (call <= calls_[self]) return false;
    calls_[self] = call;
    return true;
  }

  std::vector<HostLife> holders_ = std::vector<HostLife>(kSlots);
  std::vector<std::pair<SlotId, HostLife>> unsynced_;  // releases that a crash loses
  std::set<HostLife> fenced_;
  std::map<HostLife, uint64_t> calls_;
  std::map<HostLife, uint64_t> issued_;
};

}  // namespace phoenix::testing_cluster
