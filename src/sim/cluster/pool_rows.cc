#include "sim/cluster/pool_rows.h"

#include <fmt/format.h>

#include <algorithm>

namespace phoenix::sim {

std::string text_of(const HostLife& life) {
  return life.empty() ? "nobody" : fmt::format("{}/{}", life.host, life.life);
}

void PoolRows::swapped(const ViewSwap& swap, const SwapAnswer& answer) {
  if (answer.outcome != SwapOutcome::kDone) return;
  if (swap.expected != number_) {
    complain_(Invariant::kOneOwner, fmt::format("view {} was replaced by a swap that expected {}",
                                                number_, swap.expected));
  }
  number_ = swap.expected + 1;
  for (const HostLife& life : swap.enter) {
    if (left_.contains(life)) {
      complain_(Invariant::kOneOwner, text_of(life) + " is in the view again, though fenced");
    }
    entered_.insert(life);
  }
  if (fenced(swap.proposer)) {
    complain_(Invariant::kOneOwner, text_of(swap.proposer) + " is fenced and changed the view");
  }
  for (const HostLife& life : swap.leave) {
    if (entered_.contains(life)) left_.insert(life);
  }
}

void PoolRows::claimed(const HostLife& self, uint64_t call, std::span<const SlotId> slots) {
  calls_[self] = std::max(calls_[self], call);
  if (!slots.empty() && fenced(self)) {
    complain_(Invariant::kOneOwner, text_of(self) + " is fenced and claimed slots");
  }
  for (SlotId slot : slots) {
    HostLife& holder = holders_[slot];
    if (holder == self) continue;
    if (!holder.empty() && !fenced(holder)) {
      complain_(Invariant::kOneOwner,
                fmt::format("slot {} of {} was given to {}", slot, text_of(holder), text_of(self)));
    }
    ++moves_;
    holder = self;
  }
}

void PoolRows::released(const HostLife& self, uint64_t call, std::span<const SlotId> slots) {
  uint64_t& newest = calls_[self];
  if (call < newest) return;
  newest = call;
  for (SlotId slot : slots) {
    if (holders_[slot] == self) holders_[slot] = HostLife{};
  }
}

void PoolRows::held_again(std::span<const HeldSlot> rows) {
  for (const HeldSlot& row : rows) {
    HostLife& holder = holders_[row.slot];
    if (!holder.empty()) {
      complain_(Invariant::kOneOwner,
                fmt::format("slot {} was claimed by {}, and its release by {} was lost after that",
                            row.slot, text_of(holder), text_of(row.holder)));
    }
    holder = row.holder;
    ++lost_;
  }
}

void PoolRows::committed(const HostLife& self, std::span<const Group> groups,
                         const std::vector<bool>& truth) {
  for (size_t i = 0; i < groups.size(); ++i) {
    if (!truth[i]) continue;
    if (fenced(self)) {
      complain_(Invariant::kOneOwner, text_of(self) + " is fenced and was let write");
    }
    for (const Op& op : groups[i].ops) {
      const auto* put = std::get_if<PutPacket>(&op);
      if (put == nullptr) continue;
      const SlotId slot = slot_of(put->head->point);
      if (holders_[slot] == self) continue;
      complain_(Invariant::kOneOwner,
                fmt::format("{} wrote {}, whose slot {} is held by {}", text_of(self),
                            put->head->key.id(), slot, text_of(holders_[slot])));
    }
  }
}

void PoolRows::granted_hold(const HostLife& self) {
  if (fenced(self)) complain_(Invariant::kOneOwner, text_of(self) + " is fenced and got a hold");
}

}  // namespace phoenix::sim
