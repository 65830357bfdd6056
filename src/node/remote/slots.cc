// Which slots this host drives: taking them over with all that lives in them, and letting them go.

#include <algorithm>
#include <tuple>

#include "base/planted.h"
#include "node/parts/impl.h"

namespace phoenix {
namespace {

// Of an hour of a session's lease; no backoff is longer.
constexpr int64_t kLongestWaitMs = lineage::ticket_wait_ms(3'600'000);

}  // namespace

bool Node::Impl::driven(Position point) const {
  return !remote.on || remote.slots[slot_of(point)] == SlotHold::kDriven;
}

Error Node::Impl::elsewhere(const PacketKey& key) const {
  Error error = {.kind = ErrorKind::kMisdirected,
                 .detail = "another host keeps " + std::string(key.id()) + "; ask it"};
  error.retry_after_ms = 100;
  return error;
}

// Is this the packet's keeper, as far as a look at memory and store can tell? Requires: if it is
// not in the table, it has been looked up.
bool Node::Impl::kept_elsewhere(const PacketKey& key, SlotNo slot) const {
  if (!remote.on) return false;
  if (slot != kNoSlot) return packets[slot].leaving;
  const auto it = looked_up.find(key);
  if (it == looked_up.end() || !it->second.head) return false;
  // One that lives and is not in the table is kept by somebody else, also where this host thinks
  // that it drives the slot: then it was deposed and has not heard of it.
  const Packet& head = *it->second.head;
  return !driven(head.point) || !is_terminal(head.status);
}

bool Node::Impl::kept_elsewhere(const SubmitItem& item) const {
  return remote.on && !driven(point_of_new(config.ring_key, item));
}

// With a key what is answered now stays the answer, so it is not to say that an item has moved on:
// the call goes back as it came, to be carried out in parts. True: it has.
bool Node::Impl::sends_back(const Command& command, const Submit& request) {
  for (const auto& item : request.items) {
    if (!command.idempotency || !item || !kept_elsewhere(*item)) continue;
    refuse(command.id, elsewhere(item->key));
    return true;
  }
  return false;
}

bool Node::Impl::sends_back(const Command& command, std::span<const PacketKey* const> keys,
                            std::span<const SlotNo> slots) {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!command.idempotency || !kept_elsewhere(*keys[i], slots[i])) continue;
    refuse(command.id, elsewhere(*keys[i]));
    return true;
  }
  return false;
}

// What the store has said of them may not be so any more.
void Node::Impl::forget_look_ups(const std::function<bool(Position)>& gone) {
  std::erase_if(looked_up, [&](const auto& entry) {
    return entry.second.head && gone(entry.second.head->point);
  });
}

void Node::Impl::remember_point(const PacketKey& key, Position point) {
  remote.points.put(key, point);
}

std::optional<Position> Node::Impl::point_of(const PacketKey& key) const {
  const SlotNo slot = packets.find(key);
  if (slot != kNoSlot) return packets[slot].head->point;
  const ForeignNo foreign = remote.foreign.find(key);
  if (foreign != kNoForeign) return remote.foreign[foreign].head->point;
  if (const Position* const point = remote.points.find(key)) return *point;
  return std::nullopt;
}

// --- taking over ----------------------------------------------------------------------------

// May this life of the member hold packets, by what is known now?
bool Node::Impl::may_hold(MemberNo no, uint64_t incarnation) const {
  const Member& member = directory.member(no);
  const MemberRecord& record = *member.record;
  if (record.status != MemberStatus::kActive && record.status != MemberStatus::kDraining) {
    return false;
  }
  const bool attached =
      record.manual || (member.session != kNobody && directory.session(member.session).active());
  return attached && record.incarnation == incarnation;
}

// A packet that came from the store goes to its owner's list, if that one still has a right to it.
void Node::Impl::link_owner(SlotNo no) {
  Slot& slot = packets[no];
  const Packet& head = *slot.head;
  if (!head.owner) return;
  const MemberNo owner = directory.find_member(MemberKey(head.key.ns(), head.owner->id));
  if (owner == kNobody || !may_hold(owner, head.owner->incarnation)) return;
  Member& member = directory.member(owner);
  slot.owner = owner;
  std::vector<SlotNo>& held = member.work.make().held;
  slot.held_index = static_cast<uint32_t>(held.size());
  held.push_back(no);
  if (member.ring != kNoMember) placement.add_load(member.ring, head.spec->load);
  note_load(owner);
}

