#include "sim/check/shadow.h"

#include <fmt/format.h>

#include <optional>

#include "packet/lifecycle.h"
#include "sim/check/handoffs.h"
#include "sim/check/lineage.h"

namespace phoenix::sim {

namespace {

bool gone(MemberStatus status) {
  return status == MemberStatus::kDetached || status == MemberStatus::kRetired;
}

bool is(const PutPacket& put, Event event) { return put.entry.event == event_name(event); }

std::string owner_text(const Packet& head) {
  if (!head.owner) return "nobody";
  return fmt::format("{}#{}", head.owner->id, head.owner->incarnation);
}

}  // namespace

const Shadow::Track* Shadow::find(const PacketKey& key) const {
  const auto found = packets_.find(key);
  return found == packets_.end() ? nullptr : &found->second;
}

bool Shadow::alive(std::string_view ns, const Owner& owner) const {
  const auto found = members_.find(MemberKey(ns, owner.id));
  return found != members_.end() && !gone(found->second.status) &&
         found->second.incarnation == owner.incarnation;
}

bool Shadow::was_of(const std::string& session, const Owner& owner) const {
  const auto found = lives_.find(session);
  return found != lives_.end() && found->second.contains({owner.id, owner.incarnation});
}

void Shadow::committed(Instant now, std::span<const Group> groups, const std::vector<bool>& truth) {
  for (size_t i = 0; i < groups.size(); ++i) {
    if (truth[i]) apply(now, groups[i]);
  }
}

void Shadow::apply(Instant now, const Group& group) {
  check_expectations(group);
  std::set<std::string> leavers;
  bool lapse = false;
  bool members_changed = false;
  for (const Op& op : group.ops) {
    if (const auto* put = std::get_if<PutMember>(&op)) {
      members_changed = true;
      put_member(*put, leavers);
    } else if (const auto* session = std::get_if<PutSession>(&op)) {
      lapse = lapse || session->record->state == SessionState::kLapsed;
      put_session(*session->record);
    } else if (const auto* drop = std::get_if<DropMember>(&op)) {
      members_changed = true;
      members_.erase(drop->key);
    } else if (const auto* drop_session = std::get_if<DropSession>(&op)) {
      sessions_.erase(drop_session->id);
    }
  }
  for (const Op& op : group.ops) {
    if (const auto* put = std::get_if<PutPacket>(&op)) apply_packet(now, *put, leavers, lapse);
  }
  if (members_changed && !shared_) check_owners_alive();
}

// The store compares before it writes; here its comparing is compared.
void Shadow::check_expectations(const Group& group) {
  const auto expect = [&](const std::string& what, uint64_t expected, uint64_t stood) {
    if (expected == stood) return;
    complain_(Invariant::kOneOwner,
              fmt::format("{} was changed at revision {}, expected was {}", what, stood, expected));
  };
  for (const Op& op : group.ops) {
    if (const auto* put = std::get_if<PutPacket>(&op)) {
      const Track* track = find(put->head->key);
      expect(put->head->key.text(), put->expect_revision, track ? track->head->revision : 0);
      if (track != nullptr) expect(put->head->key.text(), put->expect_epoch, track->head->epoch);
    } else if (const auto* member = std::get_if<PutMember>(&op)) {
      const auto found = members_.find(member->record->key);
      expect("member " + member->record->key.text(), member->expect_revision,
             found == members_.end() ? 0 : found->second.revision);
    } else if (const auto* session = std::get_if<PutSession>(&op)) {
      const auto found = sessions_.find(session->record->id);
      expect("session " + session->record->id, session->expect_revision,
             found == sessions_.end() ? 0 : found->second.revision);
    }
  }
}

void Shadow::put_member(const PutMember& put, std::set<std::string>& leavers) {
  MemberRecord& record = members_[put.record->key];
  if (put.record->incarnation < record.incarnation) {
    complain_(Invariant::kOneOwner, fmt::format("incarnation of {} fell", put.record->key.text()));
  }
  const bool left = gone(put.record->status) && !gone(record.status);
  const bool replaced = record.incarnation != put.record->incarnation;
  if (left || replaced) leavers.insert(put.record->key.text());
  record = *put.record;
}

void Shadow::put_session(const SessionRecord& record) {
  if (record.state == SessionState::kLapsed) {
    for (const auto& [id, incarnation] : record.members) {
      lapsed_.insert({record.ns + "/" + id, incarnation});
    }
  }
  sessions_[record.id] = record;
  lives_[record.id].insert(record.members.begin(), record.members.end());
}

void Shadow::apply_packet(Instant now, const PutPacket& put, const std::set<std::string>& leavers,
                          bool lapse) {
  const Packet& after = *put.head;
  Track& track = packets_[after.key];
  const Packet* before = track.head.get();
  check_growth(before, after);
  if (const std::string fault = fault_of_entry(before, put); !fault.empty()) {
    complain_(Invariant::kLineage, fmt::format("{} at revision {}, epoch {}: {}", after.key.id(),
                                               after.revision, after.epoch, fault));
  }
  if (before != nullptr) {
    const std::string fault = fault_of_signatures(*before, put, signers());
    if (!fault.empty()) complain_(Invariant::kLineage, std::string(after.key.id()) + fault);
    count(put, handoffs_);
  }
  const bool lost = before != nullptr && before->owner && before->owner != after.owner;
  if (lost) {
    check_cause(track, put, leavers);
    const std::string owner = std::string(after.key.ns()) + "/" + before->owner->id;
    track.lost_by_lease = shared_ ? lapsed_.contains({owner, before->owner->incarnation})
                                  : lapse && leavers.contains(owner);
  }
  if (!shared_ && after.owner && !alive(after.key.ns(), *after.owner)) {
    complain_(Invariant::kOwnedOrParked,
              fmt::format("{} was given to {}, who is gone", after.key.id(), owner_text(after)));
  }
  const bool granted = after.owner && (before == nullptr || before->epoch != after.epoch);
  if (granted) {
    track.granted_at = now;
    if (track.lost_by_lease) on_regrant_(after.key, after.epoch);
    track.lost_by_lease = false;
  }
  track.head = put.head;
  track.since = now;
  track.revisions.push_back({after.epoch, after.status, after.owner, put.entry.event});
  if (is_terminal(after.status)) {
    live_.erase(after.key);
  } else {
    live_.insert(after.key);
  }
}

// Whose word counts for a member, by what stands. Several hosts learn of a new key one after the
// other: then the one before counts too.
SignerOf Shadow::signers() const {
  return [this](const MemberKey& key) {
    Signers found;
    const auto member = members_.find(key);
    if (member == members_.end()) return found;
    found.has_keys = member->second.has_keys();
    found.keys = {member->second.public_key};
    if (shared_) found.keys.emplace_back(std::string_view(member->second.former_key));
    return found;
  };
}

void Shadow::check_growth(const Packet* before, const Packet& after) {
  const auto complain = [&](const char* what) {
    complain_(Invariant::kOneOwner, fmt::format("{} at revision {}, epoch {}: {}", after.key.id(),
                                                after.revision, after.epoch, what));
  };
  const uint64_t old_epoch = before == nullptr ? 0 : before->epoch;
  const uint64_t old_revision = before == nullptr ? 0 : before->revision;
  if (after.revision != old_revision + 1) complain("its revision did not grow by one");
  if (after.epoch < old_epoch) complain("its epoch fell");
  if (after.epoch > old_epoch + 1) complain("its epoch skipped an ownership");
  const bool had = before != nullptr && before->owner.has_value();
  if (after.owner && after.epoch == old_epoch && (!had || before->owner != after.owner)) {
    complain("a second owner under one epoch");
  }
  if (!is_terminal(after.status) && !after.owner && after.epoch != old_epoch) {
    complain("an epoch was spent on nobody");
  }
  if ((after.status == Status::kPending) != after.parked.has_value()) {
    complain_(Invariant::kOwnedOrParked,
              fmt::format("{} is {} and {}", after.key.id(), status_name(after.status),
                          after.parked ? "parked" : "not parked"));
  }
  if ((after.status == Status::kAssigned) != after.owner.has_value() &&
      !is_terminal(after.status)) {
    complain_(Invariant::kOwnedOrParked, fmt::format("{} is {} with owner {}", after.key.id(),
                                                     status_name(after.status), owner_text(after)));
  }
  if (before != nullptr && is_terminal(before->status) &&
      (before->status == Status::kCompleted || is_terminal(after.status))) {
    complain_(Invariant::kNothingLost,
              fmt::format("{} was {} and is {} now", after.key.id(), status_name(before->status),
                          status_name(after.status)));
  }
}

// Who has an owner loses it for a reason: its owner left, called, was told by an operator, drains,
// did not take it, or time is over. Everything else is a move that a membership change must not
// make.
void Shadow::check_cause(const Track& track, const PutPacket& put,
                         const std::set<std::string>& leavers) {
  const Packet& before = *track.head;
  const std::string owner = std::string(before.key.ns()) + "/" + before.owner->id;
  const bool gone_before = shared_ && !alive(before.key.ns(), *before.owner);
  if (gone_before) return;
  const auto complain = [&](const char* what) {
    complain_(Invariant::kMovesLeast, fmt::format("{} was taken from {} ({}): {}", before.key.id(),
                                                  owner_text(before), put.entry.event, what));
  };
  if (is(put, Event::kLose) || is(put, Event::kLoseForGood)) {
    if (!leavers.contains(owner)) complain("its owner did not leave");
  } else if (is(put, Event::kEvict)) {
    const auto member = members_.find(MemberKey::from_text(owner));
    const bool leaves =
        leavers.contains(owner) ||
        (member != members_.end() && member->second.status == MemberStatus::kDraining);
    const bool handed_out = track.handed_out_epoch == before.epoch;
    if (leaves || !handed_out || (shared_ && !(calm && calm()))) return;
    uint64_t& orders = orders_[before.key];
    if (orders == 0) return complain("its owner has it in hand and stays");
    --orders;
  } else if (is(put, Event::kTimeout) || is(put, Event::kTimeoutForGood)) {
    if (before.spec->attempt_timeout_seconds == 0) complain("its attempts have no timeout");
  } else if (is(put, Event::kGrant)) {
    complain("it had an owner");
  }
}

void Shadow::check_owners_alive() {
  for (const PacketKey& key : live_) {
    const Packet& head = *packets_.at(key).head;
    if (!head.owner || alive(key.ns(), *head.owner)) continue;
    complain_(Invariant::kOwnedOrParked,
              fmt::format("{} is left with {}, who is gone", key.id(), owner_text(head)));
  }
}

void Shadow::compare(Store& store) {
  auto reader = store.reader();
  for (const auto& [key, track] : packets_) {
    auto lookup = (*reader)->get(key);
    const Packet* stored = lookup && lookup->head ? &*lookup->head : nullptr;
    if (stored == nullptr || stored->revision < track.head->revision) {
      complain_(Invariant::kNothingLost,
                fmt::format("{} was durable at revision {} and is now at {}", key.id(),
                            track.head->revision, stored == nullptr ? 0 : stored->revision));
    }
  }
  std::set<PacketKey> recovered;
  RecoverSink sink;
  sink.packet = [&](Packet packet) { recovered.insert(packet.key); };
  sink.member = [](MemberRecord) {};
  sink.session = [](SessionRecord) {};
  (void)store.recover(sink);
  for (const PacketKey& key : live_) {
    if (recovered.contains(key)) continue;
    complain_(Invariant::kNothingLost, fmt::format("{} is not recovered", key.id()));
  }
}

void Shadow::handed_out(const PacketKey& key, uint64_t epoch) {
  const auto found = packets_.find(key);
  if (found != packets_.end() && epoch > found->second.handed_out_epoch) {
    found->second.handed_out_epoch = epoch;
  }
}

void Shadow::listed(const PacketKey& key, uint64_t epoch) {
  const auto found = packets_.find(key);
  if (found != packets_.end() && epoch > found->second.listed_epoch) {
    found->second.listed_epoch = epoch;
  }
}

void Shadow::ordered(const PacketKey& key) { ++orders_[key]; }

}  // namespace phoenix::sim
