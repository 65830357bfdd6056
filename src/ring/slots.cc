#include "ring/slots.h"

#include <array>
#include <bit>
#include <cstring>

#include "ring/encoder.h"

namespace phoenix {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr uint64_t kOne = uint64_t{1} << 32;
// The most by which log2(1 + t) exceeds t for t in 0..1, 0.0860713..., rounded up.
constexpr uint64_t kBulge = 369'673'557;

}  // namespace

uint64_t negative_log2(uint64_t x) {
  const uint64_t y = x + 1;
  if (y == 0) return 0;  // 2^64
  const int above = std::countl_zero(y);
  uint64_t m = y << above;
  uint64_t fraction = 0;
  for (int i = 0; i < 32; ++i) {
    const Wide product = Wide{m} * m;
    const uint64_t upper = static_cast<uint64_t>(product >> 64);
    const uint64_t bit = upper >> 63;
    fraction = fraction << 1 | bit;
    m = bit != 0 ? upper : static_cast<uint64_t>(product >> 63);
  }
  return (static_cast<uint64_t>(above) + 1) * kOne - fraction;
}

uint64_t negative_log2_bound(uint64_t x) {
  const uint64_t y = x + 1;
  if (y == 0) return 0;
  const int above = std::countl_zero(y);
  const uint64_t t = (y << above << 1 >> 32) + 1;  // rounded up, as the bound must not exceed
  const uint64_t whole = (static_cast<uint64_t>(above) + 1) * kOne;
  return whole - t < kBulge ? 0 : whole - t - kBulge;
}

SlotMap::HostNo SlotMap::add(std::string_view id, uint32_t weight) {
  HostNo no;
  if (free_.empty()) {
    no = static_cast<HostNo>(hosts_.size());
    hosts_.emplace_back();
  } else {
    no = free_.back();
    free_.pop_back();
  }
  ring::Encoder encoder;
  encoder.byte('S');
  encoder.u32(0);
  encoder.text(id);
  hosts_[no].message = encoder.view();
  reweigh(no, weight);
  return no;
}

void SlotMap::remove(HostNo no) {
  reweigh(no, 0);
  hosts_[no].message.clear();
  free_.push_back(no);
}

void SlotMap::reweigh(HostNo no, uint32_t weight) {
  Host& host = hosts_[no];
  const bool lighter = weight < host.weight;
  host.weight = weight;
  // What it keeps is contested by all if it got lighter, and cannot be lost if it got heavier.
  if (lighter) return give_up_slots(no);
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    if (keepers_[slot] != no) contest(slot, no);
  }
}

// Host by host, so that the slots of one message follow each other.
void SlotMap::give_up_slots(HostNo no) {
  std::vector<uint32_t> slots;
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    if (keepers_[slot] != no) continue;
    slots.push_back(slot);
    keepers_[slot] = kNobody;
  }
  hosts_[no].kept = 0;
  for (HostNo other = 0; other < hosts_.size(); ++other) {
    for (const uint32_t slot : slots) contest(slot, other);
  }
}

// Stores a whole word at once: the hash would have to wait for single bytes to reach the cache.
uint64_t SlotMap::hash(uint32_t slot, Host& host) const {
  std::array<char, 8> word;
  std::memcpy(word.data(), host.message.data(), word.size());
  for (unsigned i = 0; i < 4; ++i) word[1 + i] = static_cast<char>(slot >> 8 * i & 0xff);
  std::memcpy(host.message.data(), word.data(), word.size());
  return siphash13(key_, host.message);
}

// Makes a host the slot's keeper if it comes before the one that is.
void SlotMap::contest(uint32_t slot, HostNo no) {
  Host& host = hosts_[no];
  if (host.weight == 0) return;
  const uint64_t x = hash(slot, host);
  const HostNo keeper = keepers_[slot];
  uint64_t length;
  if (keeper == kNobody) {
    length = negative_log2(x);
  } else {
    Host& rival = hosts_[keeper];
    const Wide limit = Wide{lengths_[slot]} * host.weight;
    // Spares nearly all of the logarithms.
    if (Wide{negative_log2_bound(x)} * rival.weight > limit) return;
    length = negative_log2(x);
    const Wide product = Wide{length} * rival.weight;
    if (product > limit || (product == limit && id(keeper) < id(no))) return;
    --rival.kept;
  }
  keepers_[slot] = no;
  lengths_[slot] = length;
  ++host.kept;
}

}  // namespace phoenix
