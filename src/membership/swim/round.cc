#include "membership/swim/round.h"

#include <algorithm>
#include <utility>

namespace phoenix::gossip {

HostNumber Round::next(const HostTable& hosts, Prng& prng) {
  if (hosts.live().empty()) return HostTable::kNone;
  while (true) {
    if (at_ >= order_.size()) begin(hosts, prng);
    const HostNumber host = order_[at_++];
    if (host < hosts.limit() && hosts[host].known && hosts[host].live()) return host;
  }
}

void Round::add(HostNumber host, Prng& prng) {
  order_.push_back(host);
  const size_t last = order_.size() - 1;
  std::swap(order_[last], order_[last - prng.below(last - std::min(at_, last) + 1)]);
}

void Round::begin(const HostTable& hosts, Prng& prng) {
  std::vector<bool> seen(hosts.limit(), false);
  std::vector<HostNumber> next;
  next.reserve(hosts.live().size());
  const auto add_once = [&](HostNumber host) {
    if (host >= hosts.limit() || seen[host] || host == HostTable::kSelf) return;
    if (!hosts[host].known || !hosts[host].live()) return;
    seen[host] = true;
    next.push_back(host);
  };
  for (const HostNumber host : order_) add_once(host);
  for (const HostNumber host : hosts.live()) add_once(host);
  // Each half for itself: who was late in the last round is not early in the next.
  const auto shuffle = [&](size_t first, size_t last) {
    for (size_t left = last - first; left > 1; --left) {
      std::swap(next[first + left - 1], next[first + prng.below(left)]);
    }
  };
  shuffle(0, next.size() / 2);
  shuffle(next.size() / 2, next.size());
  order_ = std::move(next);
  at_ = 0;
}

}  // namespace phoenix::gossip
