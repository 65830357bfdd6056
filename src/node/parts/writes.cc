// From decision to fact: groups for the store, and what happens when it has answered.

#include <algorithm>

#include "node/governed/noting.h"
#include "node/parts/impl.h"
#include "node/signed/certifying.h"

namespace phoenix {
namespace {

constexpr int64_t kAnswerKeptMs = 24LL * 3600 * 1000;
constexpr Duration kProbeEvery = seconds(1);

// A handoff that was called for then is durable now.
void note_phases(Instant called, const HandoffSpan& span, Instant now, Stats& stats) {
  stats.handoff.add(now - called);
  PhaseTimes spent = span.spent;
  HandoffMeter::add(spent, HandoffPhase::kCommit, now - span.written);
  for (size_t i = 0; i < spent.size(); ++i) {
    if (spent[i]) stats.handoff_phases[i].add(*spent[i]);
  }
}

bool gone(MemberStatus status) {
  return status == MemberStatus::kDetached || status == MemberStatus::kRetired;
}

}  // namespace

Write Node::Impl::new_write() {
  Write write;
  write.id = ++next_write;
  write.at = now;
  return write;
}

// Adds a packet's change. Its room at `to` has been reserved by the caller.
void Node::Impl::step(Write& write, SlotNo no, Transition done, std::vector<ContentWrite> contents,
                      MemberNo to, const Said& said) {
  Slot& slot = packets[no];
  const bool drains = slot.owner != kNobody &&
                      directory.member(slot.owner).record->status == MemberStatus::kDraining;
  const bool fresh = slot.coming && slot.head->revision <= 1;
  static const Packet kNothing = {};
  record(fresh ? kNothing : *slot.head, done, contents, drains, said);
  PutPacket put;
  put.head = done.head;
  put.expect_epoch = fresh ? 0 : slot.head->epoch;
  put.expect_revision = done.head->revision - 1;
  put.contents = std::move(contents);
  put.entry = std::move(done.entry);
  write.ops.emplace_back(std::move(put));
  for (std::string& note : done.notes) write.ops.emplace_back(note_on(*done.head, std::move(note)));
  Noting(*this).held(write, *done.head);
  PacketStep step;
  step.slot = no;
  step.next = std::move(done.head);
  step.row = done.row;
  step.to = to;
  write.packets.push_back(std::move(step));
  slot.busy = true;
  // What is about to change is nobody else's to take. A refusal looks at it again.
  unqueue(no);
  if (to == kNobody) return;
  MemberWork& work = directory.member(to).work.make();
  ++work.incoming;
  work.incoming_load += write.packets.back().next->spec->load;
  note_load(to);
}

void Node::Impl::put_member(Write& write, MemberNo no, MemberRecord next, std::string event,
                            std::string_view proof) {
  PutMember put;
  const MemberRecord* const before = no == kNobody ? nullptr : directory.member(no).record.get();
  put.expect_revision = before == nullptr ? 0 : before->revision;
  next.revision = put.expect_revision + 1;
  next.updated_at = now.wall;
  next.uncertified = next.uncertified && next.status == MemberStatus::kRetired;
  if (no != kNobody) {
    directory.member(no).busy = true;
  }
  write.unblocks.push_back(block_name(next.key));
  put.recorded = record(before, next, event, proof);
  put.event = std::move(event);
  put.record = std::make_shared<const MemberRecord>(std::move(next));
  write.members.push_back({no, put.record});
  write.ops.emplace_back(std::move(put));
}

void Node::Impl::put_session(Write& write, SessionNo no, SessionRecord next) {
  PutSession put;
  put.expect_revision = no == kNobody ? 0 : directory.session(no).record->revision;
  next.revision = put.expect_revision + 1;
  if (no != kNobody) {
    directory.session(no).busy = true;
  }
  write.unblocks.push_back(session_block_name(next.id));
  put.record = std::make_shared<const SessionRecord>(std::move(next));
  write.sessions.push_back({no, put.record});
  write.ops.emplace_back(std::move(put));
}

// The reply that leaves with the commit, kept under the Idempotency-Key if there is one.
void Node::Impl::finish_with(Write& write, const Command& command, ReplyBody body) {
  if (command.idempotency) {
    PutAnswer answer;
    answer.scope = command.idempotency->scope;
    answer.request = command.idempotency->request;
    answer.answer = encode_reply(body);
    answer.expires_at = now.wall + kAnswerKeptMs;
    write.ops.emplace_back(std::move(answer));
  }
  write.replies.push_back({.id = command.id, .body = std::move(body), .replayed = false});
  const bool of_records = !write.members.empty() || !write.sessions.empty();
  if (remote.on && of_records) write.with_others().command = command;
}

// Nothing but the answer: what it tells of was written elsewhere.
void Node::Impl::keep(const Command& command, ReplyBody answer) {
  Write write = new_write();
  finish_with(write, command, std::move(answer));
  submit_write(std::move(write));
}

void Node::Impl::submit_write(Write write) {
  if (write.ops.empty()) {
    for (Reply& done : write.replies) reply(done.id, std::move(done.body));
    return;
  }
  Group group;
  group.id = write.id;
  group.ops = std::move(write.ops);
  if (planted(PlantedBug::kAcknowledgeBeforeSync)) {
    for (const Reply& early : write.replies) out.replies.push_back(early);
    write.replies.clear();
  }
  if (planted(PlantedBug::kDeliverBeforeGrant)) {
    for (const PacketStep& step : write.packets) {
      if (step.to == kNobody) continue;
      const SessionNo no = directory.member(step.to).session;
      if (no == kNobody) continue;
      for (const Waiter& waiter : directory.session(no).attached->waiters) {
        if (waiter.stream) continue;
        DeliveriesReply early;
        early.deliveries.push_back({std::string(directory.member(step.to).record->key.id()),
                                    step.next->epoch,
                                    {step.next, Status::kAssigned, {}}});
        early.next = format_cursor({config.run, 0, 0});
        early.run = config.run;
        early.lease_ms = static_cast<uint32_t>(directory.session(no).lease().ms());
        reply(waiter.request, std::move(early));
        waiting.erase(waiter.request);
        auto& waiters = directory.session(no).attached.make().waiters;
        waiters.erase(waiters.begin() + (&waiter - waiters.data()));
        break;
      }
    }
  }
  out.groups.push_back(std::move(group));
  const uint64_t id = write.id;
  writes.emplace_hint(writes.end(), id, std::move(write));
}

void Node::Impl::completed(uint64_t batch, std::span<const uint64_t> ids,
                           std::span<const Outcome> outcomes, const std::string& why) {
  bool any_unknown = false;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (outcomes[i] == Outcome::kUnknown) {
      unknown_batches[batch].push_back(ids[i]);
      any_unknown = true;
      continue;
    }
    settle_write(ids[i], outcomes[i], why);
  }
  if (any_unknown) out.resolves.push_back(batch);
}

