#include "cli/demo/ledger.h"

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
  ++turn_;
  Entry& entry = packets_[event.id];
  if (event.revision != entry.revision + 1) broken_.insert(event.id);
  check_end(event, entry);
  if (!event.from.empty()) left_owner(event, entry);
  entry.revision = event.revision;
  if (event.epoch != entry.epoch) {
    entry.granted_at = event.at;
    entry.granted_turn = turn_;
  }
  entry.epoch = event.epoch;
  entry.owner = event.owner;
}

void Ledger::member_event(const MemberEvent& event) {
  ++turn_;
  members_[event.id] = event;
  if (event.event == "registered" || event.event == "attached") joined_[event.id] = turn_;
}

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
  return it == members_.end() ? kNone : it->second.event;
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
  return member != members_.end() && member->second.reason == "lease" ? Cause::kFreeze
                                                                      : Cause::kDeath;
}

bool Ledger::drawn_by_joiner(const PacketEvent& event, const Entry& entry) const {
  const auto joined = joined_.find(event.to);
  return event.event == "evicted" && joined != joined_.end() && joined->second > entry.granted_turn;
}

void Ledger::left_owner(const PacketEvent& event, Entry& entry) {
  const bool taken =
      event.event == "owner-lost" || event.event == "evicted" || event.event == "owners-lost";
  const bool changed = taken || event.event == "handed-off" || event.event == "released";
  if (event.event == "completed" || event.event == "handed-off") {
    fruits_.insert({event.id, entry.epoch});
  }
  if (!changed) return;
  const std::string& state = member_state(event.from);
  const bool leaving = state == "detached" || state == "retired" || state == "draining";
  const bool drawn = !leaving && drawn_by_joiner(event, entry);
  // A share for who joined is no loss: of the four causes only a hit at the owner explains it.
  if (!drawn || hits_.contains(event.from)) ++changes_[static_cast<size_t>(cause_of(event))];
  if (++entry.changes > most_changes_) {
    most_changes_ = entry.changes;
    most_moved_ = event.id;
  }
  if (!taken) return;
  ++moved_;
  if (event.event == "owner-lost") ++entry.losses;
  if (leaving || drawn) ++had_to_move_;
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
