#include "sim/cluster/pool_bounds.h"

#include <fmt/format.h>

#include <algorithm>

namespace phoenix::sim {

namespace {

// What all hosts may take together for anything beyond the bound itself: views, claims, scans, news
// of each other, a slow commit.
constexpr Duration kPoolSlack = seconds(4);
// How long news of a member may be on their way while all is well, and how often all that every
// host believes is gone through.
constexpr Duration kNewsSlack = seconds(2);
constexpr Duration kBeliefsEvery = milliseconds(500);

bool holds_all(const std::vector<std::string>& held, const Names& wanted) {
  return std::ranges::all_of(
      wanted, [&](const auto& name) { return std::ranges::binary_search(held, name); });
}

bool holds_any(const std::vector<std::string>& held, const Names& wanted) {
  return wanted.empty() || std::ranges::any_of(wanted, [&](const auto& name) {
           return std::ranges::binary_search(held, name);
         });
}

}  // namespace

void PoolBounds::called(Instant now, const Caller& caller) {
  if (caller.session.empty()) return;
  const auto found = shadow_.sessions().find(caller.session);
  if (found == shadow_.sessions().end()) return;
  if (found->second.generation == caller.generation) last_call_[caller.session] = now;
}

void PoolBounds::look(Instant now, WallMs wall, Instant calm_since) {
  drivers();
  for (const auto& machine : machines_) memory(*machine);
  if (calm_since == kNever || now - calm_since <= kPoolSlack) {
    could_since_.clear();
    wrong_.clear();
    return;
  }
  every_slot(now, calm_since);
  for (const auto& machine : machines_) waits(*machine);
  packets(now, wall, calm_since);
  sessions(now, calm_since);
  beliefs(now, calm_since);
}

void PoolBounds::drivers() {
  for (const auto& machine : machines_) {
    if (machine->cluster() == nullptr || rows_.fenced(machine->life())) continue;
    const Node& node = machine->cluster()->node();
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      const auto id = static_cast<SlotId>(slot);
      if (!node.drives(id) || rows_.holder(id) == machine->life()) continue;
      complain_(Invariant::kOneOwner,
                fmt::format("{} drives slot {}, which {} holds", text_of(machine->life()), slot,
                            text_of(rows_.holder(id))));
      return;
    }
  }
}

// With no write under way, its memory and the store say the same of what it drives.
void PoolBounds::memory(const Machine& machine) {
  if (machine.cluster() == nullptr || rows_.fenced(machine.life())) return;
  const Node& node = machine.cluster()->node();
  for (std::string& sentence : node.check()) {
    complain_(Invariant::kNode, machine.name() + ": " + std::move(sentence));
  }
  if (node.writes_in_flight() > 0) return;
  std::map<PacketKey, PacketPtr> known;
  for (const PacketView& view : node.live()) known.emplace(view.head->key, view.head);
  for (const PacketKey& key : shadow_.live()) {
    const Packet& stored = *shadow_.find(key)->head;
    if (!node.drives(slot_of(stored.point))) continue;
    const auto found = known.find(key);
    if (found == known.end()) {
      complain_(
          Invariant::kOwnedOrParked,
          fmt::format("{} drives the slot of {} and does not know it", machine.name(), key.id()));
      return;
    }
    const Packet& head = *found->second;
    if (head.revision == stored.revision && head.owner == stored.owner) continue;
    complain_(Invariant::kOneOwner,
              fmt::format("{} is at revision {} in the memory of {} and at {} in the store",
                          key.id(), head.revision, machine.name(), stored.revision));
    return;
  }
}

void PoolBounds::every_slot(Instant now, Instant calm_since) {
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    const auto id = static_cast<SlotId>(slot);
    const bool driven = std::ranges::any_of(machines_, [&](const auto& machine) {
      return machine->cluster() != nullptr && machine->cluster()->node().drives(id);
    });
    if (driven) continue;
    complain_(Invariant::kBounded,
              fmt::format("nobody has driven slot {} for {} ms; its row says {}", slot,
                          (now - calm_since).ms(), text_of(rows_.holder(id))));
    return;
  }
}