void Node::Impl::resolved(uint64_t batch, Resolution resolution) {
  if (resolution == Resolution::kUnknown) {
    out.resolves.push_back(batch);
    return;
  }
  const auto it = unknown_batches.find(batch);
  if (it == unknown_batches.end()) return;
  const std::vector<uint64_t> ids = std::move(it->second);
  unknown_batches.erase(it);
  const bool applied = resolution == Resolution::kApplied;
  for (const uint64_t id : ids) {
    settle_write(id, applied ? Outcome::kCommitted : Outcome::kRefused,
                 "the store could not tell whether it had written");
  }
}

void Node::Impl::settle_write(uint64_t id, Outcome outcome, const std::string& why) {
  const auto it = writes.find(id);
  if (it == writes.end()) return;
  Write write = std::move(it->second);
  writes.erase(it);
  if (outcome == Outcome::kCommitted) {
    refused_why.clear();
    probe_at = kNever;
    commit_write(write);
  } else {
    abandon_write(write, outcome, why);
  }
  if (write.apart && write.apart->is_orphan) --remote.orphans_on_their_way;
  for (const MemberKey& key : write.coming) coming_members.erase(key);
  for (const std::string& name : write.unblocks) unblock(name);
  if (remote.on) deliver_deferred();
}

void Node::Impl::commit_write(Write& write) {
  std::vector<SessionNo> arrivals;
  for (const SessionStep& step : write.sessions) {
    if (step.no != kNobody && step.next && !directory.session(step.no).here) {
      arrivals.push_back(step.no);
    }
    apply(step);
  }
  for (const MemberStep& step : write.members) apply(step);
  for (const SessionStep& step : write.sessions) {
    if (!step.next) continue;
    const SessionNo no = directory.find_session(step.next->id);
    if (no != kNobody) relink(no);
  }
  for (const MemberStep& step : write.members) {
    if (!step.next) continue;
    const MemberNo no = directory.find_member(step.next->key);
    if (no != kNobody) sync_ring(no);
  }
  for (const SessionNo no : arrivals) arrive(no);
  for (const PacketStep& step : write.packets) apply(write, step);
  if (!write.documents.empty()) settle_documents(write, true);
  if (write.is_note) Noting(*this).settled(true);
  if (write.certifies != 0) Certifying(*this).written(write.certifies, true);
  if (remote.on) orphan_taken_over(write);
  if (write.ending != 0) ended(write);
  if (remote.on) tell_of(write);
  for (Reply& done : write.replies) out.replies.push_back(std::move(done));
  if (!write.apart) return;
  if (!write.apart->attaches.empty()) attached_here(*write.apart);
  if (!write.apart->adopts.empty()) adopted(*write.apart);
}