// Begins to decide about it.
void Node::Impl::enter(SlotNo no) {
  Slot& slot = packets[no];
  const Packet& head = *slot.head;
  slot.last_call = now.mono;
  slot.ran_before = head.epoch > 0;
  expect_ticket(slot);
  if (slot.owner != kNobody) {
    if (directory.member(slot.owner).session == kNobody) {
      note_delivered(no);
    } else if (!take_foreign(no)) {
      slot.maybe = true;
      put_delivery(no, true);
    }
  } else if (head.status == Status::kPending) {
    slot.parked = head.parked ? head.parked->reason : ParkReason::kNoCapableMember;
    slot.parked_since = head.parked ? head.parked->since : now.wall;
    if (waits_its_time(slot.parked)) {
      // Begun anew.
      const int64_t wait = head.parked->until - head.updated_at;
      slot.wait_until = now.mono + milliseconds(std::clamp<int64_t>(wait, 0, kLongestWaitMs));
      if (head.ticket_ms > 0) slot.ticket_until = slot.wait_until;
    }
  }
  arm(no, true);
  reconsider(no);
}

// It was delivered here by its former keeper: the member notices nothing. False: it was not.
bool Node::Impl::take_foreign(SlotNo no) {
  if (!remote.on) return false;
  Slot& slot = packets[no];
  const ForeignNo foreign = remote.foreign.find(slot.head->key);
  if (foreign == kNoForeign) return false;
  const Foreign entry = remote.foreign[foreign];
  const bool same = entry.head->epoch == slot.head->epoch && entry.member == slot.owner;
  const Member& owner = directory.member(entry.member);
  if (!same || owner.session == kNobody || !directory.session(owner.session).here) {
    drop_foreign(foreign, RevokeReason::kReassigned);
    return false;
  }
  slot.outbox = entry.outbox;
  directory.session(owner.session).attached.make().outbox.rename(entry.outbox, no);
  forget_foreign(foreign);
  if (entry.taken) note_delivered(no);
  if (entry.started) begin_work(no);
  if (!entry.taken) {
    with_untaken.insert(owner.session);
    arm_session(owner.session);
  }
  return true;
}

// It is RUNNING from now on.
void Node::Impl::begin_work(SlotNo no) {
  Slot& slot = packets[no];
  if (slot.started) return;
  --stats.packets_now[static_cast<size_t>(status(slot))];
  slot.started = true;
  ++stats.packets_now[static_cast<size_t>(status(slot))];
}

void Node::Impl::drive(std::span<const SlotId> slots, ScannedSlots found) {
  Records records;
  for (SessionRecord& session : found.sessions) {
    records.sessions.push_back(std::make_shared<const SessionRecord>(std::move(session)));
  }
  for (MemberRecord& member : found.owners) {
    records.members.push_back(std::make_shared<const MemberRecord>(std::move(member)));
  }
  learn(records);
  std::vector<SlotNo> begin;
  for (const SlotId slot : slots) {
    remote.slots[slot] = SlotHold::kDriven;
    const auto it = remote.leaving.find(slot);
    if (it == remote.leaving.end()) continue;
    // Its row was never cleared, so nobody else has touched what is here.
    for (const Remote::Leaving& left : it->second) {
      if (!packets[left.no].used || packets[left.no].life != left.life) continue;
      packets[left.no].leaving = false;
      begin.push_back(left.no);
    }
    remote.leaving.erase(it);
  }
  forget_look_ups([this](Position point) { return driven(point); });
  std::sort(found.packets.begin(), found.packets.end(), [](const Packet& a, const Packet& b) {
    return std::tie(a.created_at, a.key) < std::tie(b.created_at, b.key);
  });
  const size_t first_new = begin.size();
  for (Packet& packet : found.packets) {
    if (!driven(packet.point) || is_terminal(packet.status)) continue;
    if (packets.find(packet.key) != kNoSlot) continue;
    const SlotNo no = add_packet(std::move(packet));
    ++stats.packets_now[static_cast<size_t>(packets[no].head->status)];
    link_owner(no);
    begin.push_back(no);
  }
  for (size_t i = 0; i < first_new; ++i) reconsider(begin[i]);
  for (size_t i = first_new; i < begin.size(); ++i) enter(begin[i]);
  // What others had delivered here of these slots and does not live any more.
  for (ForeignNo no = 0; no < remote.foreign.end(); ++no) {
    if (!remote.foreign[no].used) continue;
    const SlotId slot = slot_of(remote.foreign[no].head->point);
    if (std::find(slots.begin(), slots.end(), slot) == slots.end()) continue;
    drop_foreign(no, RevokeReason::kReassigned);
  }
}

