// The keeper's side of packets whose owners have their home at another host, and owners that are
// lost by what others have said.

#include <algorithm>

#include "node/parts/impl.h"
#include "node/remote/about_bytes.h"
#include "node/remote/loads.h"

namespace phoenix {
namespace {

// How long a home that had no room is asked nothing.
constexpr Duration kShut = milliseconds(100);
constexpr int64_t kTurnedBackoffMs = 250;
constexpr uint8_t kMostTurns = 3;
constexpr size_t kOrphansAtOnce = 256;

}  // namespace

void Node::Impl::tell(const HostLife& to, NodeMessage message) {
  out.messages.push_back({to, std::move(message)});
}

// Is the owner's home another host?
bool Node::Impl::owned_elsewhere(const Slot& slot) const {
  if (!remote.on || slot.owner == kNobody) return false;
  const SessionNo session = directory.member(slot.owner).session;
  return session != kNobody && !directory.session(session).here;
}

// Puts an assignment up for delivery at the owner's home.
void Node::Impl::tell_home(SlotNo no, bool repeated) {
  Slot& slot = packets[no];
  const Session& session = directory.session(directory.member(slot.owner).session);
  slot.outbox = 0;
  slot.told = true;
  if (!slot.delivered) remote.offers.add(now.mono, no, slot.life);
  tell(session.record->home, Deliver{slot.head, repeated || slot.delivered || slot.maybe});
}

// The place of a packet that is in this epoch still, and whose owner's home is `from`.
SlotNo Node::Impl::told_by(const HostLife& from, const PacketKey& key, uint64_t epoch) const {
  const SlotNo no = packets.find(key);
  if (no == kNoSlot) return kNoSlot;
  const Slot& slot = packets[no];
  if (slot.coming || slot.head->epoch != epoch || !owned_elsewhere(slot)) return kNoSlot;
  const Session& session = directory.session(directory.member(slot.owner).session);
  return session.record->home == from ? no : kNoSlot;
}

void Node::Impl::taken(const HostLife& from, const Taken& message) {
  const SlotNo no = told_by(from, message.key, message.epoch);
  if (no == kNoSlot) return;
  note_delivered(no);
  packets[no].turns = 0;
  if (message.started) begin_work(no);
}

void Node::Impl::untaken(const HostLife& from, const Untaken& message) {
  const SlotNo no = told_by(from, message.key, message.epoch);
  if (no == kNoSlot) return;
  // Its owner was given it at another home, or before it came to this one: it stays, and is put up
  // there again, for the home has let it go.
  if (packets[no].delivered) return tell_home(no, true);
  packets[no].told = false;
  move_on(no, "its owner did not take it within its lease");
}

void Node::Impl::turned(const HostLife& from, const Turned& message) {
  Records records;
  if (message.session) records.sessions.push_back(message.session);
  if (message.member) records.members.push_back(message.member);
  learn(records);
  const SlotNo no = told_by(from, message.key, message.epoch);
  if (no == kNoSlot) return;
  Slot& slot = packets[no];
  slot.told = false;
  Member& owner = directory.member(slot.owner);
  if (message.why != TurnReason::kGone || owner.ring != kNoMember) {
    const Instant until = now.mono + kShut;
    owner.work.make().shut_until = until;
    remote.shut[until].push_back(slot.owner);
    if (owner.ring != kNoMember) placement.set_open(owner.ring, false);
  }
  if (slot.turns < kMostTurns) ++slot.turns;
  move_on(no, "its owner's host turned it away");
}

// Takes it from an owner that has not been given it, uncharged. What cannot be done now, because it
// is being written about, is found again by reconsider().
void Node::Impl::move_on(SlotNo no, const char* why) {
  Slot& slot = packets[no];
  if (slot.busy || slot.leaving || slot.owner == kNobody) return;
  const Packet& head = *slot.head;
  Packet asking = head;
  asking.avoid = head.owner->id;
  MemberNo to = kNobody;
  Change change;
  if (slot.turns >= kMostTurns) {
    change.event = Event::kEvict;
    change.parked = {
        .reason = ParkReason::kBackoff, .since = now.wall, .until = now.wall + kTurnedBackoffMs};
    slot.turns = 0;
    outwait_ticket(slot, change);
  } else {
    change = regrant(slot, asking, Event::kEvict, &to);
  }
  if (to == slot.owner) {
    // Nobody else could take it: it stays, and is offered once more.
    placement.add_load(directory.member(to).ring, -int64_t{head.spec->load});
    return put_delivery(no, false);
  }
  change.avoid = asking.avoid;
  change.reason = why;
  auto done = transition(head, status(slot), change, now.wall);
  if (!done) return;
  const uint8_t turns = slot.turns;
  move_untaken(no, std::move(*done), to,
               {.move = MoveCause::kReassign, .revoke = RevokeReason::kReassigned});
  packets[no].turns = turns;
}

// A member whose home had no room may be asked again, and one of which its home has said nothing.
void Node::Impl::open_again() {
  while (!remote.shut.empty() && remote.shut.begin()->first <= now.mono) {
    const auto over = remote.shut.extract(remote.shut.begin());
    for (const MemberNo no : over.mapped()) Sharing(*this).reopen(no);
  }
  // Those that were answered; the first of the others is the oldest.
  while (!remote.offers.empty()) {
    const auto [at, no, life] = remote.offers.top();
    const Slot& slot = packets[no];
    if (slot.used && slot.life == life && slot.told && !slot.delivered) break;
    remote.offers.pop();
  }
}

// --- owners that are lost -------------------------------------------------------------------

Loss Node::Impl::loss_of(const MemberRecord& record) {
  Loss loss;
  const std::string& why = record.reason;
  loss.cause = why == "disconnected"     ? EndCause::kDisconnect
               : why == "replaced"       ? EndCause::kReplaced
               : why == "retired"        ? EndCause::kRetired
               : why == "lost-with-host" ? EndCause::kNeverCalled
                                         : EndCause::kLease;
  if (why == "drained") loss = {.cause = EndCause::kRetired, .drained = true};
  return loss;
}

// Its owner is lost, durably. It waits for its turn to be placed anew.
void Node::Impl::orphan(SlotNo no, const Loss& loss) {
  Slot& slot = packets[no];
  PacketStep step;
  step.move = loss.drained                           ? MoveCause::kDrain
              : loss.cause == EndCause::kLease       ? MoveCause::kFreeze
              : loss.cause == EndCause::kNeverCalled ? MoveCause::kRestart
                                                     : MoveCause::kDeath;
  step.membership = true;
  const PacketPtr head = slot.head;
  detach_owner(step, *head, slot);
  Loss kept = loss;
  kept.life = slot.life;
  remote.losses[no] = kept;
  queue_orphan(no);
}

void Node::Impl::queue_orphan(SlotNo no) { remote.orphans.emplace_back(no, packets[no].life); }

// So many at once: thousands that are lost together must not hold up what else is to be written.
void Node::Impl::place_orphans() {
  while (!remote.orphans.empty() && remote.orphans_on_their_way < kOrphansAtOnce) {
    const auto [no, life] = remote.orphans.front();
    remote.orphans.pop_front();
    const Slot& slot = packets[no];
    if (!slot.used || slot.life != life || slot.busy || slot.coming || slot.leaving ||
        slot.owner != kNobody || !slot.head->owner) {
      continue;  // it has changed meanwhile, or comes here again when its write has settled
    }
    Loss loss = {.cause = EndCause::kNeverCalled, .blameless = true};
    const auto known = remote.losses.find(no);
    if (known != remote.losses.end() && known->second.life == life) loss = known->second;
    Ending ending;
    ending.cause = loss.cause;
    ending.drained = loss.drained;
    MemberNo to = kNobody;
    Change change = losing(slot, ending, &to);
    if (loss.blameless) change.reason = "its owner has no session";
    auto done = transition(*slot.head, status(slot), change, now.wall);
    if (!done) continue;
    Write write = new_write();
    write.with_others().is_orphan = true;
    step(write, no, std::move(*done), {}, to);
    ++remote.orphans_on_their_way;
    submit_write(std::move(write));
  }
}

// --- a link came up -------------------------------------------------------------------------

// All that is kept here and belongs to members at home there.
void Node::Impl::deliver_all(const HostLife& peer) {
  constexpr size_t kPortion = 256;
  constexpr size_t kPortionBytes = size_t{4} << 20;
  DeliverAll portion;
  size_t bytes = 0;
  const bool any = directory.has_sessions_of(peer);
  for (const SessionNo no : any ? directory.sessions() : std::vector<SessionNo>()) {
    const Session& session = directory.session(no);
    if (session.record->home != peer || !session.active()) continue;
    for (const MemberNo member : session.members) {
      for (const SlotNo slot_no : directory.member(member).work->held) {
        Slot& slot = packets[slot_no];
        slot.told = true;
        portion.items.push_back({slot.head, slot.delivered || slot.maybe});
        bytes += about_bytes(*slot.head);
        if (portion.items.size() < kPortion && bytes < kPortionBytes) continue;
        portion.last = false;
        bytes = 0;
        tell(peer, std::exchange(portion, {}));
      }
    }
  }
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    if (remote.slots[slot] == SlotHold::kDriven) portion.slots.push_back(static_cast<SlotId>(slot));
  }
  portion.last = true;
  tell(peer, std::move(portion));
}

}  // namespace phoenix