// Slots may have been taken over while this was written: what came with them and belongs to lives
// that it has ended is not among its packets.
void Node::Impl::orphan_taken_over(const Write& write) {
  for (const MemberStep& step : write.members) {
    const MemberNo no = step.next ? directory.find_member(step.next->key) : kNobody;
    if (no == kNobody) continue;
    const std::vector<SlotNo> held = directory.member(no).work->held;
    for (const SlotNo slot : held) {
      if (!may_hold(no, packets[slot].head->owner->incarnation)) orphan(slot, loss_of(*step.next));
    }
  }
}

// Nothing of it happened, or an expectation failed. Room goes back; whoever asked is told.
void Node::Impl::abandon_write(Write& write, Outcome outcome, const std::string& why) {
  if (outcome == Outcome::kRefused && refused_why.empty()) {
    refused_why = why.empty() ? "the store refused a write" : why;
    refused_since = now.wall;
  }
  if (outcome == Outcome::kRefused) probe_at = now.mono + kProbeEvery;
  ++stats.store_refusals;
  if (!write.documents.empty()) settle_documents(write, false);
  if (write.is_note) Noting(*this).settled(false);
  if (write.certifies != 0) {
    Certifying(*this).written(write.certifies, false);
    if (outcome == Outcome::kConflict) want_newer(write);
  }
  for (const PacketStep& step : write.packets) {
    Slot& slot = packets[step.slot];
    if (step.to != kNobody) {
      Member& member = directory.member(step.to);
      MemberWork& work = member.work.make();
      --work.incoming;
      work.incoming_load -= step.next->spec->load;
      note_load(step.to);
      if (member.ring != kNoMember) {
        placement.add_load(member.ring, -int64_t{step.next->spec->load});
      }
      // Others may wait for that room. Not at once: while the store refuses, that would spin.
      room_again.insert(step.to);
      retry_at = std::min(retry_at, now.mono + milliseconds(100));
    }
    slot.busy = false;
    unblock(step.next->key);
    if (slot.coming) {
      placement.release(slot.cls);
      packets.drop(step.slot);
      forget_governed(step.next->key);
      looked_up.erase(step.next->key);  // what is there is to be read anew
    } else {
      const bool withdrawn = slot.owner != kNobody && slot.outbox == 0 &&
                             directory.member(slot.owner).session != kNobody &&
                             !owned_elsewhere(slot);
      if (withdrawn) put_delivery(step.slot, slot.delivered);
      retry_later(step.slot);
    }
  }
  for (const auto& [key, what] : write.told) governance.held_notes.take_back(key, what);
  for (const MemberStep& step : write.members) {
    if (step.no == kNobody) continue;
    directory.member(step.no).busy = false;
    maybe_drained.push_back(step.no);  // its deadline may have come meanwhile
  }
  for (const SessionStep& step : write.sessions) {
    if (step.no != kNobody) directory.session(step.no).busy = false;
  }
  for (Ending& ending : endings) {
    if (ending.id != write.ending) continue;
    ending.writing = false;
    ending.retry_at = now.mono + milliseconds(100);
    if (outcome == Outcome::kConflict) want_newer(write);
    return;  // its replies stay with it
  }
  if (write.apart && abandon_apart(write, outcome)) return;
  Error error = {.kind = ErrorKind::kStoreUnreachable,
                 .detail = "nothing was changed: " + (why.empty() ? "the store refused" : why)};
  if (outcome == Outcome::kConflict) {
    error = {.kind = ErrorKind::kConflict, .detail = "it was changed meanwhile; try again"};
  }
  error.retry_after_ms = 1000;
  if (write.apart && !write.apart->attaches.empty()) refuse(write.apart->command->id, error);
  for (const Reply& asked : write.replies) refuse(asked.id, error);
}

