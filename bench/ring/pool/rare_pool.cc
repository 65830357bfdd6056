#include "bench/ring/pool/rare_pool.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/ring/our_ring.h"

namespace phoenix::bench {
namespace {

constexpr size_t kExclusive = 8;   // capabilities 0..7: each member has one of them
constexpr size_t kNearly = 16;     // 8..15: likewise, but a few members have two
constexpr size_t kMostCommon = 5;  // the 17th capability: one member in five

// From one in five down to one member, each a fixed part rarer than the one before.
size_t holders(size_t capability, size_t members) {
  // 2^-(17.6 * i / 495), in integers: a halving every 28 capabilities, linear between.
  const size_t steps = capability - kNearly;
  const size_t top = members / kMostCommon >> steps / 28;
  return std::max<size_t>(1, top - top * (steps % 28) / 56);
}

std::string name(size_t capability) { return fmt::format("cap-{:03}", capability); }
std::string few_name(size_t count) { return fmt::format("few-{:03}", count); }

}  // namespace

void RarePool::deal(Prng& prng) {
  for (size_t member = 0; member < members_; ++member) {
    give(prng.below(kExclusive), member);
    give(kExclusive + prng.below(kNearly - kExclusive), member);
  }
  for (size_t i = 0; i < 3 * (kNearly - kExclusive); ++i) {
    give(kExclusive + i / 3, prng.below(members_));
  }
  for (size_t capability = kNearly; capability < kCapabilities; ++capability) {
    const size_t count = holders(capability, members_);
    for (size_t i = 0; i < count; ++i) give(capability, prng.below(members_));
  }
  for (size_t few = 0; few < kFew.size(); ++few) {
    // Spread over all, and each member once.
    const size_t apart = members_ / kFew[few];
    for (size_t i = 0; i < kFew[few]; ++i) give(kCapabilities + few, i * apart + few);
  }
}

RarePool::RarePool(size_t members, uint32_t max_load)
    : members_(members), ring_(bench_key(1)), held_(members) {
  Prng prng(5);
  deal(prng);
  RingMember member;
  member.ns = "default";
  member.max_load = max_load;
  for (size_t i = 0; i < members; ++i) {
    std::vector<uint16_t>& held = held_[i];
    std::sort(held.begin(), held.end());
    held.erase(std::unique(held.begin(), held.end()), held.end());
    member.id = bench_id(i);
    member.weight = 12 + i % 2;
    member.capabilities.clear();
    for (const uint16_t capability : held) {
      member.capabilities.push_back(capability < kCapabilities
                                        ? name(capability)
                                        : few_name(kFew[capability - kCapabilities]));
    }
    std::sort(member.capabilities.begin(), member.capabilities.end());
    ring_.join(member);
  }
  held_.clear();
  held_.shrink_to_fit();
}

ClassId RarePool::held_by(size_t count) {
  const std::vector<std::string> required = {few_name(count)};
  return ring_.intern("default", required, Match::kAll);
}

std::vector<std::string> RarePool::random_set(Prng& prng) const {
  std::vector<std::string> set;
  const size_t count = 1 + prng.below(3);
  while (set.size() < count) {
    std::string one = name(prng.below(kCapabilities));
    if (std::find(set.begin(), set.end(), one) == set.end()) set.push_back(std::move(one));
  }
  std::sort(set.begin(), set.end());
  return set;
}

}  // namespace phoenix::bench
