#include "cli/demo/churn.h"

#include <algorithm>

namespace phoenix::demo {

std::string_view hit_name(Hit hit) {
  constexpr std::array<std::string_view, kHits> kNames = {"SIGKILL", "SIGSTOP", "SIGTERM"};
  return kNames[static_cast<size_t>(hit)];
}

bool held_throughout(const std::vector<Started>& before, const std::vector<Started>& after) {
  return std::any_of(before.begin(), before.end(), [&](const Started& started) {
    return std::find(after.begin(), after.end(), started) != after.end();
  });
}

ChurnPlan::ChurnPlan(uint64_t seed) : prng_(seed) {
  for (int kind = 0; kind < kHits; ++kind) {
    for (int i = 0; i < kHitsWanted; ++i) bag_.push_back(static_cast<Hit>(kind));
  }
  prng_.shuffle(bag_);
}

Hit ChurnPlan::next_kind() {
  if (bag_.empty()) return static_cast<Hit>(prng_.below(kHits));
  const Hit hit = bag_.back();
  bag_.pop_back();
  return hit;
}

std::optional<size_t> ChurnPlan::choose(Hit hit, const std::vector<Candidate>& candidates) {
  std::vector<size_t> indices;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (hit != Hit::kFreeze || candidates[i].self_check != unchecked_next_) indices.push_back(i);
  }
  if (indices.empty()) {
    for (size_t i = 0; i < candidates.size(); ++i) indices.push_back(i);
  }
  if (indices.empty()) return std::nullopt;
  const size_t chosen = indices[prng_.below(indices.size())];
  if (hit == Hit::kFreeze) unchecked_next_ = candidates[chosen].self_check;
  return chosen;
}

void ChurnPlan::settle(Hit hit, bool counted) {
  if (counted) {
    ++counted_[static_cast<size_t>(hit)];
  } else if (counted_[static_cast<size_t>(hit)] < kHitsWanted) {
    // Behind those that wait: one kind that rarely succeeds does not hold up the others.
    bag_.insert(bag_.begin(), hit);
  }
}

bool ChurnPlan::satisfied() const {
  return std::all_of(counted_.begin(), counted_.end(),
                     [](int count) { return count >= kHitsWanted; });
}

std::vector<HostStrike> host_strikes(uint64_t seed, int64_t each, size_t hosts) {
  Prng prng(seed);
  std::vector<HostStrike> strikes;
  for (int kind = 0; kind < kHostHits; ++kind) {
    for (int64_t i = 0; i < each; ++i) {
      strikes.push_back({static_cast<HostHit>(kind), prng.below(hosts), i % 2 == 0});
    }
  }
  prng.shuffle(strikes);
  return strikes;
}

uint64_t host_kill_at(int64_t i, int64_t kills, uint64_t packets) {
  return packets * static_cast<uint64_t>(i + 1) / static_cast<uint64_t>(kills + 1);
}

}  // namespace phoenix::demo
