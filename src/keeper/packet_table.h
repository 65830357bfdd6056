// The live packets of a host: heads and what is soft of them, found by key. Slots are dense
// numbers, stable while the packet is live and given again afterwards; `life` tells two uses of one
// slot apart. Single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "base/siphash.h"
#include "base/time.h"
#include "packet/packet.h"
#include "ring/placement.h"

namespace phoenix {

using SlotNo = uint32_t;
inline constexpr SlotNo kNoSlot = ~uint32_t{0};

struct Slot {
  PacketPtr head;  // newest durable head; of a packet being created: the wanted one
  ClassId cls = 0;
  uint32_t owner = ~uint32_t{0};  // member number; ~0: nobody
  uint32_t held_index = 0;        // in its owner's list
  uint32_t life = 0;              // how often the slot has been given
  uint64_t age = 0;               // order of creation
  uint64_t outbox = 0;            // position at the owner's session; 0: none
  Instant delivered_at;           // first delivery of this epoch, if `delivered`
  Instant last_call;              // the owner's last accepted call, for the ownership gap
  Instant lost_at;                // when the last owner was lost, if `lost`
  Instant wait_until = kNever;    // backoff
  Instant timeout_at = kNever;    // of the attempt, in time without the host's pauses
  WallMs parked_since = 0;
  ParkReason parked = ParkReason::kNoCapableMember;
  bool used = false;
  bool coming = false;      // not durable yet: invisible to everybody but the same key
  bool busy = false;        // a write is on its way
  bool delivered = false;   // this epoch, to its owner
  bool started = false;     // RUNNING
  bool ran_before = false;  // an earlier epoch was delivered
  bool queued = false;      // in the parking queue
  bool lost = false;
};

class PacketTable {
 public:
  explicit PacketTable(const RingKey& key) : key_(key) {}

  // Requires: no slot has this key.
  SlotNo add(PacketPtr head, ClassId cls);
  void drop(SlotNo no);
  SlotNo find(const PacketKey& key) const;  // kNoSlot: none

  Slot& operator[](SlotNo no) { return slots_[no]; }
  const Slot& operator[](SlotNo no) const { return slots_[no]; }
  size_t size() const { return count_; }
  SlotNo end() const { return static_cast<SlotNo>(slots_.size()); }  // all slots are below

 private:
  // Open addressing; an entry is (high hash bits, slot + 1), 0 = free.
  uint32_t hash(const PacketKey& key) const {
    return static_cast<uint32_t>(siphash13(key_, key.text()) >> 32);
  }
  void insert(uint32_t hash, SlotNo no);
  void grow();

  RingKey key_;  // so that nobody outside can choose colliding ids
  std::deque<Slot> slots_;
  std::vector<SlotNo> free_;
  std::vector<uint64_t> index_;
  size_t count_ = 0;
  uint64_t next_age_ = 0;
};

}  // namespace phoenix