SlotNo Node::Impl::add_packet(Packet packet) {
  const ClassId cls = intern(packet);
  packet.required = placement.names(cls);
  return packets.add(std::make_shared<const Packet>(std::move(packet)), cls);
}

// --- letting go -----------------------------------------------------------------------------

void Node::Impl::give_up(std::span<const SlotId> slots) {
  for (const SlotId slot : slots) {
    if (remote.slots[slot] == SlotHold::kNone) {
      out.released.push_back(slot);  // nothing of it was ever here
      continue;
    }
    remote.slots[slot] = SlotHold::kLeaving;
    remote.leaving.try_emplace(slot);
  }
  forget_look_ups([this](Position point) { return !driven(point); });
  for (SlotNo no = 0; no < packets.end(); ++no) {
    Slot& slot = packets[no];
    if (!slot.used || slot.leaving) continue;
    const auto it = remote.leaving.find(slot_of(slot.head->point));
    if (it == remote.leaving.end()) continue;
    slot.leaving = true;
    unqueue(no);
    it->second.push_back({no, slot.life});
  }
}

// Forgets what is at rest of the slots that are given up. Those of which nothing is left are let
// go.
void Node::Impl::let_go() {
  for (auto it = remote.leaving.begin(); it != remote.leaving.end();) {
    std::erase_if(it->second, [this](const Remote::Leaving& left) {
      const Slot& slot = packets[left.no];
      if (!slot.used || slot.life != left.life) return true;  // it has ended, or never came
      if (slot.busy || slot.coming) return false;
      forget_packet(left.no);
      return true;
    });
    if (!it->second.empty() && !planted(PlantedBug::kReleasedInFlight)) {
      ++it;
      continue;
    }
    remote.slots[it->first] = SlotHold::kNone;
    out.released.push_back(it->first);
    it = remote.leaving.erase(it);
  }
}

// Its next keeper goes on from what is durable. A member that has it in hand notices nothing.
void Node::Impl::forget_packet(SlotNo no) {
  Slot& slot = packets[no];
  const PacketPtr head = slot.head;
  remember_point(head->key, head->point);
  if (slot.owner != kNobody) {
    const MemberNo owner_no = slot.owner;
    Member& owner = directory.member(owner_no);
    unlist(slot, owner);
    if (owner.ring != kNoMember) placement.add_load(owner.ring, -int64_t{head->spec->load});
    const SessionNo session = owner.session;
    if (session != kNobody && directory.session(session).here) {
      const ForeignNo foreign = add_foreign(head, owner_no, {});
      Foreign& entry = remote.foreign[foreign];
      entry.outbox = slot.outbox;
      entry.taken = slot.delivered;
      entry.started = slot.started;
      directory.session(session).attached.make().outbox.rename(slot.outbox,
                                                               kForeignToken | foreign);
    } else {
      with_room.push_back(owner_no);
      maybe_drained.push_back(owner_no);
    }
    note_load(owner_no);
  }
  const auto awaiting = packet_awaits.find(head->key);
  if (awaiting != packet_awaits.end()) {
    for (const Await& await : awaiting->second) {
      await_timers.erase({await.until, await.request});
      refuse(await.request, elsewhere(head->key));
    }
    packet_awaits.erase(awaiting);
  }
  --stats.packets_now[static_cast<size_t>(status(slot))];
  unblock(head->key);
  again.erase(no);
  remote.losses.erase(no);
  forget_governed(head->key);
  placement.release(slot.cls);
  packets.drop(no);
}

}  // namespace phoenix
