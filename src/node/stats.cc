#include "node/stats.h"

#include <algorithm>

namespace phoenix {
namespace {

constexpr size_t kKept = 4096;

}  // namespace

void Samples::add(Duration value) {
  value.ns = std::max<int64_t>(0, value.ns);
  if (kept_.size() < kKept) {
    kept_.push_back(value);
  } else {
    kept_[next_] = value;
    next_ = (next_ + 1) % kKept;
  }
  ++count_;
  sum_ = sum_ + value;
  max_ = std::max(max_, value);
  size_t bucket = 0;
  while (bucket < kBucketMicros.size() && value.ns > kBucketMicros[bucket] * 1000) ++bucket;
  ++buckets_[bucket];
}

Duration Samples::quantile(uint32_t per_mille) const {
  if (kept_.empty()) return {};
  std::vector<Duration> sorted = kept_;
  const size_t rank = std::min(sorted.size() - 1, sorted.size() * per_mille / 1000);
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(rank), sorted.end());
  return sorted[rank];
}

std::vector<Duration> Samples::newest() const {
  std::vector<Duration> out = kept_;
  std::rotate(out.begin(), out.begin() + static_cast<ptrdiff_t>(next_), out.end());
  return out;
}

std::string_view turn_reason_name(TurnReason reason) {
  constexpr std::array<std::string_view, kTurnReasons> kNames = {"full", "draining", "gone"};
  return kNames[static_cast<size_t>(reason)];
}

std::string_view move_cause_name(MoveCause cause) {
  constexpr std::array<std::string_view, kMoveCauses> kNames = {
      "death", "freeze", "drain", "handoff", "reassign", "operator", "restart", "join"};
  return kNames[static_cast<size_t>(cause)];
}

std::string_view handoff_phase_name(HandoffPhase phase) {
  constexpr std::array<std::string_view, kHandoffPhases> kNames = {
      "policy", "sign", "serialize", "transmit", "verify", "commit"};
  return kNames[static_cast<size_t>(phase)];
}

}  // namespace phoenix
