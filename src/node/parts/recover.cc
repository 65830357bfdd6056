// A host's start and its end.

#include <algorithm>

#include "node/parts/impl.h"

namespace phoenix {

// From now on decisions are made: members return to the ring, every session has a whole lease, and
// packets whose owner has no session are placed anew.
void Node::Impl::ready() {
  is_ready = true;
  for (const SessionNo no : directory.sessions()) {
    if (remote.on) note_home(no);
    relink(no);
    Session& session = directory.session(no);
    if (session.here) session.attached.make().heard_at = now.mono;
    session.called = !session.here;
    arm_session(no);
  }
  for (const MemberNo no : directory.members_in_order()) {
    ++stats.members_now[static_cast<size_t>(directory.member(no).record->status)];
  }
  // No member is on the ring yet, so what they hold is counted when they enter it.
  for (SlotNo no = 0; no < packets.end(); ++no) {
    ++stats.packets_now[static_cast<size_t>(packets[no].head->status)];
    link_owner(no);
  }
  for (const MemberNo no : directory.members_in_order()) sync_ring(no);
  for (SlotNo no = 0; no < packets.end(); ++no) enter(no);
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
  const Error over = {.kind = ErrorKind::kDraining, .detail = "the host shuts down; you keep it"};
  while (!offers.open.empty()) end_offer(PacketKey(offers.open.begin()->first), over);
  packet_awaits.clear();
  member_awaits.clear();
  await_timers.clear();
}

}  // namespace phoenix
