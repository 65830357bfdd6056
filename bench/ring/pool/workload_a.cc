#include "bench/ring/pool/workload_a.h"

#include <algorithm>

namespace phoenix::bench {
namespace {

__extension__ using Wide = unsigned __int128;

// The largest x with x^power <= value. Requires: the root is below 2^32, and (2^25)^power or
// the like fits: power 2 and 5 as used here.
uint64_t root(Wide value, unsigned power, unsigned bits) {
  uint64_t x = 0;
  for (unsigned bit = bits; bit-- > 0;) {
    const uint64_t next = x | uint64_t{1} << bit;
    Wide raised = 1;
    for (unsigned i = 0; i < power; ++i) raised *= next;
    if (raised <= value) x = next;
  }
  return x;
}

constexpr uint64_t kFirst = 1'000'000'000;

uint64_t zipf_weight(ZipfExponent exponent, uint64_t rank) {
  switch (exponent) {
    case ZipfExponent::kHalf:
      return root(Wide{kFirst} * kFirst / rank, 2, 31);
    case ZipfExponent::kOne:
      return kFirst / rank;
    case ZipfExponent::kSixFifths:
      break;
  }
  // rank^(1/5) in millionths: up to 10^6 * 64^(1/5), whose fifth power fits in 128 bits.
  constexpr uint64_t kMillion = 1'000'000;
  Wide scaled = rank;
  for (int i = 0; i < 5; ++i) scaled *= kMillion;
  return kFirst * kMillion / (rank * root(scaled, 5, 22));
}

}  // namespace

std::vector<uint64_t> zipf_weights(ZipfExponent exponent, size_t size) {
  std::vector<uint64_t> weights;
  weights.reserve(size);
  for (uint64_t rank = 1; rank <= size; ++rank) weights.push_back(zipf_weight(exponent, rank));
  return weights;
}

std::vector<std::string> capability_names(CapabilityMask mask) {
  std::vector<std::string> names;
  for (size_t i = 0; i < kWorkloadCapabilities; ++i) {
    if ((mask >> i & 1) != 0) names.push_back("cap-" + std::to_string(i));
  }
  std::sort(names.begin(), names.end());
  return names;
}

RingMember pool_member(size_t number, CapabilityMask capabilities, uint32_t max_load) {
  RingMember member;
  member.ns = "default";
  member.id = "worker-" + std::to_string(number);
  member.max_load = max_load;
  member.capabilities = capability_names(capabilities);
  return member;
}

CapabilityWorkload::Zipf::Zipf(ZipfExponent exponent, size_t size)
    : up_to_(zipf_weights(exponent, size)) {
  for (size_t i = 1; i < up_to_.size(); ++i) up_to_[i] += up_to_[i - 1];
}

CapabilityMask CapabilityWorkload::Zipf::draw(Prng& prng, uint64_t count) const {
  CapabilityMask mask = 0;
  while (count > 0) {
    const uint64_t at = prng.below(up_to_.back());
    const auto rank = std::upper_bound(up_to_.begin(), up_to_.end(), at) - up_to_.begin();
    const CapabilityMask bit = CapabilityMask{1} << rank;
    if ((mask & bit) != 0) continue;
    mask |= bit;
    --count;
  }
  return mask;
}

CapabilityWorkload::CapabilityWorkload(const WorkloadShape& shape)
    : shape_(shape),
      supply_(shape.supply, kWorkloadCapabilities),
      demand_(shape.demand, kWorkloadCapabilities),
      of_packets_(shape.seed),
      of_newcomers_(of_packets_.fork()) {
  Prng of_members = of_packets_.fork();
  members_.reserve(shape.members);
  for (size_t i = 0; i < shape.members; ++i) {
    members_.push_back(supply_.draw(of_members, 1 + of_members.below(8)));
  }
  packets_.reserve(shape.packets);
  for (size_t i = 0; i < shape.packets; ++i) packets_.push_back(draw_packet());
}

CapabilityMask CapabilityWorkload::newcomer() {
  return supply_.draw(of_newcomers_, 1 + of_newcomers_.below(8));
}

uint32_t CapabilityWorkload::more() { return draw_packet(); }

uint32_t CapabilityWorkload::draw_packet() {
  for (;;) {
    const uint64_t share = of_packets_.below(10);
    const CapabilityMask set = demand_.draw(of_packets_, share < 5 ? 1 : share < 8 ? 2 : 3);
    if (const uint32_t number = number_of(set); number != kNobodyCan) return number;
  }
}

uint32_t CapabilityWorkload::number_of(CapabilityMask set) {
  const auto at = std::lower_bound(
      numbers_.begin(), numbers_.end(), set,
      [](const auto& entry, CapabilityMask wanted) { return entry.first < wanted; });
  if (at != numbers_.end() && at->first == set) return at->second;
  const bool possible = std::any_of(members_.begin(), members_.end(),
                                    [set](CapabilityMask member) { return (member & set) == set; });
  const uint32_t number = possible ? static_cast<uint32_t>(sets_.size()) : kNobodyCan;
  if (possible) sets_.push_back(set);
  numbers_.insert(at, {set, number});
  return number;
}

}  // namespace phoenix::bench
