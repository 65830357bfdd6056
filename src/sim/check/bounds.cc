#include "sim/check/bounds.h"

#include <fmt/format.h>

#include <algorithm>

namespace phoenix::sim {

namespace {

// What a calm host may take for anything beyond the bound itself: queueing, a slow commit.
constexpr Duration kSlack = seconds(2);
constexpr Duration kLookEvery = milliseconds(100);

bool has_all(const std::vector<std::string>& held, const std::vector<std::string>& wanted) {
  return std::ranges::includes(held, wanted);
}

bool has_any(const std::vector<std::string>& held, const std::vector<std::string>& wanted) {
  return wanted.empty() || std::ranges::any_of(wanted, [&](const std::string& capability) {
           return std::ranges::binary_search(held, capability);
         });
}

}  // namespace

void Bounds::called(Instant now, const Caller& caller) {
  if (caller.session.empty()) return;
  const auto found = shadow_.sessions().find(caller.session);
  if (found == shadow_.sessions().end()) return;
  // Only the token that stands renews; a call with an ended one is no sign of life.
  if (found->second.generation == caller.generation) last_call_[caller.session] = now;
}

void Bounds::after_step(Instant now, WallMs wall, const Node& node) {
  if (node.writes_in_flight() == 0) memory(node);
  if (now < next_look_) return;
  next_look_ = now + kLookEvery;
  parked(now, wall, node);
  sessions(now);
  packets(now, wall);
  if (now - calm_since_ > kSlack) {
    drains(now, wall);
    const Health health = node.health(Now{now, wall});
    if (health.oldest_write > seconds(10)) {
      complain_(Invariant::kBounded, fmt::format("a write has waited for {} ms, the store is well",
                                                 health.oldest_write.ms()));
    }
  }
}

void Bounds::sessions(Instant now) {
  for (const auto& [id, session] : shadow_.sessions()) {
    if (!session.active() || session.members.empty()) {
      last_call_.erase(id);
      continue;
    }
    Instant& last = last_call_.try_emplace(id, now).first->second;
    const Instant since = std::max(last, calm_since_);
    const Duration lease = seconds(session.lease_seconds);
    if (now - since > lease + kSlack) {
      complain_(Invariant::kBounded,
                fmt::format("session {} lives, {} ms after the last call with its token", id,
                            (now - last).ms()));
    }
  }
}

void Bounds::packets(Instant now, WallMs wall) {
  for (const PacketKey& key : shadow_.live()) {
    const Shadow::Track& track = *shadow_.find(key);
    const Packet& head = *track.head;
    const WallMs deadline = head.spec->deadline;
    if (now - calm_since_ > kSlack && deadline != kNoWall && wall > deadline + kSlack.ms()) {
      complain_(Invariant::kBounded,
                fmt::format("{} is {} ms past its deadline", key.id(), wall - deadline));
    }
    // What an attach has named is in its process's hands, as far as the host can know.
    const uint64_t told = std::max(track.handed_out_epoch, track.listed_epoch);
    if (!head.owner || told >= head.epoch) continue;
    const auto member = shadow_.members().find(MemberKey(key.ns(), head.owner->id));
    if (member == shadow_.members().end() || member->second.manual) continue;
    const auto session = shadow_.sessions().find(member->second.session);
    if (session == shadow_.sessions().end()) continue;
    const Instant since = std::max(track.granted_at, calm_since_);
    if (now - since > seconds(session->second.lease_seconds) + kSlack) {
      complain_(Invariant::kBounded,
                fmt::format("{}@{} has waited {} ms for {} to take it", key.id(), head.epoch,
                            (now - since).ms(), head.owner->id));
    }
  }
}

// The wall clock may be set; a drain that has begun lasts as long as it was meant to.
void Bounds::drains(Instant now, WallMs wall) {
  for (const auto& [key, member] : shadow_.members()) {
    if (member.status != MemberStatus::kDraining || member.drain_deadline == kNoWall) {
      drained_by_.erase(key);
      continue;
    }
    const Duration left = milliseconds(std::max<int64_t>(0, member.drain_deadline - wall));
    const Instant by = drained_by_.try_emplace(key, now + left).first->second;
    if (now - std::max(by, calm_since_) > kSlack) {
      complain_(Invariant::kBounded,
                fmt::format("{} drains {} ms past its deadline", key.id(), (now - by).ms()));
    }
  }
}

// With no write under way, memory and store say the same.
void Bounds::memory(const Node& node) {
  const std::vector<PacketView> live = node.live();
  if (live.size() != shadow_.live().size()) {
    complain_(Invariant::kOwnedOrParked, fmt::format("the host knows {} live packets, the store {}",
                                                     live.size(), shadow_.live().size()));
    return;
  }
  for (const PacketView& view : live) {
    const Shadow::Track* track = shadow_.find(view.head->key);
    const bool equal = track != nullptr && track->head->revision == view.head->revision &&
                       track->head->epoch == view.head->epoch &&
                       track->head->owner == view.head->owner;
    if (!equal) {
      complain_(
          Invariant::kOneOwner,
          fmt::format("{} is at revision {} in memory and at {} in the store", view.head->key.id(),
                      view.head->revision, track == nullptr ? 0 : track->head->revision));
    }
  }
}

const MemberRecord* Bounds::taker(const Packet& head,
                                  const std::vector<MemberView>& members) const {
  for (const MemberView& view : members) {
    const MemberRecord& record = *view.record;
    if (record.status != MemberStatus::kActive || record.key.ns() != head.key.ns()) continue;
    if (record.key.id() == head.avoid) continue;
    if (view.current_load + head.spec->load > record.max_load) continue;
    // After a restart of the host nothing is placed on a session before its first call.
    if (!record.manual) {
      const auto last = last_call_.find(record.session);
      if (last == last_call_.end() || last->second <= calm_since_) continue;
    }
    const bool able = head.spec->match == CapabilityMatch::kAll
                          ? has_all(record.capabilities, head.required)
                          : has_any(record.capabilities, head.required);
    if (able && policies_.may_have(head, record)) return &record;
  }
  return nullptr;
}

// For a time that has not come: notBefore by the wall clock, a backoff by the monotonic one, which
// begins anew with the host.
bool Bounds::waits(Instant now, WallMs wall, const Packet& head) const {
  if (wall < head.spec->not_before) return true;
  if (!head.parked || !waits_its_time(head.parked->reason)) return false;
  const Shadow::Track* track = shadow_.find(head.key);
  if (track == nullptr) return true;
  const Duration length = milliseconds(head.parked->until - head.updated_at);
  return now < std::max(track->since, calm_since_) + length;
}

void Bounds::parked(Instant now, WallMs wall, const Node& node) {
  const std::vector<MemberView> members = node.members();
  for (const PacketView& view : node.live()) {
    const Packet& head = *view.head;
    const MemberRecord* member =
        head.owner || waits(now, wall, head) ? nullptr : taker(head, members);
    if (member == nullptr) {
      could_since_.erase(head.key);
      continue;
    }
    Instant& since = could_since_.try_emplace(head.key, now).first->second;
    since = std::max(since, calm_since_);
    if (now - since > kSlack) {
      complain_(Invariant::kOwnedOrParked,
                fmt::format("{} is parked ({}) for {} ms while {} could take it", head.key.id(),
                            view.parked ? park_reason_name(view.parked->reason) : "no reason",
                            (now - since).ms(), member->key.id()));
    }
  }
}

}  // namespace phoenix::sim