void PoolBounds::waits(const Machine& machine) {
  if (machine.cluster() == nullptr) return;
  const Now now = machine.node_now();
  const SlotCounts counts = machine.cluster()->slot_counts();
  if (counts.oldest_wait != kNever && now.mono - counts.oldest_wait > seconds(15)) {
    complain_(Invariant::kBounded, fmt::format("{} has waited for a slot for {} ms", machine.name(),
                                               (now.mono - counts.oldest_wait).ms()));
  }
  const Health health = machine.cluster()->node().health(now);
  if (health.oldest_write > seconds(15)) {
    complain_(Invariant::kBounded, fmt::format("a write of {} has waited for {} ms", machine.name(),
                                               health.oldest_write.ms()));
  }
}

std::map<MemberKey, uint64_t> PoolBounds::loads() const {
  std::map<MemberKey, uint64_t> loads;
  for (const PacketKey& key : shadow_.live()) {
    const Packet& head = *shadow_.find(key)->head;
    if (head.owner) loads[MemberKey(key.ns(), head.owner->id)] += head.spec->load;
  }
  return loads;
}

void PoolBounds::packets(Instant now, WallMs wall, Instant calm_since) {
  const std::map<MemberKey, uint64_t> held = loads();
  for (const PacketKey& key : shadow_.live()) {
    const Shadow::Track& track = *shadow_.find(key);
    const WallMs deadline = track.head->spec->deadline;
    if (deadline != kNoWall && wall > deadline + kPoolSlack.ms()) {
      complain_(Invariant::kBounded,
                fmt::format("{} is {} ms past its deadline", key.id(), wall - deadline));
    }
    if (track.head->owner) {
      could_since_.erase(key);
      owned(now, calm_since, track);
    } else {
      parked(now, wall, calm_since, track, held);
    }
  }
}

void PoolBounds::owned(Instant now, Instant calm_since, const Shadow::Track& track) {
  const Packet& head = *track.head;
  if (!shadow_.alive(head.key.ns(), *head.owner)) {
    const Instant since = gone_since_.try_emplace({head.key, head.epoch}, now).first->second;
    if (now - std::max(since, calm_since) <= kPoolSlack) return;
    complain_(Invariant::kOwnedOrParked,
              fmt::format("{} is left with {}#{}, who is gone", head.key.id(), head.owner->id,
                          head.owner->incarnation));
    return;
  }
  if (track.handed_out_epoch >= head.epoch) return;
  const auto member = shadow_.members().find(MemberKey(head.key.ns(), head.owner->id));
  if (member == shadow_.members().end() || member->second.manual) return;
  const auto session = shadow_.sessions().find(member->second.session);
  if (session == shadow_.sessions().end()) return;
  const Instant since = std::max(track.granted_at, calm_since);
  if (now - since <= seconds(2 * session->second.lease_seconds) + kPoolSlack) return;
  complain_(Invariant::kBounded,
            fmt::format("{}@{} has waited {} ms for {} to take it", head.key.id(), head.epoch,
                        (now - since).ms(), head.owner->id));
}

bool PoolBounds::could_take(const Packet& head, const MemberRecord& member, Instant calm_since,
                            const std::map<MemberKey, uint64_t>& loads) const {
  if (member.status != MemberStatus::kActive || member.key.ns() != head.key.ns()) return false;
  if (member.key.id() == head.avoid) return false;
  const auto load = loads.find(member.key);
  const uint64_t held = load == loads.end() ? 0 : load->second;
  if (held + head.spec->load > member.max_load) return false;
  if (!member.manual) {
    const auto session = shadow_.sessions().find(member.session);
    if (session == shadow_.sessions().end() || !session->second.active()) return false;
    const auto last = last_call_.find(member.session);
    if (last == last_call_.end() || last->second <= calm_since) return false;
  }
  return head.spec->match == CapabilityMatch::kAll ? holds_all(member.capabilities, head.required)
                                                   : holds_any(member.capabilities, head.required);
}

