#include "keeper/packet_table.h"

#include <algorithm>
#include <array>

namespace phoenix {

namespace {

// With the 16 bytes before it, where a shared object is counted.
void fetch(const void* object, size_t size) {
  const char* const begin = static_cast<const char*>(object) - 16;
  for (size_t at = 0; at < size + 16; at += 64) __builtin_prefetch(begin + at);
}

}  // namespace

SlotNo PacketTable::add(PacketPtr head, ClassId cls) {
  SlotNo no = end_;
  if (!free_.empty()) {
    no = free_.back();
    free_.pop_back();
  } else if (end_++ % kChunk == 0) {
    chunks_.push_back(std::make_unique<Slot[]>(kChunk));
  }
  Slot& slot = (*this)[no];
  const uint32_t life = slot.life + 1;
  slot = Slot{};
  slot.life = life;
  slot.age = ++next_age_;
  slot.used = true;
  slot.cls = cls;
  slot.head = std::move(head);
  slot.hash = hash(slot.head->key);
  if ((count_ + 1) * 10 > index_.size() * 7) grow();
  insert(slot.hash, no);
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

SlotNo PacketTable::find(const PacketKey& key, uint32_t wanted) const {
  const size_t mask = index_.size() - 1;
  for (size_t at = wanted & mask; index_[at] != 0; at = (at + 1) & mask) {
    if (static_cast<uint32_t>(index_[at] >> 32) != wanted) continue;
    const SlotNo no = static_cast<uint32_t>(index_[at]) - 1;
    if ((*this)[no].head->key == key) return no;
  }
  return kNoSlot;
}

void PacketTable::fetch_head(SlotNo no) const { fetch((*this)[no].head.get(), sizeof(Packet)); }

SlotNo PacketTable::find(const PacketKey& key) const {
  if (index_.empty()) return kNoSlot;
  return find(key, hash(key));
}

// In steps, so that the lines of a whole group are on their way while the next step is prepared:
// index, slot, head, key.
void PacketTable::find(std::span<const PacketKey* const> keys, std::span<SlotNo> found) const {
  std::fill(found.begin(), found.end(), kNoSlot);
  if (index_.empty()) return;
  constexpr size_t kGroup = 16;
  const size_t mask = index_.size() - 1;
  for (size_t first = 0; first < keys.size(); first += kGroup) {
    const size_t size = std::min(kGroup, keys.size() - first);
    std::array<uint32_t, kGroup> hashes;
    std::array<SlotNo, kGroup> slots;
    for (size_t i = 0; i < size; ++i) {
      hashes[i] = hash(*keys[first + i]);
      __builtin_prefetch(&index_[hashes[i] & mask]);
    }
    for (size_t i = 0; i < size; ++i) {
      slots[i] = static_cast<uint32_t>(index_[hashes[i] & mask]) - 1;  // kNoSlot if it is free
      if (slots[i] != kNoSlot) fetch_slot(slots[i]);
    }
    for (size_t i = 0; i < size; ++i) {
      if (slots[i] != kNoSlot) fetch_head(slots[i]);
    }
    for (size_t i = 0; i < size; ++i) {
      if (slots[i] == kNoSlot) continue;
      const Packet& head = *(*this)[slots[i]].head;
      __builtin_prefetch(head.key.text().data());
      fetch(head.spec.get(), sizeof(PacketSpec));
    }
    for (size_t i = 0; i < size; ++i) found[first + i] = find(*keys[first + i], hashes[i]);
  }
}

void PacketTable::drop(SlotNo no) {
  Slot& slot = (*this)[no];
  const size_t mask = index_.size() - 1;
  size_t at = slot.hash & mask;
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