// Whoever heeds that this host is not ready sends it no work, so it has to find out by itself that
// the store takes writes again: by a write of nothing, unless others are on their way.
void Node::Impl::probe_store() {
  probe_at = kNever;
  if (refused_why.empty() || !writes.empty()) return;
  Write write = new_write();
  Group group;
  group.id = write.id;
  out.groups.push_back(std::move(group));
  const uint64_t id = write.id;
  writes.emplace_hint(writes.end(), id, std::move(write));
}

void Node::Impl::apply(const Write& write, const PacketStep& step) {
  Slot& slot = packets[step.slot];
  const PacketPtr before = slot.coming ? nullptr : slot.head;
  const Packet& next = *step.next;
  ++stats.row_visits[step.row];
  unqueue(step.slot);
  const bool stays = before && before->owner == next.owner && before->epoch == next.epoch &&
                     !is_terminal(next.status) && next.owner.has_value();
  if (before && !stays) detach_owner(step, *before, slot);
  if (!slot.coming) {
    --stats.packets_now[static_cast<size_t>(status(slot))];
  } else if (is_terminal(slot.head->status)) {  // a retry
    --stats.packets_ended[static_cast<size_t>(slot.head->status)];
  }
  if (slot.coming && next.revision == 1) ++stats.submitted;
  const bool fresh = slot.coming;
  slot.coming = false;
  slot.busy = false;
  slot.head = step.next;
  if (before && before->required != next.required) {
    const ClassId old = slot.cls;
    slot.cls = intern(next);
    placement.release(old);
  }
  if (!stays) slot.started = false;
  if (remote.on) remote.losses.erase(step.slot);
  if (step.started) {
    slot.started = true;
    if (slot.delivered) stats.work = stats.work + (now.mono - slot.unsaved_since);
    slot.unsaved_since = now.mono;
  }
  unblock(next.key);
  if (write.handoff) note_phases(write.at.mono, *write.handoff, now.mono, stats);
  if (is_terminal(next.status)) {
    ++stats.packets_ended[static_cast<size_t>(next.status)];
    answer_awaits(step.next);
    if (!looked_up.empty()) looked_up.erase(next.key);
    forget_governed(next.key);
    placement.release(slot.cls);
    packets.drop(step.slot);
    return;
  }
  ++stats.packets_now[static_cast<size_t>(status(slot))];
  if (step.to != kNobody) {
    attach_owner(step.slot, slot, step.to);
  } else if (next.status == Status::kPending) {
    slot.parked = next.parked->reason;
    slot.parked_since = next.parked->since;
    slot.wait_until = kNever;
    if (waits_its_time(next.parked->reason)) {
      slot.wait_until =
          now.mono + milliseconds(std::max<int64_t>(0, next.parked->until - write.at.wall));
      if (next.parked->reason == ParkReason::kLiveTicket) {
        slot.ticket_until = std::max(slot.ticket_until, slot.wait_until);
      }
    }
  }
  if (next.ticket_ms == 0) slot.ticket_until = {};
  // A checkpoint: whoever asks the owner's home again is shown it.
  if (stays && owned_elsewhere(slot)) put_delivery(step.slot, true);
  arm(step.slot, fresh);
  reconsider(step.slot);  // a timer may have come up while it was busy
}

