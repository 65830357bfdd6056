#include "membership/view/observer_rings.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/prng.h"
#include "base/siphash.h"

namespace phoenix::gossip {
namespace {

// Every host of a pool must compute the same, so this key is no secret and never changes.
constexpr RingKey kPublicKey{{'o', 'b', 's', 'e', 'r', 'v', 'e', 'r'}};

uint64_t ring_key(uint64_t hash, size_t ring) {
  uint64_t state = hash + ring * 0x9e3779b97f4a7c15;
  return splitmix64(state);
}
constexpr size_t kJudgeRing = kRings;  // one more, for their order

std::vector<HostIndex> ordered_by_key(const std::vector<uint64_t>& hashes, size_t ring) {
  std::vector<std::pair<uint64_t, HostIndex>> keyed(hashes.size());
  for (size_t i = 0; i < hashes.size(); ++i) {
    keyed[i] = {ring_key(hashes[i], ring), static_cast<HostIndex>(i)};
  }
  std::sort(keyed.begin(), keyed.end());
  std::vector<HostIndex> out(keyed.size());
  for (size_t i = 0; i < keyed.size(); ++i) out[i] = keyed[i].second;
  return out;
}

}  // namespace

RankedView::RankedView(View view)
    : view_(std::move(view)),
      thresholds_(std::min(kRings, std::max<size_t>(view_.hosts.size(), 1) - 1)) {
  const size_t n = view_.hosts.size();
  hashes_.reserve(n);
  for (const ViewHost& host : view_.hosts) hashes_.push_back(siphash13(kPublicKey, host.name));
  for (size_t ring = 0; ring < kRings; ++ring) rings_[ring] = ordered_by_key(hashes_, ring);
  judges_ = ordered_by_key(hashes_, kJudgeRing);

  const size_t d = thresholds_.observers;
  observers_.resize(n * d);
  for (size_t i = 0; i < n; ++i) {
    choose(static_cast<HostIndex>(i), hashes_[i], d, observers_.data() + i * d);
  }
  starts_.assign(n + 1, 0);
  for (const HostIndex observer : observers_) ++starts_[observer + 1];
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  subjects_.resize(observers_.size());
  std::vector<uint32_t> next(starts_.begin(), starts_.end() - 1);
  for (size_t i = 0; i < observers_.size(); ++i) {
    subjects_[next[observers_[i]]++] = static_cast<HostIndex>(i / d);
  }
}

HostIndex RankedView::index(std::string_view name) const {
  const ViewHost* host = view_.find(name);
  return host ? static_cast<HostIndex>(host - view_.hosts.data()) : kNoHost;
}

std::vector<HostIndex> RankedView::indices(std::span<const std::string> names) const {
  std::vector<HostIndex> out;
  for (const std::string& name : names) {
    const HostIndex found = index(name);
    if (found != kNoHost) out.push_back(found);
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool RankedView::observes(HostIndex observer, HostIndex subject) const {
  const auto all = observers(subject);
  return std::find(all.begin(), all.end(), observer) != all.end();
}

std::vector<HostIndex> RankedView::observers_of(std::string_view outsider) const {
  std::vector<HostIndex> out(std::min(kRings, size()));
  choose(kNoHost, siphash13(kPublicKey, outsider), out.size(), out.data());
  return out;
}

// The first place on the ring with a key above the given one.
size_t RankedView::behind(size_t ring, uint64_t key) const {
  const std::vector<HostIndex>& order = rings_[ring];
  const auto at = std::upper_bound(
      order.begin(), order.end(), key,
      [&](uint64_t value, HostIndex host) { return value < ring_key(hashes_[host], ring); });
  return static_cast<size_t>(at - order.begin());
}

// Requires: count <= the number of hosts other than `self`; then a ring always has one left.
void RankedView::choose(HostIndex self, uint64_t hash, size_t count, HostIndex* out) const {
  for (size_t chosen = 0; chosen < count; ++chosen) {
    const std::vector<HostIndex>& order = rings_[chosen];
    size_t at = behind(chosen, ring_key(hash, chosen));
    for (;; ++at) {
      const HostIndex candidate = order[at % order.size()];
      if (candidate == self) continue;
      if (std::find(out, out + chosen, candidate) == out + chosen) {
        out[chosen] = candidate;
        break;
      }
    }
  }
}

}  // namespace phoenix::gossip
