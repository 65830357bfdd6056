// The packets that wait for room or for a capable member, in the order in which they get it: higher
// priority, then earlier deadline, then age. One queue a class, so that a member which gets room
// looks at one head per class that it can serve. Packets that wait for a time (backoff, notBefore)
// are not in here. Single-threaded.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "keeper/packet_table.h"
#include "packet/packet.h"
#include "ring/placement.h"

namespace phoenix {

struct ParkedEntry {
  int32_t minus_priority = 0;
  WallMs deadline = 0;  // none = the latest
  uint64_t age = 0;
  SlotNo slot = 0;
  uint32_t load = 1;
  auto operator<=>(const ParkedEntry&) const = default;
};
ParkedEntry parked_entry(const Slot& slot, SlotNo no);

class Parking {
 public:
  void add(const Slot& slot, SlotNo no);
  void remove(const Slot& slot, SlotNo no);
  // True if a packet of this class waits whose load is at most `load`: then nobody has room for it.
  bool blocked(ClassId cls, uint32_t load) const;
  // The first in order that fits `room`, among the classes that `serves` accepts. Looks at the
  // first kDepth of a class at most, so that one large packet does not hide the small ones.
  static constexpr int kDepth = 16;
  std::optional<SlotNo> best(uint32_t room, const std::function<bool(ClassId)>& serves) const;
  size_t size() const { return size_; }
  const std::map<ClassId, std::set<ParkedEntry>>& queues() const { return queues_; }

 private:
  std::map<ClassId, std::set<ParkedEntry>> queues_;  // none empty
  size_t size_ = 0;
};

}  // namespace phoenix