// Of a packet that has ended.
void Node::Impl::answer_awaits(const PacketPtr& ended_now) {
  const auto awaiting =
      packet_awaits.empty() ? packet_awaits.end() : packet_awaits.find(ended_now->key);
  if (awaiting == packet_awaits.end()) return;
  for (const Await& await : awaiting->second) {
    await_timers.erase({await.until, await.request});
    reply(await.request,
          PacketReply{.packet = {ended_now, ended_now->status, {}}, .created = false});
  }
  packet_awaits.erase(awaiting);
}

// The old owner has lost it: it gets room, and is told if it does not know.
void Node::Impl::detach_owner(const PacketStep& step, const Packet& before, Slot& slot) {
  if (slot.owner == kNobody) return;
  Member& owner = directory.member(slot.owner);
  unlist(slot, owner);
  if (owner.ring != kNoMember) {
    placement.add_load(owner.ring, -int64_t{before.spec->load});
    with_room.push_back(slot.owner);
  }
  note_load(slot.owner);
  if (owner.session != kNobody) {
    Session& session = directory.session(owner.session);
    if (slot.outbox != 0) session.attached.make().outbox.remove(slot.outbox);
    if (!session.here) {
      if (session.active() && !planted(PlantedBug::kWithdrawalNotTold)) {
        tell(session.record->home, Withdraw{before.key, before.epoch, step.revoke});
      }
    } else if (step.revoke && slot.delivered) {
      session.attached.make().outbox.revoke(std::string(before.key.id()), before.epoch,
                                            *step.revoke);
      with_news.push_back(owner.session);
    }
  }
  if (slot.delivered) stats.work = stats.work + (now.mono - slot.unsaved_since);
  if (step.move) {
    ++stats.moved[static_cast<size_t>(*step.move)];
    if (step.membership) {
      ++stats.rebalance_moved;
      ++stats.rebalance_minimum;
    }
    if (slot.delivered && *step.move != MoveCause::kHandoff) {
      stats.wasted_work = stats.wasted_work + (now.mono - slot.unsaved_since);
    }
    slot.lost = *step.move != MoveCause::kHandoff;
    slot.lost_at = now.mono;
  }
  maybe_drained.push_back(slot.owner);
  if (slot.delivered) slot.ran_before = true;
  slot.owner = kNobody;
  slot.outbox = 0;
  slot.told = false;
  slot.timeout_at = kNever;
}

// Out of its owner's list.
void Node::Impl::unlist(const Slot& slot, Member& owner) {
  std::vector<SlotNo>& held = owner.work.make().held;
  const SlotNo last = held.back();
  held[slot.held_index] = last;
  packets[last].held_index = slot.held_index;
  held.pop_back();
}

void Node::Impl::attach_owner(SlotNo no, Slot& slot, MemberNo to) {
  Member& member = directory.member(to);
  MemberWork& work = member.work.make();
  --work.incoming;
  work.incoming_load -= slot.head->spec->load;
  if (remote.on && !may_hold(to, slot.head->owner->incarnation)) {
    // Others have ended it while this was written.
    if (member.ring != kNoMember) placement.add_load(member.ring, -int64_t{slot.head->spec->load});
    with_room.push_back(to);
    slot.delivered = false;
    return;
  }
  slot.owner = to;
  slot.held_index = static_cast<uint32_t>(work.held.size());
  slot.wait_until = kNever;
  work.held.push_back(no);
  slot.delivered = false;
  slot.started = false;
  slot.told = false;
  slot.maybe = false;
  ++stats.granted;
  if (slot.ran_before) ++stats.reexecutions;
  // An owner that never called has no last call to count from.
  if (slot.lost && slot.last_call.ns != 0) {
    const Instant since = std::max(slot.last_call, slot.ticket_until);
    stats.ownership_gap.add(std::max(Duration{}, now.mono - since));
  }
  if (member.session != kNobody) {
    put_delivery(no, false);
  } else {
    note_delivered(no);  // manual: from the grant
  }
}

