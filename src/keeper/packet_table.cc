#include "keeper/packet_table.h"

namespace phoenix {

SlotNo PacketTable::add(PacketPtr head, ClassId cls) {
  SlotNo no = static_cast<SlotNo>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    no = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[no];
  const uint32_t life = slot.life + 1;
  slot = Slot{};
  slot.life = life;
  slot.age = ++next_age_;
  slot.used = true;
  slot.cls = cls;
  slot.head = std::move(head);
  if ((count_ + 1) * 10 > index_.size() * 7) grow();
  insert(hash(slot.head->key), no);
  ++count_;
  return no;
}

void PacketTable::insert(uint32_t hash, SlotNo no) {
  const size_t mask = index_.size() - 1;
  size_t at = hash & mask;
  while (index_[at] != 0) at = (at + 1) & mask;
  index_[at] = uint64_t{hash} << 32 | (no + 1);
}

void PacketTable::grow() {
  std::vector<uint64_t> old(index_.empty() ? 1024 : index_.size() * 2);
  old.swap(index_);
  for (const uint64_t entry : old) {
    if (entry != 0) {
      insert(static_cast<uint32_t>(entry >> 32), static_cast<uint32_t>(entry) - 1);
    }
  }
}

SlotNo PacketTable::find(const PacketKey& key) const {
  if (index_.empty()) return kNoSlot;
  const uint32_t wanted = hash(key);
  const size_t mask = index_.size() - 1;
  for (size_t at = wanted & mask; index_[at] != 0; at = (at + 1) & mask) {
    if (static_cast<uint32_t>(index_[at] >> 32) != wanted) continue;
    const SlotNo no = static_cast<uint32_t>(index_[at]) - 1;
    if (slots_[no].head->key == key) return no;
  }
  return kNoSlot;
}

void PacketTable::drop(SlotNo no) {
  Slot& slot = slots_[no];
  const size_t mask = index_.size() - 1;
  size_t at = hash(slot.head->key) & mask;
  while (static_cast<uint32_t>(index_[at]) != no + 1) at = (at + 1) & mask;
  // Close the gap: move back every entry that may stand nearer to its place.
  for (size_t next = (at + 1) & mask; index_[next] != 0; next = (next + 1) & mask) {
    const size_t home = (index_[next] >> 32) & mask;
    if (((next - home) & mask) >= ((next - at) & mask)) {
      index_[at] = index_[next];
      at = next;
    }
  }
  index_[at] = 0;
  slot.head.reset();
  slot.used = false;
  free_.push_back(no);
  --count_;
}

}  // namespace phoenix
