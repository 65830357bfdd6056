#include "keeper/parking.h"

#include <limits>

namespace phoenix {

ParkedEntry parked_entry(const Slot& slot, SlotNo no) {
  const PacketSpec& spec = *slot.head->spec;
  ParkedEntry entry;
  entry.minus_priority = -spec.priority;
  entry.deadline = spec.deadline == kNoWall ? std::numeric_limits<WallMs>::max() : spec.deadline;
  entry.age = slot.age;
  entry.slot = no;
  entry.load = spec.load;
  return entry;
}

void Parking::add(const Slot& slot, SlotNo no) {
  if (queues_[slot.cls].insert(parked_entry(slot, no)).second) ++size_;
}

void Parking::remove(const Slot& slot, SlotNo no) {
  const auto it = queues_.find(slot.cls);
  if (it == queues_.end()) return;
  size_ -= it->second.erase(parked_entry(slot, no));
  if (it->second.empty()) queues_.erase(it);
}

bool Parking::blocked(ClassId cls, uint32_t load) const {
  const auto it = queues_.find(cls);
  return it != queues_.end() && it->second.begin()->load <= load;
}

std::optional<SlotNo> Parking::best(uint32_t room,
                                    const std::function<bool(ClassId)>& serves) const {
  const ParkedEntry* best = nullptr;
  for (const auto& [cls, queue] : queues_) {
    int depth = 0;
    for (auto it = queue.begin(); it != queue.end() && depth < kDepth; ++it, ++depth) {
      if (best != nullptr && !(*it < *best)) break;
      if (it->load > room) continue;
      if (serves(cls)) best = &*it;
      break;
    }
  }
  if (best == nullptr) return std::nullopt;
  return best->slot;
}

}  // namespace phoenix
