#include "cli/demo/ledger.h"

#include <algorithm>

namespace phoenix::demo {
namespace {

const std::string kNone;

bool ends_packet(const std::string& event) {
  return event == "completed" || event == "failed" || event == "owners-lost" ||
         event == "timed-out" || event == "canceled" || event == "expired";
}

}  // namespace

void Ledger::hit(const std::string& worker, Hit hit, WallMs at) { hits_[worker] = {hit, at}; }

void Ledger::packet_event(const PacketEvent& event) {
  Entry& entry = packets_[event.id];
  if (event.revision != entry.revision + 1) broken_.insert(event.id);
  check_end(event, entry);
  if (!event.from.empty()) left_owner(event, entry);
  entry.revision = event.revision;
  if (event.epoch != entry.epoch) {
    entry.granted_at = event.at;
    ++placements_;
  }
  entry.epoch = event.epoch;
  entry.owner = event.owner;
}

void Ledger::member_event(const MemberEvent& event) { members_[event.id].push_back(event); }

const std::string& Ledger::owner(const std::string& packet) const {
  const auto it = packets_.find(packet);
  return it == packets_.end() ? kNone : it->second.owner;
}

uint64_t Ledger::revision(const std::string& packet) const {
  const auto it = packets_.find(packet);
  return it == packets_.end() ? 0 : it->second.revision;
}

int Ledger::losses_of(const std::string& packet) const {
  const auto it = packets_.find(packet);
  return it == packets_.end() ? 0 : it->second.losses;
}

const std::string& Ledger::member_state(const std::string& member) const {
  const auto it = members_.find(member);
  return it == members_.end() ? kNone : it->second.back().event;
}

bool Ledger::fruitful(const std::string& packet, uint64_t epoch) const {
  return fruits_.contains({packet, epoch});
}

// What the demo did to the owner says it best; else what the host says of the owner.
Cause Ledger::cause_of(const PacketEvent& event) const {
  if (event.event == "handed-off") return Cause::kHandoff;
  const auto hit = hits_.find(event.from);
  if (hit != hits_.end()) {
    switch (hit->second.hit) {
      case Hit::kKill:
        return Cause::kDeath;
      case Hit::kFreeze:
        return Cause::kFreeze;
      case Hit::kDrain:
        return Cause::kDrain;
    }
  }
  const auto member = members_.find(event.from);
  if (event.event == "released" || event.event == "evicted") return Cause::kDrain;
  return member != members_.end() && member->second.back().reason == "lease" ? Cause::kFreeze
                                                                             : Cause::kDeath;
}

bool Ledger::was_leaving(const std::string& member, WallMs at) const {
  const auto it = members_.find(member);
  if (it == members_.end()) return false;
  bool leaving = false;
  for (const MemberEvent& event : it->second) {
    const bool goes =
        event.event == "detached" || event.event == "retired" || event.event == "draining";
    // Within one millisecond it counts that it went.
    if (event.at < at || (event.at == at && goes)) leaving = goes;
  }
  return leaving;
}

bool Ledger::joined_within(const std::string& member, WallMs from, WallMs to) const {
  const auto it = members_.find(member);
  if (it == members_.end()) return false;
  return std::any_of(it->second.begin(), it->second.end(), [&](const MemberEvent& event) {
    const bool joins = event.event == "registered" || event.event == "attached";
    return joins && event.at >= from && event.at <= to;
  });
}

std::vector<Move> Ledger::needless() const {
  std::vector<Move> out;
  for (const Move& move : moves_) {
    if (was_leaving(move.from, move.at)) continue;
    const bool drawn = move.event == "evicted" && joined_within(move.to, move.granted_at, move.at);
    if (!drawn) out.push_back(move);
  }
  return out;
}

void Ledger::left_owner(const PacketEvent& event, Entry& entry) {
  const bool taken =
      event.event == "owner-lost" || event.event == "evicted" || event.event == "owners-lost";
  // The words of the keeper's own event.
  if (event.event == "evicted" && event.reason == "its owner's host turned it away") {
    ++turned_away_;
    return;
  }
  const bool changed = taken || event.event == "handed-off" || event.event == "released";
  if (event.event == "completed" || event.event == "handed-off") {
    fruits_.insert({event.id, entry.epoch});
  }
  if (!changed) return;
  const bool drawn = event.event == "evicted" && !was_leaving(event.from, event.at) &&
                     joined_within(event.to, entry.granted_at, event.at);
  // A share for who joined is no loss: of the four causes only a hit at the owner explains it.
  if (!drawn || hits_.contains(event.from)) ++changes_[static_cast<size_t>(cause_of(event))];
  if (++entry.changes > most_changes_) {
    most_changes_ = entry.changes;
    most_moved_ = event.id;
  }
  if (!taken) return;
  moves_.push_back(
      {event.id, event.event, event.from, event.to, event.reason, entry.granted_at, event.at});
  if (event.event == "owner-lost") ++entry.losses;
  const auto hit = hits_.find(event.from);
  if (hit != hits_.end() && hit->second.hit != Hit::kDrain && entry.granted_at <= hit->second.at) {
    losses_.push_back({event.id, entry.epoch, event.from});
  }
}

void Ledger::check_end(const PacketEvent& event, Entry& entry) {
  if (entry.ended) twice_.insert(event.id);
  if (event.event == "handed-off" && ++entry.handoffs > 1) twice_.insert(event.id);
  if (event.event == "completed" && ++entry.results > 1) twice_.insert(event.id);
  if (!ends_packet(event.event) || entry.ended) return;
  entry.ended = true;
  ++(event.event == "completed" ? completed_ : failed_);
}

}  // namespace phoenix::demo