void Node::Impl::apply(const MemberStep& step) {
  MemberNo no = step.no;
  if (no != kNobody && !step.next) {
    const SessionNo session = directory.member(no).session;
    --stats.members_now[static_cast<size_t>(directory.member(no).record->status)];
    remote.loads_changed.insert(no);
    Certifying(*this).forgotten(directory.member(no).record->key);
    directory.drop_member(no);
    governance.rules.forget_decisions();
    if (session != kNobody) relink(session);
    return;
  }
  bool drain_changed = false;
  // Others may have told of it, and of newer ones, before the store's answer was heard.
  if (no == kNobody && remote.on) no = directory.find_member(step.next->key);
  if (no == kNobody) {
    no = directory.add_member(step.next);
  } else if (remote.on && directory.member(no).record->revision >= step.next->revision) {
    directory.member(no).busy = false;
    return;
  } else {
    const MemberRecord& before = *directory.member(no).record;
    if (remote.on && before.incarnation != step.next->incarnation) {
      drop_foreign_of(no);
      // What an earlier home has told of the life before.
      if (!before.manual) set_foreign_load(no, 0);
    }
    drain_changed =
        before.status != step.next->status || before.drain_deadline != step.next->drain_deadline;
    --stats.members_now[static_cast<size_t>(before.status)];
    directory.replace_member(no, step.next);
    governance.rules.forget_decisions(step.next->key.ns(), directory.member(no).ring);
  }
  Certifying(*this).noted(*step.next);
  ++stats.members_now[static_cast<size_t>(step.next->status)];
  Member& member = directory.member(no);
  member.busy = false;
  member.session = directory.find_session(step.next->session);
  if (drain_changed && member.session != kNobody) {
    ++directory.session(member.session).drain_version;
    with_news.push_back(member.session);
  }
  if (remote.on && gone(step.next->status)) drop_foreign_of(no);
  if (step.next->status == MemberStatus::kRetired) {
    const auto awaiting = member_awaits.find(step.next->key);
    if (awaiting == member_awaits.end()) return;
    for (const Await& await : awaiting->second) {
      await_timers.erase({await.until, await.request});
      MembersReply body;
      body.members.push_back(member_view(no));
      reply(await.request, std::move(body));
    }
    member_awaits.erase(awaiting);
  }
}

void Node::Impl::apply(const SessionStep& step) {
  SessionNo no = step.no;
  if (no != kNobody && !step.next) {
    const Session& gone = directory.session(no);
    for (const MemberNo member_no : gone.members) {
      Member& member = directory.member(member_no);
      member.session = kNobody;
      const WallMs heard = gone.attached->heard_wall;
      if (heard > member.last_seen()) member.work.make().last_seen = heard;
    }
    remote.at_home.erase(no);
    directory.drop_session(no);
    return;
  }
  bool begins = true;
  if (no == kNobody && remote.on) no = directory.find_session(step.next->id);
  if (no == kNobody) {
    no = directory.add_session(step.next);
  } else if (remote.on && directory.session(no).record->revision >= step.next->revision) {
    directory.session(no).busy = false;
    return;
  } else {
    const SessionRecord& before = *directory.session(no).record;
    begins = !before.active() || before.generation != step.next->generation;
    directory.replace_session(no, step.next);
  }
  Session& session = directory.session(no);
  session.busy = false;
  if (remote.on) begins = note_home(no) || begins;
  if (session.active() && begins) {
    session.called = true;
    if (!session.here) return;
    session.attached.make().begin(now.mono);
    arm_session(no);
  }
}

}  // namespace phoenix
