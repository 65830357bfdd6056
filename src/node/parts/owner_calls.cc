// The calls by which an owner reports: start, checkpoint, complete, fail, release, hand off. The
// order of refusals is fixed: not found, the kept answer, stale epoch, not owner, wrong state.

#include <algorithm>
#include <utility>

#include "node/admission/admission.h"
#include "node/governed/noting.h"
#include "node/governed/terms.h"

namespace phoenix {
namespace {

constexpr int64_t kReleaseBackoffMs = 1000;

bool lists(const SessionRecord& session, std::string_view member) {
  for (const auto& [id, incarnation] : session.members) {
    if (id == member) return true;
  }
  return false;
}

}  // namespace

OwnerReply Node::Impl::owner_reply(const Packet& head, Status status) {
  return {.id = std::string(head.key.id()),
          .status = status,
          .epoch = head.epoch,
          .revision = head.revision};
}

Error Node::Impl::packet_error(ErrorKind kind, const Packet& head, Status status,
                               std::string detail) const {
  Error error = {.kind = kind, .detail = std::move(detail)};
  error.epoch = head.epoch;
  error.revision = head.revision;
  error.owner = head.owner ? head.owner->id : std::string();
  error.packet_status = status_name(status);
  return error;
}

// The next item names a packet that an earlier one has ended: as if they had come in two calls.
ItemReply Node::Impl::repeated_item(const OwnerCalls& request, const BatchReply& so_far) const {
  const OwnerCall& item = *request.items[so_far.items.size()];
  for (size_t i = so_far.items.size(); i-- > 0;) {
    const auto* done = std::get_if<OwnerReply>(&so_far.items[i]);
    if (done == nullptr || request.items[i]->key != item.key) continue;
    if (request.items[i]->digest == item.digest) return *done;
    Error error = {
        .kind = item.epoch == done->epoch ? ErrorKind::kWrongState : ErrorKind::kStaleEpoch,
        .detail = "an earlier item of this call has ended " + item.key.text()};
    error.epoch = done->epoch;
    error.revision = done->revision;
    error.packet_status = status_name(done->status);
    return error;
  }
  return Error{.kind = ErrorKind::kConflict, .detail = item.key.text() + " is being changed"};
}

void Node::Impl::owner_calls(Command command, OwnerCalls& request) {
  const SessionNo no =
      command.caller.session.empty() ? kNobody : directory.find_session(command.caller.session);
  if (no != kNobody && directory.session(no).ending) {
    command.body = std::move(request);
    return block(session_block_name(directory.session(no).record->id), std::move(command));
  }
  if (remote.on && must_learn_caller(command, request)) return;
  std::vector<const PacketKey*> keys;
  std::vector<uint64_t> epochs;
  keys.reserve(request.items.size());
  epochs.reserve(request.items.size());
  for (const auto& item : request.items) {
    if (!item) continue;
    keys.push_back(&item->key);
    epochs.push_back(item->epoch);
  }
  std::vector<SlotNo> slots(keys.size());
  packets.find(keys, slots);
  // Who was taken out of the view without knowing still has what the packet was, and would call an
  // owner's epoch stale that another keeper has granted since: a higher one asks the store first.
  const auto ahead = [&](size_t i) {
    if (!remote.on) return false;
    const auto it = looked_up.find(*keys[i]);
    if (it != looked_up.end() && it->second.asked >= command.arrived) return false;
    if (slots[i] != kNoSlot) return epochs[i] > packets[slots[i]].head->epoch;
    return it != looked_up.end() && it->second.head && epochs[i] > it->second.head->epoch;
  };
  const auto to_be_read = [&](size_t i) {
    return ahead(i) || (slots[i] == kNoSlot && !is_looked_up(command, *keys[i]));
  };
  for (size_t i = 0; i < keys.size(); ++i) {
    if ((slots[i] == kNoSlot || !packets[slots[i]].busy) && !to_be_read(i)) continue;
    // All at once: one after the other would cost a round trip to the store each.
    for (size_t other = i; other < keys.size(); ++other) {
      if (to_be_read(other)) look_up(*keys[other]);
    }
    const std::string awaited = block_name(*keys[i]);
    command.body = std::move(request);
    return block(awaited, std::move(command));
  }
  if (sends_back(command, keys, slots)) return;
  if (Admission(*this).puts_aside(command, request, slots)) return;
  Write write = new_write();
  write.reserve(keys.size());
  BatchReply batch;
  batch.reserve(request.items.size());
  size_t next = 0;
  for (auto& item : request.items) {
    const SlotNo slot = item ? slots[next++] : kNoSlot;
    // Nothing was busy before: what is now has been ended by an earlier item of this very call.
    const bool repeated = slot != kNoSlot && packets[slot].busy;
    // Who asked for an item knows its id from a success; a refusal says whose it is.
    batch.items.push_back(repeated ? repeated_item(request, batch)
                          : item   ? owner_call(write, command, *item, slot)
                                   : ItemReply(item.error()));
    const Error* const refused = item ? std::get_if<Error>(&batch.items.back()) : nullptr;
    batch.ids.emplace_back(refused != nullptr ? item->key.id() : std::string_view());
    if (refused != nullptr) Noting(*this).call(&item->key, *refused);
  }
  if (std::exchange(offers.answers_later, false)) return;  // when the receiver has answered
  if (!request.single) {
    finish_with(write, command, std::move(batch));
  } else if (auto* error = std::get_if<Error>(&batch.items[0])) {
    return reply(command.id, std::move(*error));
  } else {
    finish_with(write, command, std::get<OwnerReply>(std::move(batch.items[0])));
  }
  submit_write(std::move(write));
}

ItemReply Node::Impl::owner_call(Write& write, const Command& command, OwnerCall& call,
                                 SlotNo slot) {
  const Caller& caller = command.caller;
  if (kept_elsewhere(call.key, slot)) return elsewhere(call.key);
  const Packet* head = nullptr;
  Status present = Status::kPending;
  if (slot != kNoSlot) {
    head = packets[slot].head.get();
    present = status(packets[slot]);
    if (remote.on && call.epoch > head->epoch) {
      const auto it = looked_up.find(call.key);
      const bool behind =
          it != looked_up.end() && it->second.head && it->second.head->epoch > head->epoch;
      if (behind) return elsewhere(call.key);
    }
  } else if (const auto it = looked_up.find(call.key); it != looked_up.end() && it->second.head) {
    head = &*it->second.head;
    present = head->status;
  }
  Error error;
  if (head == nullptr) {
    // Whoever has no credentials at all does not even learn whether a packet exists.
    if (caller.session.empty() && caller.principal.empty()) {
      return Error{.kind = ErrorKind::kUnauthenticated, .detail = "an owner's call needs a token"};
    }
    return Error{.kind = ErrorKind::kNotFound,
                 .detail = "no packet " + std::string(call.key.id()) + " in namespace " +
                           std::string(call.key.ns())};
  }
  if (call.call == Call::kAccept) return accept(write, caller, call, slot);
  const MemberNo owner = slot == kNoSlot ? kNobody : packets[slot].owner;
  const auto member = acting_member(caller, *head, owner, call, &error);
  if (!member) return error;
  for (const KeptAnswer& kept : head->kept) {
    if (kept.epoch == call.epoch && kept.member == *member && kept.call == call.call &&
        kept.digest == call.digest) {
      // A handoff to somebody was answered with the next owner's epoch.
      const bool granted = kept.status == Status::kAssigned;
      return OwnerReply{.id = std::string(head->key.id()),
                        .status = kept.status,
                        .epoch = kept.epoch + (granted ? 1 : 0),
                        .revision = kept.revision};
    }
  }
  std::string acting = *member;
  if (auto refused = check_owner(caller, *head, slot, present, call, &acting)) return *refused;
  Slot& owned = packets[slot];
  if (call.call == Call::kComplete || call.call == Call::kFail) {
    auto refused = check_result(call, *directory.member(owned.owner).record);
    if (!refused && call.call == Call::kComplete)
      refused = Terms(*this, *head, present).check_result(call);
    if (refused) return std::move(*refused);
  }
  owned.last_call = now.mono;
  note_delivered(slot);
  return carry_out(write, command, slot, call);
}

// In whose name the caller speaks: the member of its session that this call must be about. Empty
// text: of none that this packet knows.
std::optional<std::string> Node::Impl::acting_member(const Caller& caller, const Packet& head,
                                                     MemberNo owner, const OwnerCall& call,
                                                     Error* error) {
  if (caller.session.empty()) {
    if (caller.as_member.empty()) {
      *error = {.kind = ErrorKind::kUnauthenticated,
                .detail =
                    "an owner's call needs the session token of the owner, or \"as\" with a "
                    "manual member"};
      return std::nullopt;
    }
    const MemberNo no = directory.find_member(MemberKey(head.key.ns(), caller.as_member));
    if (no == kNobody) {
      *error = {.kind = ErrorKind::kNotFound,
                .detail = "/as: no member " + caller.as_member + " in this namespace"};
      return std::nullopt;
    }
    const MemberRecord& record = *directory.member(no).record;
    if (!record.manual || (!caller.is_operator && record.registered_by != caller.principal)) {
      *error = {.kind = ErrorKind::kForbidden,
                .detail =
                    "/as: only an operator, or the token that registered it, speaks for a "
                    "manual member; others use their session token"};
      return std::nullopt;
    }
    return caller.as_member;
  }
  const SessionNo no = directory.find_session(caller.session);
  if (no == kNobody) {
    *error = {.kind = ErrorKind::kUnauthenticated,
              .detail = "the session of this token is not known any more; register again"};
    return std::nullopt;
  }
  const SessionRecord& session = *directory.session(no).record;
  if (session.ns != head.key.ns()) return std::string();
  for (auto kept = head.kept.rbegin(); kept != head.kept.rend(); ++kept) {
    if (kept->epoch == call.epoch && lists(session, kept->member)) return kept->member;
  }
  if (!head.owner) return std::string();
  // A session may have 10,000 members: the owner is seldom looked for among them.
  if (owner != kNobody && directory.lists(no, owner)) return head.owner->id;
  if (lists(session, head.owner->id)) return head.owner->id;
  return std::string();
}

std::optional<Error> Node::Impl::check_owner(const Caller& caller, const Packet& head, SlotNo slot,
                                             Status present, const OwnerCall& call,
                                             std::string* member) {
  if (call.epoch != head.epoch && !planted(PlantedBug::kEpochNotCompared)) {
    ++stats.stale_epoch;
    Error error = packet_error(ErrorKind::kStaleEpoch, head, present,
                               "/epoch: " + std::to_string(call.epoch) +
                                   " is not the newest epoch " + std::to_string(head.epoch) +
                                   " of " + std::string(head.key.id()) + "; stop working on it");
    // A signed offer of what has never been given to its giver.
    if (call.epoch > head.epoch && !call.statement.empty()) error.reason_code = "unknown-leg";
    return error;
  }
  const auto no_owner = [&] {
    ++stats.not_owner;
    return packet_error(ErrorKind::kNotOwner, head, present,
                        (member->empty() ? std::string("the caller") : *member) + " does not own " +
                            std::string(head.key.id()) + " any more; stop working on it");
  };
  const auto wrong_state = [&] {
    return packet_error(ErrorKind::kWrongState, head, present,
                        std::string(call_name(call.call)) +
                            " is not possible while the packet is " +
                            std::string(status_name(present)));
  };
  for (const KeptAnswer& kept : head.kept) {
    // The caller has itself ended this epoch, by another call.
    if (kept.epoch == call.epoch && !member->empty() && kept.member == *member) {
      return wrong_state();
    }
  }
  if (!head.owner || slot == kNoSlot || (head.owner->id != *member)) return no_owner();
  if (packets[slot].owner == kNobody) return no_owner();
  const Member& owner = directory.member(packets[slot].owner);
  if (owner.record->incarnation != head.owner->incarnation) return no_owner();
  if (!caller.session.empty()) {
    if (owner.session == kNobody) return no_owner();
    const Session& session = directory.session(owner.session);
    if (session.record->id != caller.session || !session.active() ||
        (session.record->generation != caller.generation &&
         !planted(PlantedBug::kLeaseRenewedByStale))) {
      return no_owner();
    }
  }
  if (present != Status::kAssigned && present != Status::kRunning) return wrong_state();
  return std::nullopt;
}

Change Node::Impl::change_for(const OwnerCall& call, const Packet& head) {
  Change change;
  change.kept_call = call.call;
  change.kept_digest = call.digest;
  switch (call.call) {
    case Call::kStart:
      change.event = Event::kStart;
      break;
    case Call::kCheckpoint:
      change.event = Event::kCheckpoint;
      change.kept_call.reset();
      change.checkpoint_seq = call.seq;
      change.contents.emplace_back(ContentKind::kCheckpoint, call.content);
      break;
    case Call::kComplete:
      change.event = Event::kComplete;
      change.contents.emplace_back(ContentKind::kResult, call.content);
      break;
    case Call::kFail: {
      const uint32_t attempts = head.attempts + 1;
      const bool last = !call.retry || attempts >= head.spec->max_attempts;
      change.event = last ? Event::kGiveUp : Event::kFail;
      change.last_error = std::make_shared<const LastError>(call.error);
      change.reason = call.error.message.substr(0, 200);
      if (!last) {
        change.avoid = head.owner->id;
        change.parked = {
            .reason = ParkReason::kBackoff,
            .since = now.wall,
            .until = now.wall + call.retry_after_ms.value_or(attempt_backoff_ms(attempts))};
      }
      break;
    }
    case Call::kRelease:
      change.event = Event::kRelease;
      change.avoid = head.owner->id;
      change.parked = {.reason = ParkReason::kBackoff,
                       .since = now.wall,
                       .until = now.wall + call.retry_after_ms.value_or(kReleaseBackoffMs)};
      break;
    case Call::kHandoff:
      change.event = Event::kHandoff;
      change.reason = call.reason;
      if (call.content) change.contents.emplace_back(ContentKind::kContext, call.content);
      change.governed = Terms::handed_on(call, head);
      break;
    case Call::kTicket:
    case Call::kAccept:
      break;  // the change is the giver's
  }
  return change;
}

// Requires: the caller owns the packet in this epoch.
ItemReply Node::Impl::carry_out(Write& write, const Command& command, SlotNo no, OwnerCall& call) {
  Slot& slot = packets[no];
  const Packet& head = *slot.head;
  if (slot.outbox != 0) {
    Session& session = directory.session(directory.member(slot.owner).session);
    session.attached.make().outbox.started(slot.outbox);
  }
  if (call.call == Call::kStart) {
    const Status before = status(slot);
    --stats.packets_now[static_cast<size_t>(before)];
    slot.started = true;
    ++stats.packets_now[static_cast<size_t>(status(slot))];
    if (const auto row = lifecycle_row(before, Event::kStart, false)) {
      ++stats.row_visits[*row];
    }
    return owner_reply(head, Status::kRunning);
  }
  if (call.call == Call::kCheckpoint && call.seq && *call.seq <= head.checkpoint_seq) {
    return owner_reply(head, status(slot));
  }
  if (call.call == Call::kTicket) return ticket(write, command.caller, no, call);
  if (call.call == Call::kHandoff) return hand_off(write, command, no, call);
  Change change = change_for(call, head);
  auto done = transition(head, status(slot), change, now.wall);
  if (!done) {
    return packet_error(ErrorKind::kWrongState, head, status(slot), "not possible in this state");
  }
  OwnerReply answer = owner_reply(*done->head, done->head->status);
  const bool checkpoint = call.call == Call::kCheckpoint;
  if (checkpoint) answer.status = Status::kRunning;
  step(write, no, std::move(*done), std::move(change.contents), kNobody,
       {.result = std::move(call.evidence)});
  write.packets.back().started = checkpoint;
  return answer;
}

}  // namespace phoenix
