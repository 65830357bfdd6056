#include "bench/ring/pool/sticky_pool.h"

#include <algorithm>
#include <cmath>

#include "bench/ring/our_ring.h"

namespace phoenix::bench {

Balance balance_of(const std::vector<uint32_t>& loads) {
  Balance balance;
  if (loads.empty()) return balance;
  const auto count = static_cast<double>(loads.size());
  double sum = 0;
  for (const uint32_t load : loads) sum += load;
  balance.mean = sum / count;
  double squares = 0;
  for (const uint32_t load : loads) squares += (load - balance.mean) * (load - balance.mean);
  balance.max_to_mean = *std::max_element(loads.begin(), loads.end()) / balance.mean;
  balance.sigma_to_mean = std::sqrt(squares / count) / balance.mean;
  return balance;
}

StickyPool::StickyPool(CapabilityWorkload& workload, const PoolRule& rule)
    : workload_(workload), rule_(rule), ring_(bench_key(rule.key)) {
  for (const CapabilityMask member : workload.members()) admit(member);
  const size_t packets = workload.packets().size();
  sets_.resize(packets);
  points_.resize(packets);
  owners_.resize(packets, kNoMember);
  held_at_.resize(packets);
  for (uint32_t i = 0; i < packets; ++i) put_packet(i, workload.packets()[i]);
}

void StickyPool::put_packet(uint32_t packet, uint32_t set) {
  while (classes_.size() <= set) {
    names_.push_back(capability_names(workload_.sets()[classes_.size()]));
    classes_.push_back(ring_.intern("default", names_.back(), Match::kAll));
  }
  const std::string id = rule_.by_set ? std::string() : "pkt_" + std::to_string(++made_);
  sets_[packet] = set;
  points_[packet] = packet_position(ring_.key(), "default", names_[set], id);
}

MemberIndex StickyPool::admit(CapabilityMask capabilities) {
  const MemberIndex index = ring_.join(pool_member(admitted_++, capabilities, rule_.max_load));
  if (held_.size() <= index) held_.resize(index + 1);
  joined_.push_back(index);
  return index;
}

PlaceQuery StickyPool::query(uint32_t packet) const {
  PlaceQuery query;
  query.point = points_[packet];
  query.cls = class_of(packet);
  query.k = rule_.window;
  return query;
}

void StickyPool::give(uint32_t packet, MemberIndex to) {
  if (const MemberIndex from = owners_[packet]; from != kNoMember) {
    std::vector<uint32_t>& held = held_[from];
    held_at_[held.back()] = held_at_[packet];
    held[held_at_[packet]] = held.back();
    held.pop_back();
    ring_.add_load(from, -1);
  }
  owners_[packet] = to;
  if (to == kNoMember) return;
  held_at_[packet] = static_cast<uint32_t>(held_[to].size());
  held_[to].push_back(packet);
  ring_.add_load(to, 1);
}

void StickyPool::place_all() {
  for (uint32_t packet = 0; packet < owners_.size(); ++packet) {
    if (owners_[packet] != kNoMember) continue;
    if (const auto to = choose(packet)) give(packet, *to);
  }
}

void StickyPool::start_over(uint32_t window) {
  for (uint32_t packet = 0; packet < owners_.size(); ++packet) give(packet, kNoMember);
  rule_.window = window;
}

void StickyPool::leave(MemberIndex index) {
  const std::vector<uint32_t> orphans = held_[index];
  for (const uint32_t packet : orphans) give(packet, kNoMember);
  ring_.leave(index);
  joined_.erase(std::find(joined_.begin(), joined_.end(), index));
  for (const uint32_t packet : orphans) {
    if (const auto to = choose(packet)) give(packet, *to);
  }
}

MemberIndex StickyPool::join() { return admit(workload_.newcomer()); }

size_t StickyPool::wake(MemberIndex index) {
  size_t woken = 0;
  for (uint32_t packet = 0; packet < owners_.size(); ++packet) {
    if (owners_[packet] != kNoMember || !ring_.matches(index, class_of(packet))) continue;
    if (!ring_.why_not(index, class_of(packet), 1).empty()) break;
    give(packet, index);
    ++woken;
  }
  return woken;
}

std::vector<uint32_t> StickyPool::turn_over(size_t count, Prng& prng) {
  std::vector<uint32_t> packets;
  for (size_t i = 0; i < count; ++i) {
    const auto packet = static_cast<uint32_t>(prng.below(owners_.size()));
    give(packet, kNoMember);
    put_packet(packet, workload_.more());
    if (const auto to = choose(packet)) give(packet, *to);
    packets.push_back(packet);
  }
  return packets;
}

Balance StickyPool::balance() const {
  std::vector<uint32_t> loads;
  for (const MemberIndex index : joined_) loads.push_back(ring_.load(index));
  Balance balance = balance_of(loads);
  balance.parked = static_cast<size_t>(std::count(owners_.begin(), owners_.end(), kNoMember));
  return balance;
}

}  // namespace phoenix::bench
