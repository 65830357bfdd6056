// The live packets of a host: heads and what is soft of them, found by key. Slots are dense
// numbers, stable while the packet is live and given again afterwards; `life` tells two uses of one
// slot apart. Single-threaded.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/siphash.h"
#include "base/time.h"
#include "packet/packet.h"
#include "ring/placement.h"

namespace phoenix {

using SlotNo = uint32_t;
inline constexpr SlotNo kNoSlot = ~uint32_t{0};

// In the order in which they are used together: one packet more costs two cache lines.
struct Slot {
  PacketPtr head;  // newest durable head; of a packet being created: the wanted one
  ClassId cls = 0;
  uint32_t owner = ~uint32_t{0};  // member number; ~0: nobody
  uint32_t held_index = 0;        // in its owner's list
  uint32_t life = 0;              // how often the slot has been given
  uint32_t hash = 0;              // of its key
  ParkReason parked = ParkReason::kNoCapableMember;
  bool used : 1 = false;
  bool coming : 1 = false;      // not durable yet: invisible to everybody but the same key
  bool busy : 1 = false;        // a write is on its way
  bool delivered : 1 = false;   // this epoch, to its owner
  bool started : 1 = false;     // RUNNING
  bool ran_before : 1 = false;  // an earlier epoch was delivered
  bool queued : 1 = false;      // in the parking queue
  bool lost : 1 = false;
  bool leaving : 1 = false;  // its slot is given up: nothing new is decided
  bool told : 1 = false;     // its owner's home, another host, was told of this epoch
  // Its owner may have it in hand: an earlier home of his, or an earlier keeper, may have handed it
  // over, and nobody is left to ask.
  bool maybe : 1 = false;
  uint8_t turns : 2 = 0;        // homes that turned it away, one after the other
  uint64_t outbox = 0;          // position at the owner's session; 0: none
  Instant unsaved_since;        // if `delivered`: that, or the last checkpoint since
  Instant last_call;            // the owner's last accepted call, for the ownership gap
  Instant wait_until = kNever;  // backoff
  Instant timeout_at = kNever;  // of the attempt, in time without the host's pauses
  uint64_t age = 0;             // order of creation
  Instant lost_at;              // when the last owner was lost, if `lost`
  WallMs parked_since = 0;
  Instant ticket_until;  // no ticket of its owner, or of the last one, is good after that
};

class PacketTable {
 public:
  explicit PacketTable(const RingKey& key) : key_(key) {}

  // Requires: no slot has this key.
  SlotNo add(PacketPtr head, ClassId cls);
  void drop(SlotNo no);
  SlotNo find(const PacketKey& key) const;  // kNoSlot: none
  // Many at once, which waits for memory once and not once a key. Requires: as many of both.
  void find(std::span<const PacketKey* const> keys, std::span<SlotNo> found) const;

  // Asks for what is read of a packet when it is shown or changed, so that it is there a little
  // later: first the slot, then its head.
  void fetch_slot(SlotNo no) const {
    const char* const slot = reinterpret_cast<const char*>(&(*this)[no]);
    __builtin_prefetch(slot);
    __builtin_prefetch(slot + 64);
  }
  void fetch_head(SlotNo no) const;

  Slot& operator[](SlotNo no) { return chunks_[no / kChunk][no % kChunk]; }
  const Slot& operator[](SlotNo no) const { return chunks_[no / kChunk][no % kChunk]; }
  size_t size() const { return count_; }
  SlotNo end() const { return end_; }  // all slots are below

 private:
  // Open addressing; an entry is (high hash bits, slot + 1), 0 = free.
  uint32_t hash(const PacketKey& key) const {
    return static_cast<uint32_t>(siphash13(key_, key.text()) >> 32);
  }
  SlotNo find(const PacketKey& key, uint32_t hash) const;
  void insert(uint32_t hash, SlotNo no);
  void grow();

  static constexpr SlotNo kChunk = 1024;

  RingKey key_;                                  // so that nobody outside can choose colliding ids
  std::vector<std::unique_ptr<Slot[]>> chunks_;  // slots never move
  SlotNo end_ = 0;
  std::vector<SlotNo> free_;
  std::vector<uint64_t> index_;
  size_t count_ = 0;
  uint64_t next_age_ = 0;
};

}  // namespace phoenix