void PoolBounds::parked(Instant now, WallMs wall, Instant calm_since, const Shadow::Track& track,
                        const std::map<MemberKey, uint64_t>& loads) {
  const Packet& head = *track.head;
  bool waits = wall < head.spec->not_before + kPoolSlack.ms();
  if (head.parked && waits_its_time(head.parked->reason)) {
    // By the monotonic clock of its keeper, and begun anew by the next one.
    const Duration length = milliseconds(head.parked->until - head.updated_at);
    waits = waits || now < std::max(track.since, calm_since) + length + kPoolSlack;
  }
  const auto able = std::ranges::find_if(shadow_.members(), [&](const auto& entry) {
    return could_take(head, entry.second, calm_since, loads);
  });
  if (waits || able == shadow_.members().end()) {
    could_since_.erase(head.key);
    return;
  }
  const Instant since = could_since_.try_emplace(head.key, now).first->second;
  if (now - since <= kPoolSlack) return;
  complain_(Invariant::kOwnedOrParked,
            fmt::format("{} is parked ({}) for {} ms while {} could take it", head.key.id(),
                        head.parked ? park_reason_name(head.parked->reason) : "no reason",
                        (now - since).ms(), able->first.id()));
}

void PoolBounds::sessions(Instant now, Instant calm_since) {
  for (const auto& [id, session] : shadow_.sessions()) {
    if (!session.active() || session.members.empty()) {
      last_call_.erase(id);
      continue;
    }
    const Instant last = last_call_.try_emplace(id, now).first->second;
    const Duration lease = seconds(session.lease_seconds);
    if (now - std::max(last, calm_since) <= lease * 2 + kPoolSlack) continue;
    complain_(Invariant::kBounded,
              fmt::format("session {} lives, {} ms after the last call with its token", id,
                          (now - last).ms()));
  }
}

// Every host knows every member and its session as the store has them; and a home what its members
// hold, whoever keeps it, for by that it hands over or turns away.
void PoolBounds::beliefs(Instant now, Instant calm_since) {
  if (now < beliefs_due_) return;
  beliefs_due_ = now + kBeliefsEvery;
  const std::map<MemberKey, uint64_t> held = loads();
  for (const auto& machine : machines_) {
    if (machine->cluster() == nullptr) continue;
    for (const auto& [key, stored] : shadow_.members()) {
      const auto load = held.find(key);
      std::string belief = wrong_belief(*machine, stored, load == held.end() ? 0 : load->second);
      if (belief.empty()) {
        if (!wrong_.empty()) wrong_.erase({machine->name(), key});
        continue;
      }
      Wrong& known = wrong_[{machine->name(), key}];
      if (belief != known.belief) known = {std::move(belief), now};
      if (now - known.since <= kNewsSlack) continue;
      complain_(
          Invariant::kBounded,
          fmt::format("{} has believed for {} ms, all being well for {} ms: {}", machine->name(),
                      (now - known.since).ms(), (now - calm_since).ms(), known.belief));
      return;
    }
  }
}

// A sentence; empty: what it believes is so.
std::string PoolBounds::wrong_belief(const Machine& machine, const MemberRecord& stored,
                                     uint64_t held) const {
  const Node& node = machine.cluster()->node();
  const std::string& name = stored.key.text();
  const auto member = node.find_member(stored.key);
  const bool present =
      stored.status == MemberStatus::kActive || stored.status == MemberStatus::kDraining;
  if (!member) return present ? "there is no member " + name : std::string();
  if (member->record->revision != stored.revision) {
    return fmt::format("{} is at revision {}, which is at {}", name, member->record->revision,
                       stored.revision);
  }
  bool at_home = false;
  const auto session = shadow_.sessions().find(stored.session);
  if (session != shadow_.sessions().end()) {
    const auto known = node.find_session(stored.session);
    const uint64_t revision = known ? known->revision : 0;
    if (revision != session->second.revision) {
      return fmt::format("session {} of {} is at revision {}, which is at {}", stored.session, name,
                         revision, session->second.revision);
    }
    at_home = session->second.home == machine.life() && session->second.active() &&
              stored.status == MemberStatus::kActive;
  }
  // Others are told of less room than there is while several of them want it.
  const bool knows_load = at_home || shadow_.live().empty();
  if (!knows_load || member->current_load == held) return {};
  return fmt::format("{} holds {}, which holds {}", name, member->current_load, held);
}

}  // namespace phoenix::sim
