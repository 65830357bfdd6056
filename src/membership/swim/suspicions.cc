#include "membership/swim/suspicions.h"

#include <algorithm>

#include "membership/timing.h"

namespace phoenix::gossip {

void Suspicions::start(uint32_t host, uint64_t from, Duration shortest, Duration longest,
                       int expected, Instant now) {
  Suspicion& suspicion = running_[host];
  suspicion = {};
  suspicion.started = now;
  suspicion.shortest = shortest;
  suspicion.longest = longest;
  suspicion.expected = std::clamp(expected, 0, kMostExpected);
  suspicion.from[0] = from;
  set_deadline(suspicion);
  next_ = std::min(next_, suspicion.deadline);
}

bool Suspicions::confirm(uint32_t host, uint64_t from, Instant now) {
  Suspicion* suspicion = find(host);
  if (suspicion == nullptr || suspicion->confirmed >= suspicion->expected) return false;
  const auto end = suspicion->from.begin() + suspicion->confirmed + 1;
  if (std::find(suspicion->from.begin(), end, from) != end) return false;
  suspicion->from[++suspicion->confirmed] = from;
  const bool was_next = suspicion->deadline == next_;
  if (suspicion->checks == 0) set_deadline(*suspicion);
  suspicion->deadline = std::max(suspicion->deadline, now);
  if (was_next && suspicion->deadline > next_) {
    find_next();
  } else {
    next_ = std::min(next_, suspicion->deadline);
  }
  return true;
}

void Suspicions::cancel(uint32_t host) {
  const auto found = running_.find(host);
  if (found == running_.end()) return;
  const bool was_next = found->second.deadline == next_;
  running_.erase(found);
  if (was_next) find_next();
}

void Suspicions::expect_at_most(int expected, Instant now) {
  bool changed = false;
  for (auto& [host, suspicion] : running_) {
    if (suspicion.expected <= expected || suspicion.checks != 0) continue;
    suspicion.expected = std::max(expected, 0);
    suspicion.confirmed = std::min(suspicion.confirmed, suspicion.expected);
    set_deadline(suspicion);
    suspicion.deadline = std::max(suspicion.deadline, now);
    changed = true;
  }
  if (changed) find_next();
}

void Suspicions::postpone(uint32_t host, Instant until) {
  if (Suspicion* suspicion = find(host)) suspicion->deadline = until;
  find_next();
}

void Suspicions::shift(Duration by) {
  for (auto& [host, suspicion] : running_) {
    suspicion.started = suspicion.started + by;
    suspicion.deadline = suspicion.deadline + by;
  }
  find_next();
}

Suspicions::Suspicion* Suspicions::find(uint32_t host) {
  const auto found = running_.find(host);
  return found == running_.end() ? nullptr : &found->second;
}

std::vector<uint32_t> Suspicions::due(Instant now) const {
  std::vector<uint32_t> hosts;
  if (next_ > now) return hosts;
  for (const auto& [host, suspicion] : running_) {
    if (suspicion.deadline <= now) hosts.push_back(host);
  }
  return hosts;
}

void Suspicions::set_deadline(Suspicion& suspicion) {
  suspicion.deadline =
      suspicion.started + suspicion_length(suspicion.shortest, suspicion.longest,
                                           suspicion.confirmed, suspicion.expected);
}

void Suspicions::find_next() {
  next_ = kNever;
  for (const auto& [host, suspicion] : running_) next_ = std::min(next_, suspicion.deadline);
}

}  // namespace phoenix::gossip
