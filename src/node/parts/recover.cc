// A host's start and its end.

#include <algorithm>

#include "node/parts/impl.h"

namespace phoenix {

// From now on decisions are made: members return to the ring, every session has a whole lease, and
// packets whose owner has no session are placed anew.
void Node::Impl::ready() {
  is_ready = true;
  for (const SessionNo no : directory.sessions()) {
    relink(no);
    Session& session = directory.session(no);
    session.heard_at = now.mono;
    session.called = false;
    arm_session(no);
  }
  for (const MemberNo no : directory.members_in_order()) {
    ++stats.members_now[static_cast<size_t>(directory.member(no).record->status)];
  }
  for (SlotNo no = 0; no < packets.end(); ++no) {
    Slot& slot = packets[no];
    const Packet& head = *slot.head;
    ++stats.packets_now[static_cast<size_t>(head.status)];
    if (!head.owner) continue;
    const MemberNo owner = directory.find_member(MemberKey(head.key.ns(), head.owner->id));
    if (owner == kNobody) continue;
    Member& member = directory.member(owner);
    const MemberStatus status = member.record->status;
    const bool here = status == MemberStatus::kActive || status == MemberStatus::kDraining;
    const bool attached = member.record->manual ||
                          (member.session != kNobody && directory.session(member.session).active());
    if (!here || !attached || member.record->incarnation != head.owner->incarnation) continue;
    slot.owner = owner;
    slot.held_index = static_cast<uint32_t>(member.held.size());
    member.held.push_back(no);
  }
  for (const MemberNo no : directory.members_in_order()) sync_ring(no);
  for (SlotNo no = 0; no < packets.end(); ++no) {
    Slot& slot = packets[no];
    const Packet& head = *slot.head;
    slot.last_call = now.mono;
    slot.ran_before = head.epoch > 0;
    if (slot.owner != kNobody) {
      if (directory.member(slot.owner).session != kNobody) {
        put_delivery(no, true);
      } else {
        note_delivered(no);
      }
    } else if (head.status == Status::kPending) {
      slot.parked = head.parked ? head.parked->reason : ParkReason::kNoCapableMember;
      slot.parked_since = head.parked ? head.parked->since : now.wall;
      if (slot.parked == ParkReason::kBackoff) {
        // Backoffs begin anew.
        const int64_t wait = head.parked->until - head.updated_at;
        slot.wait_until = now.mono + milliseconds(std::clamp<int64_t>(wait, 0, 3'600'000));
      }
    }
    arm(no, true);
    reconsider(no);
  }
}

// Nobody is left waiting; new packets are refused; owners may still report.
void Node::Impl::begin_shutdown() {
  draining = true;
  for (const SessionNo no : directory.sessions()) answer_waiters(no, std::nullopt);
  for (const auto& [key, awaits] : packet_awaits) {
    const SlotNo slot = packets.find(key);
    for (const Await& await : awaits) {
      if (slot != kNoSlot)
        reply(await.request, PacketReply{.packet = view(slot), .created = false});
    }
  }
  for (const auto& [key, awaits] : member_awaits) {
    const MemberNo no = directory.find_member(key);
    for (const Await& await : awaits) {
      if (no == kNobody) continue;
      MembersReply body;
      body.members.push_back(member_view(no));
      reply(await.request, std::move(body));
    }
  }
  packet_awaits.clear();
  member_awaits.clear();
  await_timers.clear();
}

}  // namespace phoenix
