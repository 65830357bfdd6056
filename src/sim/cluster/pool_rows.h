// What stands in the pool's rows, kept apart from the store: the view, which lives are fenced, who
// holds which slot. Every request that the store has carried out is told here, and held against
// what must be: a slot has one holder, only its holder or a fence ends that, and only the holder
// writes what falls into it (I1).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/host_life.h"
#include "ring/point.h"
#include "sim/check/shadow.h"
#include "store/pool_store.h"

namespace phoenix::sim {

class PoolRows {
 public:
  explicit PoolRows(Complain complain) : complain_(std::move(complain)) {}

  // --- what the store has done ---
  void swapped(const ViewSwap& swap, const SwapAnswer& answer);
  // `call`: the number of a life's call about slots; one behind a later one does nothing.
  void claimed(const HostLife& self, uint64_t call, std::span<const SlotId> slots);
  void released(const HostLife& self, uint64_t call, std::span<const SlotId> slots);
  // The store fell over, and releases are lost with which these were cleared.
  void held_again(std::span<const HeldSlot> rows);
  void committed(const HostLife& self, std::span<const Group> groups,
                 const std::vector<bool>& truth);
  void granted_hold(const HostLife& self);

  // --- what stands ---
  bool fenced(const HostLife& life) const {
    return !entered_.contains(life) || left_.contains(life);
  }
  // Empty: nobody.
  const HostLife& holder(SlotId slot) const { return holders_[slot]; }
  uint64_t number() const { return number_; }
  uint64_t fences() const { return left_.size(); }
  uint64_t slot_moves() const { return moves_; }
  uint64_t lost_releases() const { return lost_; }  // of one slot each

 private:
  Complain complain_;
  uint64_t number_ = 0;
  std::set<HostLife> entered_;
  std::set<HostLife> left_;
  std::vector<HostLife> holders_ = std::vector<HostLife>(kSlots);
  std::map<HostLife, uint64_t> calls_;
  uint64_t moves_ = 0;
  uint64_t lost_ = 0;
};

std::string text_of(const HostLife& life);

}  // namespace phoenix::sim
