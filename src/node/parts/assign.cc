// Placing, parking, losing, timing out: how packets come to owners and lose them.

#include <algorithm>

#include "keeper/draw.h"
#include "node/admission/admission.h"
#include "node/governed/asking.h"
#include "node/governed/noting.h"

namespace phoenix {

MemberNo Node::Impl::member_of(MemberIndex index) const { return by_ring[index]; }

void Node::Impl::enter_ring(MemberNo no) {
  number_on_ring(no, placement.join(ring_member(*directory.member(no).record)));
}

void Node::Impl::update_on_ring(MemberNo no, const RingMember& as) {
  const MemberIndex ring = directory.member(no).ring;
  const MemberIndex next = placement.update(ring, as);
  if (next == ring) return;
  by_ring[ring] = kNobody;
  number_on_ring(no, next);
}

// Has it from now on.
void Node::Impl::number_on_ring(MemberNo no, MemberIndex index) {
  Member& member = directory.member(no);
  member.ring = index;
  if (by_ring.size() <= index) {
    // By an eighth at a time, as there may be one of these at each of a thousand hosts.
    if (by_ring.capacity() <= index) by_ring.reserve(index + 1 + index / 8);
    by_ring.resize(index + 1, kNobody);
  }
  by_ring[index] = no;
  governance.rules.forget_decisions(member.record->key.ns(), index);
}

Match Node::Impl::match_of(const PacketSpec& spec) {
  return spec.match == CapabilityMatch::kAny ? Match::kAny : Match::kAll;
}

ClassId Node::Impl::intern(const Packet& head) {
  return placement.intern(head.key.ns(), head.required.list(), match_of(*head.spec));
}

PlaceQuery Node::Impl::query_of(const Packet& head, ClassId cls, const std::string& avoid) const {
  PlaceQuery query;
  query.point = head.placement_point;
  query.cls = cls;
  query.load = head.spec->load;
  query.k = config.window;
  query.nearest_first = head.spec->spread != Spread::kId;
  if (!avoid.empty()) {
    const MemberNo no = directory.find_member(MemberKey(head.key.ns(), avoid));
    if (no != kNobody) query.avoid = directory.member(no).ring;
  }
  return query;
}

std::optional<MemberNo> Node::Impl::place(const Packet& head, ClassId cls,
                                          const std::string& avoid) {
  governance.refusal.reset();
  if (parking.blocked(cls, head.spec->load)) return std::nullopt;
  PlaceQuery query = query_of(head, cls, avoid);
  std::optional<Asking> asking;
  if (RuleSet* const rules = rules_for(head)) query.permit = &asking.emplace(*this, *rules, head);
  const auto index = placement.place(query);
  // A handoff that finds no other owner than it has tells why.
  const bool hands = governance.handing.giver != kNobody;
  if (asking && (!index || hands)) governance.refusal = asking->met();
  if (!index) return std::nullopt;
  return member_of(*index);
}

Parked Node::Impl::park_for_room(ClassId cls) const {
  const auto gone = std::count_if(
      away.begin(), away.end(), [&](MemberIndex member) { return placement.matches(member, cls); });
  const bool capable = placement.capable(cls) > static_cast<size_t>(gone);
  return {.reason = capable ? ParkReason::kAllAtCapacity : ParkReason::kNoCapableMember,
          .since = now.wall,
          .until = kNoWall};
}

// Finds the next owner and reserves its room, or says why there is none.
Change Node::Impl::grant_or_park(const Packet& head, ClassId cls, Event event, MemberNo* to) {
  Change change;
  change.event = event;
  *to = kNobody;
  if (head.spec->not_before > now.wall) {
    change.parked = {
        .reason = ParkReason::kNotBefore, .since = now.wall, .until = head.spec->not_before};
    return change;
  }
  const auto member = place(head, cls, head.avoid);
  if (!member) {
    change.parked = parked_now(cls);
    return change;
  }
  *to = *member;
  Admission(*this).name_owner(change, head, *to);
  placement.add_load(directory.member(*to).ring, head.spec->load);
  return change;
}

// Requires: room at `to` is reserved; the packet is pending and not busy.
void Node::Impl::grant(SlotNo no, MemberNo to, Event event, std::string reason) {
  Slot& slot = packets[no];
  const Member& owner = directory.member(to);
  Change change;
  change.event = event;
  Admission(*this).name_owner(change, *slot.head, to, true);
  change.reason = std::move(reason);
  auto done = transition(*slot.head, status(slot), change, now.wall);
  if (!done) {
    placement.add_load(owner.ring, -int64_t{slot.head->spec->load});
    return;
  }
  Write write = new_write();
  step(write, no, std::move(*done), {}, to);
  submit_write(std::move(write));
}

// Puts a pending packet among those that wait for room, or for what policies say of it.
void Node::Impl::park(SlotNo no) {
  Slot& slot = packets[no];
  const Parked why = parked_now(slot.cls);
  if (why.reason == ParkReason::kApprovalRequired && !wait_for_word(no, *governance.refusal)) {
    return;
  }
  if (slot.parked != why.reason) slot.parked_since = now.wall;
  slot.parked = why.reason;
  slot.wait_until = kNever;
  if (governance.refusal) {
    Noting(*this).held(no);
    return hold(no);
  }
  if (!slot.queued) parking.add(slot, no);
  slot.queued = true;
}

// Looks at one packet afresh and does what its state demands. Called whenever a timer, a commit or
// a refusal may have changed what that is; harmless at any time.
void Node::Impl::reconsider(SlotNo no) {
  Slot& slot = packets[no];
  if (!slot.used || slot.busy || slot.coming || slot.leaving || !is_ready) return;
  const PacketSpec& spec = *slot.head->spec;
  if (spec.deadline != kNoWall && spec.deadline <= now.wall) {
    return end_packet(no, Event::kExpire, "its deadline has passed", RevokeReason::kExpired);
  }
  if (slot.head->status == Status::kPending) return try_place(no);
  if (slot.owner == kNobody) {
    if (remote.on) return queue_orphan(no);
    // Its owner is not known any more: after a start, one that never came back.
    MemberNo to = kNobody;
    Change change = regrant(slot, *slot.head, Event::kLose, &to);
    change.reason = "its owner has no session";
    auto done = transition(*slot.head, status(slot), change, now.wall);
    if (!done) return;
    Write write = new_write();
    step(write, no, std::move(*done), {}, to);
    write.packets.back().move = MoveCause::kRestart;
    write.packets.back().membership = true;
    return submit_write(std::move(write));
  }
  if (slot.timeout_at <= Instant{now.mono.ns - paused.ns}) return time_out(no);
  // Its owner's home has another word to hear than its last one.
  if (!slot.told && owned_elsewhere(slot)) put_delivery(no, slot.delivered);
}

void Node::Impl::try_place(SlotNo no) {
  Slot& slot = packets[no];
  const Packet& head = *slot.head;
  if (slot.wait_until != kNever && slot.wait_until > now.mono) return;
  if (head.spec->not_before > now.wall) {
    slot.parked = ParkReason::kNotBefore;
    return;
  }
  if (slot.queued) return;  // woken when there is room
  const auto to = place(head, slot.cls, head.avoid);
  if (!to) return park(no);
  placement.add_load(directory.member(*to).ring, head.spec->load);
  const char* const why = slot.parked == ParkReason::kBackoff      ? "its backoff is over"
                          : slot.parked == ParkReason::kLiveTicket ? "no ticket of it is good now"
                                                                   : "";
  grant(no, *to, Event::kGrant, why);
}

// Ends a packet without its owner's word.
void Node::Impl::end_packet(SlotNo no, Event event, std::string reason, RevokeReason revoke) {
  Slot& slot = packets[no];
  Change change;
  change.event = event;
  change.reason = std::move(reason);
  auto done = transition(*slot.head, status(slot), change, now.wall);
  if (!done) return;
  Write write = new_write();
  step(write, no, std::move(*done), {}, kNobody);
  write.packets.back().revoke = revoke;
  submit_write(std::move(write));
}

void Node::Impl::time_out(SlotNo no) {
  Slot& slot = packets[no];
  const Packet& head = *slot.head;
  const uint32_t attempts = head.attempts + 1;
  const bool last = attempts >= head.spec->max_attempts;
  Change change;
  change.event = last ? Event::kTimeoutForGood : Event::kTimeout;
  change.avoid = head.owner ? head.owner->id : std::string();
  change.reason =
      "the attempt took longer than " + std::to_string(head.spec->attempt_timeout_seconds) + " s";
  change.last_error = std::make_shared<const LastError>(LastError{change.reason, "timeout"});
  if (!last) {
    change.parked = {.reason = ParkReason::kBackoff,
                     .since = now.wall,
                     .until = now.wall + attempt_backoff_ms(attempts)};
    outwait_ticket(slot, change);
  }
  auto done = transition(head, status(slot), change, now.wall);
  if (!done) return;
  Write write = new_write();
  step(write, no, std::move(*done), {}, kNobody);
  write.packets.back().revoke = RevokeReason::kTimeout;
  submit_write(std::move(write));
}

// A member may have got room: gives it what waits, best first.
void Node::Impl::wake(MemberNo no) {
  for (const SlotNo slot : held_for(no)) look_again(slot);
  if (parking.size() == 0) return;
  fill(
      no, [this, no](SlotNo slot) { grant(slot, no, Event::kGrant, "a member got room"); },
      [this](SlotNo slot) { set_aside(slot); });
}

// What that is, one after the other, and what policies keep from it. Requires: `take` and `skip`
// take the slot out of the parking.
void Node::Impl::fill(MemberNo no, const std::function<void(SlotNo)>& take,
                      const std::function<void(SlotNo)>& skip) {
  if (planted(PlantedBug::kWakeUpLost)) return;
  if (no >= directory.member_numbers() || !directory.has_member(no)) return;
  while (parking.size() > 0) {
    const Member& member = directory.member(no);
    if (member.ring == kNoMember || !placement.open(member.ring)) return;
    const uint32_t load = placement.load(member.ring);
    const uint32_t most = placement.max_load(member.ring);
    if (load >= most) return;
    const auto slot =
        parking.best(most - load, [&](ClassId cls) { return placement.matches(member.ring, cls); });
    if (!slot) return;
    const Packet& head = *packets[*slot].head;
    RuleSet* const rules = rules_for(head);
    if (rules != nullptr && !Asking(*this, *rules, head).may(member.ring)) {
      skip(*slot);
      continue;
    }
    placement.add_load(member.ring, packets[*slot].head->spec->load);
    take(*slot);
  }
}

// Timers of what the packet waits for in its present state. fresh: its deadline has no timer yet.
void Node::Impl::arm(SlotNo no, bool fresh) {
  const Slot& slot = packets[no];
  if (slot.head->status == Status::kPending && slot.wait_until != kNever) {
    packet_timers.add(slot.wait_until, no, slot.life);
  }
  arm_wall(no, fresh);
}

void Node::Impl::arm_wall(SlotNo no, bool fresh) {
  const Slot& slot = packets[no];
  const PacketSpec& spec = *slot.head->spec;
  if (slot.head->status == Status::kPending && spec.not_before > now.wall) {
    wall_timers.add(spec.not_before, no, slot.life);
  }
  if (spec.deadline != kNoWall && fresh) wall_timers.add(spec.deadline, no, slot.life);
}

// After a refusal: everything this packet may need is looked at again in a moment.
void Node::Impl::retry_later(SlotNo slot) {
  again.insert(slot);
  retry_at = std::min(retry_at, now.mono + milliseconds(100));
}

// What becomes of one packet of members that end.
Change Node::Impl::losing(const Slot& slot, const Ending& ending, MemberNo* to) {
  const Packet& head = *slot.head;
  const bool blamed = !ending.drained && ending.cause != EndCause::kNeverCalled;
  const bool charged = blamed && slot.delivered;
  const uint32_t losses = head.losses + (charged ? 1 : 0);
  Change change;
  if (charged && losses >= head.spec->max_losses) {
    change.event = Event::kLoseForGood;
    change.last_error = std::make_shared<const LastError>(
        LastError{"its owner was lost " + std::to_string(losses) + " times", "owners-lost"});
  } else if (charged && loss_backoff_ms(losses) > 0) {
    change.event = Event::kLose;
    change.parked = {.reason = ParkReason::kBackoff,
                     .since = now.wall,
                     .until = now.wall + loss_backoff_ms(losses)};
    outwait_ticket(slot, change);
  } else {
    change = regrant(slot, head, ending.drained ? Event::kEvict : Event::kLose, to);
  }
  change.charge_loss = charged;
  constexpr std::array<const char*, 5> kWhy = {
      "its owner's lease ran out", "its owner's connection broke", "its owner was replaced",
      "its owner retired", "its owner made no call after the host's restart"};
  change.reason =
      ending.drained ? "its owner was drained" : kWhy[static_cast<size_t>(ending.cause)];
  return change;
}

// Its part of their common write.
void Node::Impl::lose(Write& write, SlotNo no, const Ending& ending) {
  const Slot& slot = packets[no];
  MemberNo to = kNobody;
  const Change change = losing(slot, ending, &to);
  auto done = transition(*slot.head, status(slot), change, now.wall);
  if (!done) return;
  step(write, no, std::move(*done), {}, to);
  PacketStep& step = write.packets.back();
  step.revoke = ending.drained                       ? RevokeReason::kDrained
                : ending.cause == EndCause::kRetired ? RevokeReason::kEvicted
                                                     : RevokeReason::kLease;
  step.move = ending.drained                           ? MoveCause::kDrain
              : ending.cause == EndCause::kLease       ? MoveCause::kFreeze
              : ending.cause == EndCause::kNeverCalled ? MoveCause::kRestart
                                                       : MoveCause::kDeath;
  step.membership = true;
}

// An undelivered packet that is about to be moved is not delivered meanwhile.
void Node::Impl::withdraw(SlotNo no) {
  Slot& slot = packets[no];
  if (slot.outbox == 0 || slot.delivered) return;
  directory.session(directory.member(slot.owner).session)
      .attached.make()
      .outbox.remove(slot.outbox);
  slot.outbox = 0;
}

// Takes from its owner what that has not been handed yet. Requires: room at `to` is reserved.
void Node::Impl::move_untaken(SlotNo no, Transition done, MemberNo to, const Moved& why) {
  Write write = new_write();
  add_untaken(write, no, std::move(done), to, why);
  submit_write(std::move(write));
}

void Node::Impl::add_untaken(Write& write, SlotNo no, Transition done, MemberNo to,
                             const Moved& why) {
  withdraw(no);
  step(write, no, std::move(done), {}, to);
  PacketStep& last = write.packets.back();
  last.move = why.move;
  last.revoke = why.revoke;
  last.membership = why.membership;
}

// What no poll or stream took within one lease goes to others.
void Node::Impl::take_back(SessionNo no) {
  Session& session = directory.session(no);
  for (const uint32_t token : session.attached->outbox.untaken_until(now.mono - session.lease())) {
    if (is_foreign(token)) {
      give_back(token & ~kForeignToken);
      continue;
    }
    const SlotNo slot_no = token;
    Slot& slot = packets[slot_no];
    if (slot.busy || slot.delivered || slot.leaving) continue;
    const std::string untaken(slot.head->owner ? slot.head->owner->id : std::string());
    Packet asking = *slot.head;
    asking.avoid = untaken;
    MemberNo to = kNobody;
    Change change = regrant(slot, asking, Event::kEvict, &to);
    if (to == slot.owner) {
      // Nobody else could take it; it stays and waits for another lease.
      placement.add_load(directory.member(to).ring, -int64_t{slot.head->spec->load});
      session.attached.make().outbox.remove(slot.outbox);
      put_delivery(slot_no, false);
      continue;
    }
    change.avoid = untaken;
    change.reason = "its owner did not take it within its lease";
    auto done = transition(*slot.head, status(slot), change, now.wall);
    if (!done) continue;
    move_untaken(slot_no, std::move(*done), to,
                 {.move = MoveCause::kReassign, .revoke = RevokeReason::kReassigned});
  }
}

// What a drain takes from its member at once: what it has not been given yet.
void Node::Impl::part(MemberNo no, const TakeMoved& take) {
  const Member& member = directory.member(no);
  // Since the host's start nobody knows what it was given: its first call tells.
  if (member.session != kNobody && !directory.session(member.session).called) return;
  const std::vector<SlotNo> held = member.work->held;
  for (const SlotNo slot_no : held) {
    const Slot& slot = packets[slot_no];
    if (slot.busy || slot.delivered || slot.maybe || slot.leaving) continue;
    MemberNo to = kNobody;
    Change change = regrant(slot, *slot.head, Event::kEvict, &to);
    change.reason = "its owner drains and had not been given it yet";
    take(slot_no, change, to);
  }
}

// What nobody has been handed yet and those who joined could have, one of each session in turn.
// Bounded, so that a join costs the same however much waits; what is left out stays where it is.
std::vector<SlotNo> Node::Impl::drawable(std::span<const MemberIndex> newcomers, Instant until) {
  constexpr size_t kLooks = 4'096;
  struct Look {
    SessionNo session;
    uint64_t position;  // behind it
  };
  std::vector<Look> looks;
  for (auto it = with_untaken.begin(); it != with_untaken.end() && looks.size() < kLooks;) {
    if (!directory.has_session(*it) || !directory.session(*it).attached->outbox.oldest_untaken()) {
      it = with_untaken.erase(it);
    } else {
      looks.push_back({*it++, 0});
    }
  }
  std::vector<SlotNo> slots;
  size_t looked = 0;
  while (!looks.empty()) {
    size_t kept = 0;
    for (const Look look : looks) {
      if (looked++ == kLooks) return slots;
      const auto next =
          directory.session(look.session).attached->outbox.next_untaken(look.position, until);
      if (!next) continue;
      looks[kept++] = {look.session, next->position};
      // What others keep is theirs to draw.
      if (is_foreign(next->token)) continue;
      if (may_be_drawn(packets[next->token], newcomers)) slots.push_back(next->token);
    }
    looks.resize(kept);
  }
  return slots;
}

bool Node::Impl::may_be_drawn(const Slot& slot, std::span<const MemberIndex> newcomers) const {
  // Asking more of them whether they match costs more than placing the packet.
  constexpr size_t kAsked = 8;
  if (slot.busy || slot.delivered || slot.leaving || held_back(slot)) return false;
  if (slot.head->spec->not_before > now.wall) return false;
  const MemberIndex owner = directory.member(slot.owner).ring;
  if (owner == kNoMember) return false;
  if (std::binary_search(newcomers.begin(), newcomers.end(), owner)) return false;
  return newcomers.size() > kAsked ||
         std::any_of(newcomers.begin(), newcomers.end(),
                     [&](MemberIndex newcomer) { return placement.matches(newcomer, slot.cls); });
}

// For all who joined just now. One write of all, so that what the owners' new room is given to does
// not hang on how the store puts writes together.
void Node::Impl::draw() {
  const std::vector<MemberNo> newcomers = std::exchange(joined, {});
  Write write = new_write();
  const auto take = [this, &write](SlotNo slot_no, const Change& change, MemberNo to) {
    const Slot& slot = packets[slot_no];
    auto done = transition(*slot.head, status(slot), change, now.wall);
    if (!done)
      return placement.add_load(directory.member(to).ring, -int64_t{slot.head->spec->load});
    add_untaken(write, slot_no, std::move(*done), to,
                {.move = MoveCause::kJoin, .membership = true});
  };
  // Not what became durable at this very moment: it may stand behind the join in the log.
  draw_until(newcomers, now.mono - Duration{1}, take);
  submit_write(std::move(write));
}

// Those who joined get of what was put up for others until then what placing all of it anew would
// give them, and nobody else gets anything (I5).
void Node::Impl::draw_until(std::span<const MemberNo> members, Instant until,
                            const TakeMoved& take) {
  std::vector<MemberIndex> newcomers;
  for (const MemberNo no : members) {
    if (no >= directory.member_numbers() || !directory.has_member(no)) continue;
    const MemberIndex newcomer = directory.member(no).ring;
    if (newcomer != kNoMember && placement.open(newcomer)) newcomers.push_back(newcomer);
  }
  if (newcomers.empty()) return;
  std::sort(newcomers.begin(), newcomers.end());
  const std::vector<SlotNo> slots = drawable(newcomers, until);
  std::vector<Drawable> shown;
  std::deque<Asking> asking;  // of those packets
  shown.reserve(slots.size());
  for (const SlotNo no : slots) {
    const Slot& slot = packets[no];
    shown.push_back(
        {directory.member(slot.owner).ring, query_of(*slot.head, slot.cls, slot.head->avoid)});
    if (RuleSet* const rules = rules_for(*slot.head)) {
      shown.back().query.permit = &asking.emplace_back(*this, *rules, *slot.head);
    }
  }
  for (const Drawn& drawn : drawn_by(placement, newcomers, shown)) {
    const MemberNo to = member_of(drawn.to);
    Change change;
    change.event = Event::kEvict;
    Admission(*this).name_owner(change, *packets[slots[drawn.packet]].head, to);
    change.reason = "a member joined that is to have it, and its owner had not been given it yet";
    placement.add_load(drawn.to, shown[drawn.packet].query.load);
    take(slots[drawn.packet], change, to);
  }
}

}  // namespace phoenix
