// Sessions: leases, their ends, attaching again.

#include <algorithm>

#include "node/parts/impl.h"

namespace phoenix {
namespace {

constexpr int64_t kForgetMs = 3'600'000;  // DETACHED and RETIRED records
// Those with a key, whose ids are bound to it so long; the hour, where there are very many.
constexpr int64_t kForgetKeyMs = 30LL * 24 * 3'600'000;
constexpr int64_t kForgetEveryMs = 10'000;
constexpr size_t kForgetAtOnce = 256;

bool lists(const SessionRecord& session, std::string_view member) {
  return std::any_of(session.members.begin(), session.members.end(),
                     [&](const auto& entry) { return entry.first == member; });
}

// Work that must be done for others first: earlier deadline, then higher priority, then age.
bool more_urgent(const Slot& a, const Slot& b) {
  const auto deadline = [](const Slot& slot) {
    const WallMs at = slot.head->spec->deadline;
    return at == kNoWall ? INT64_MAX : at;
  };
  if (deadline(a) != deadline(b)) return deadline(a) < deadline(b);
  if (a.head->spec->priority != b.head->spec->priority) {
    return a.head->spec->priority > b.head->spec->priority;
  }
  return a.age < b.age;
}

}  // namespace

// A call with a session's token has arrived: its lease starts anew, whatever the call is.
void Node::Impl::heard(const Caller& caller) {
  if (caller.session.empty()) return;
  const SessionNo no = directory.find_session(caller.session);
  if (no == kNobody) return;
  Session& session = directory.session(no);
  if (!session.active() || session.ending || !session.here) return;
  if (session.record->generation != caller.generation &&
      !planted(PlantedBug::kLeaseRenewedByStale)) {
    return;
  }
  Attachment& attached = session.attached.make();
  attached.heard_at = now.mono;
  session.renewed = true;
  attached.heard_wall = now.wall;
  if (session.record->state == SessionState::kAttached && !session.busy) note_use(no);
  if (!session.called) first_call(no);
}

// The first call with the token of a late attach. From its answer on the token before is good for
// nothing, also after a crash: else who was replaced could fetch the same token, and two processes
// would share one session. That call waits for the write; if it is refused, the next tries again.
void Node::Impl::note_use(SessionNo no) {
  SessionRecord next = *directory.session(no).record;
  next.state = SessionState::kActive;
  Write write = new_write();
  put_session(write, no, std::move(next));
  submit_write(std::move(write));
}

// Since the host's start. What it holds counts as delivered; from now on it gets new work.
void Node::Impl::first_call(SessionNo no) {
  Session& session = directory.session(no);
  session.called = true;
  for (const MemberNo member_no : session.members) {
    for (const SlotNo slot : directory.member(member_no).work->held) note_delivered(slot);
    for (const ForeignNo foreign : remote.foreign.of(member_no)) take(foreign);
    sync_ring(member_no);
  }
}

std::optional<Error> Node::Impl::session_state(const Session& session, const Caller& caller,
                                               const SessionRef& ref, bool attaching) const {
  const SessionRecord& record = *session.record;
  const std::string who = ref.member.empty() ? "the session" : ref.member;
  if (record.state == SessionState::kReplaced) {
    return Error{.kind = ErrorKind::kSessionReplaced,
                 .detail = "another process took over " + who + "; stop for good"};
  }
  if (record.state == SessionState::kRetired) {
    return Error{.kind = ErrorKind::kGone, .detail = who + " has retired; do not attach"};
  }
  // A token that nobody had used was taken back when the session lapsed, and may arrive yet.
  const bool late =
      record.state == SessionState::kLapsed && caller.generation == record.generation + 1;
  const bool present = caller.session.empty() || caller.generation == record.generation || late;
  if (!present) {
    const bool last = caller.generation + 1 == record.generation;
    const bool used = session.renewed || record.state != SessionState::kAttached;
    if (!last || (used && session.active())) {
      return Error{.kind = ErrorKind::kSessionReplaced,
                   .detail = "a newer token of this session is in use; stop for good"};
    }
    if (attaching) return std::nullopt;
  }
  if (attaching) return std::nullopt;
  if (!session.active() || !present) {
    return Error{.kind = ErrorKind::kSessionLapsed,
                 .detail = "the lease of " + who +
                           " ran out; stop its work and attach again by POST "
                           "…/session"};
  }
  return std::nullopt;
}

// Which session and members a call speaks of, and whether the caller may. Session calls need the
// session's token; drain, resume and retire also take an operator.
tl::expected<Node::Impl::Asked, Error> Node::Impl::asked(const Command& command,
                                                         const SessionRef& ref, bool attaching) {
  const Caller& caller = command.caller;
  Asked found;
  if (!caller.session.empty()) {
    found.session = directory.find_session(caller.session);
    if (found.session == kNobody) {
      return fail(ErrorKind::kUnauthenticated,
                  "the session of this token is not known any more; register again");
    }
  }
  MemberNo named = kNobody;
  if (!ref.member.empty()) {
    named = directory.find_member(MemberKey(ref.ns, ref.member));
    if (named == kNobody) {
      return fail(ErrorKind::kNotFound, "no member " + ref.member + " in namespace " + ref.ns);
    }
  }
  if (caller.session.empty()) {
    if (!caller.is_operator) {
      return fail(ErrorKind::kUnauthenticated, "this call needs the token of the session");
    }
    found.session =
        named != kNobody ? directory.member(named).session : directory.find_session(ref.session);
    if (named == kNobody && found.session == kNobody) {
      return fail(ErrorKind::kNotFound, "no session " + ref.session);
    }
  } else {
    const SessionRecord& record = *directory.session(found.session).record;
    const bool meant = ref.member.empty() ? ref.session == record.id
                                          : record.ns == ref.ns && lists(record, ref.member);
    if (!meant) return fail(ErrorKind::kForbidden, "the token belongs to another session");
  }
  if (named != kNobody) {
    const Member& member = directory.member(named);
    if (!caller.session.empty() && member.session != found.session) {
      return fail(ErrorKind::kSessionReplaced,
                  "another process took over " + ref.member + "; stop for good");
    }
    if (member.record->status == MemberStatus::kRetired) {
      return fail(ErrorKind::kGone, ref.member + " has retired; do not attach");
    }
    found.members = {named};
  } else {
    found.members = directory.session(found.session).members;
  }
  if (!caller.session.empty()) {
    const Session& session = directory.session(found.session);
    if (auto error = session_state(session, caller, ref, attaching)) {
      return tl::unexpected<Error>(std::move(*error));
    }
  } else if (attaching) {
    if (named != kNobody && directory.member(named).record->manual) {
      return fail(ErrorKind::kWrongState, ref.member + " is a manual member; it has no session");
    }
    return fail(ErrorKind::kUnauthenticated, "this call needs the token of the session");
  }
  return found;
}

// True: the session is about to end, or a write about it is on its way; the command waits.
bool Node::Impl::session_blocked(Command& command, const SessionRef& ref) {
  SessionNo no = kNobody;
  if (!command.caller.session.empty()) {
    no = directory.find_session(command.caller.session);
  } else if (!ref.member.empty()) {
    const MemberNo member = directory.find_member(MemberKey(ref.ns, ref.member));
    if (member != kNobody) {
      no = directory.member(member).session;
      if (directory.member(member).busy || directory.member(member).ending) {
        block(block_name(directory.member(member).record->key), std::move(command));
        return true;
      }
    }
  } else {
    no = directory.find_session(ref.session);
  }
  if (no == kNobody) return false;
  const Session& session = directory.session(no);
  if (session.busy || session.ending) {
    block(session_block_name(session.record->id), std::move(command));
    return true;
  }
  for (const MemberNo member : session.members) {
    if (!directory.member(member).busy && !directory.member(member).ending) continue;
    block(block_name(directory.member(member).record->key), std::move(command));
    return true;
  }
  return false;
}

// --- attaching ------------------------------------------------------------------------------

void Node::Impl::attach(Command command, Attach& request) {
  command.body = request;
  if (session_blocked(command, request.ref) || must_learn_session(command, request.ref)) return;
  const auto found = asked(command, request.ref, true);
  if (!found) return refuse(command.id, found.error());
  const SessionNo no = found->session;
  Session& session = directory.session(no);
  if (without_hold(command, session.lease())) return;
  if (!session.active()) return attach_late(command, no);
  if (remote.on) return attach_here(std::move(command), no);
  if (command.caller.generation == session.record->generation) {
    answer_waiters(no, std::nullopt);
    session.attached.make().begin(now.mono);
    return reply(command.id, attach_reply(no));
  }
  // The old token again, after a late attach whose answer was lost: the same answer.
  reply(command.id, attach_reply(no));
}

AttachReply Node::Impl::attach_reply(SessionNo no) {
  Session& session = directory.session(no);
  AttachReply answer;
  answer.session = *session.record;
  answer.run = config.run;
  answer.lease_ms = static_cast<uint32_t>(lease_left(session.lease()).ms());
  if (session.record->members.size() == 1) {
    answer.incarnation = session.record->members[0].second;
  }
  std::vector<std::pair<uint64_t, uint32_t>> held;  // by position
  for (const MemberNo member : session.members) {
    for (const SlotNo slot : directory.member(member).work->held) {
      const bool withdrawn = packets[slot].busy && packets[slot].outbox == 0;
      if (!withdrawn) held.emplace_back(packets[slot].outbox, slot);
    }
    for (const ForeignNo foreign : remote.foreign.of(member)) {
      held.emplace_back(remote.foreign[foreign].outbox, kForeignToken | foreign);
    }
  }
  std::sort(held.begin(), held.end());
  Outbox& outbox = session.attached.make().outbox;
  outbox.clear_deliveries();
  const Outbox::Limits none = {.max = 0, .max_bytes = 0, .now = now.mono, .repeat_after = {}};
  Outbox::Carried carried = outbox.carry(OutboxCursor{config.run, 0, 0}, config.run, none, true);
  answer.revoked = std::move(carried.revoked);
  answer.next = format_cursor(carried.next);
  for (const auto& [position, slot] : held) {
    if (is_foreign(slot)) {
      const ForeignNo foreign = slot & ~kForeignToken;
      const Foreign& entry = remote.foreign[foreign];
      answer.held.emplace_back(entry.head->key.id(), entry.head->epoch);
      put_foreign(foreign, entry.taken);
      continue;
    }
    const Packet& head = *packets[slot].head;
    answer.held.emplace_back(head.key.id(), head.epoch);
    packets[slot].outbox = 0;
    if (planted(PlantedBug::kHeldNotRedelivered)) continue;
    put_delivery(slot, packets[slot].delivered);
  }
  return answer;
}

// Its lease had run out: new incarnations, a new token, nothing held.
void Node::Impl::attach_late(Command& command, SessionNo no) {
  const SessionRecord& before = *directory.session(no).record;
  SessionRecord next = before;
  next.members.clear();
  next.state = SessionState::kAttached;
  next.home = config.self;
  next.ended_at = kNoWall;
  ++next.generation;
  Write write = new_write();
  for (const auto& [id, incarnation] : before.members) {
    const MemberNo member = directory.find_member(MemberKey(before.ns, id));
    if (member == kNobody) continue;
    const MemberRecord& record = *directory.member(member).record;
    if (record.session != before.id || record.status == MemberStatus::kRetired) continue;
    // Where another host ended the session, this one's record may be the older one: then the write
    // is in conflict, and the caller asks again.
    if (record.status != MemberStatus::kDetached && !remote.on) continue;
    MemberRecord back = record;
    back.status = MemberStatus::kActive;
    back.reason.clear();
    ++back.incarnation;
    next.members.emplace_back(id, back.incarnation);
    put_member(write, member, std::move(back), "attached");
  }
  if (next.members.empty()) {
    return refuse(command.id, {.kind = ErrorKind::kSessionReplaced,
                               .detail = "other processes took over all members of this session; "
                                         "stop for good"});
  }
  AttachReply answer;
  answer.session = next;
  answer.run = config.run;
  answer.lease_ms = static_cast<uint32_t>(lease_left(directory.session(no).lease()).ms());
  answer.next = format_cursor({config.run, 0, 0});
  if (next.members.size() == 1) answer.incarnation = next.members[0].second;
  directory.session(no).renewed = false;
  directory.session(no).attached.make().outbox = Outbox();
  put_session(write, no, std::move(next));
  finish_with(write, command, std::move(answer));
  submit_write(std::move(write));
}

// --- time -----------------------------------------------------------------------------------

void Node::Impl::arm_session(SessionNo no) {
  Session& session = directory.session(no);
  if (!session.active() || !session.here) return;
  Instant due = session.expires();
  for (const Waiter& waiter : session.attached->waiters) due = std::min(due, waiter.until);
  if (const auto untaken = session.attached->outbox.oldest_untaken()) {
    due = std::min(due, *untaken + session.lease());
  }
  // What could not be done now (something is busy, the store refuses) is tried again soon.
  due = std::max(due, now.mono + milliseconds(5));
  if (due >= session.attached->armed) return;
  session.attached.make().armed = due;
  session_timers.add(due, no, 0);
}

void Node::Impl::session_due(SessionNo no) {
  if (no >= directory.session_numbers() || !directory.has_session(no)) return;
  Session& session = directory.session(no);
  Attachment& attached = session.attached.make();
  if (attached.armed > now.mono) return;  // an older entry
  attached.armed = kNever;
  if (!session.active() || session.ending || !session.here) return;
  if (session.expires() <= now.mono) {
    const bool broken = attached.broken_at && session.record->grace_ms && attached.streams == 0;
    const EndCause cause = !session.called ? EndCause::kNeverCalled
                           : broken        ? EndCause::kDisconnect
                                           : EndCause::kLease;
    return begin_end(no, session.members, cause, MemberStatus::kDetached, false, std::nullopt);
  }
  for (size_t i = 0; i < attached.waiters.size();) {
    Waiter waiter = attached.waiters[i];
    if (waiter.until > now.mono) {
      ++i;
      continue;
    }
    attached.waiters.erase(attached.waiters.begin() + static_cast<ptrdiff_t>(i));
    waiting.erase(waiter.request);
    reply(waiter.request, carry(no, waiter));
  }
  take_back(no);
  arm_session(no);
}

// --- ends -----------------------------------------------------------------------------------

// Members leave the ring at once; that they have left, and what becomes of their packets, is one
// commit as soon as nothing of theirs is on its way.
void Node::Impl::begin_end(SessionNo session, std::vector<MemberNo> members, EndCause cause,
                           MemberStatus to, bool drained, std::optional<Reply> reply) {
  Ending ending;
  ending.id = ++next_ending;
  ending.session = session;
  ending.members = std::move(members);
  // Who has left alone stays away: the session goes on naming it.
  std::erase_if(ending.members, [this](MemberNo no) {
    return directory.member(no).record->status == MemberStatus::kRetired;
  });
  ending.cause = cause;
  ending.to = to;
  ending.drained = drained;
  ending.noticed = now.mono;
  if (reply) ending.replies.push_back(std::move(*reply));
  for (const MemberNo no : ending.members) {
    directory.member(no).ending = true;
    sync_ring(no);
  }
  if (session != kNobody) {
    Session& whole = directory.session(session);
    const bool all = std::all_of(whole.members.begin(), whole.members.end(), [&](MemberNo no) {
      return directory.member(no).ending ||
             directory.member(no).record->status == MemberStatus::kRetired;
    });
    if (all) whole.ending = cause;
  }
  endings.push_back(std::move(ending));
}

// In the order in which they find their next owners.
std::vector<SlotNo> Node::Impl::held_by(const std::vector<MemberNo>& members) const {
  std::vector<SlotNo> held;
  for (const MemberNo no : members) {
    const Member& member = directory.member(no);
    held.insert(held.end(), member.work->held.begin(), member.work->held.end());
  }
  std::sort(held.begin(), held.end(),
            [&](SlotNo a, SlotNo b) { return more_urgent(packets[a], packets[b]); });
  return held;
}

void Node::Impl::advance_endings() {
  for (auto it = endings.begin(); it != endings.end();) {
    Ending& ending = *it++;
    if (!ending.writing && ending.retry_at <= now.mono) commit_ending(ending);
  }
}

void Node::Impl::commit_ending(Ending& ending) {
  if (remote.on) {
    // Others may have ended some of them meanwhile.
    const auto [gone, end] =
        std::ranges::partition(ending.members, [&](MemberNo no) { return ends_here(ending, no); });
    for (auto it = gone; it != end; ++it) directory.member(*it).ending = false;
    ending.members.erase(gone, end);
  }
  for (const MemberNo no : ending.members) {
    const Member& member = directory.member(no);
    if (member.busy || member.work->incoming > 0) return;
  }
  if (ending.session != kNobody && directory.session(ending.session).busy) return;
  // The session ends with the last of its members: not while another one's end may still fail.
  bool closes = ending.session != kNobody && directory.session(ending.session).ending;
  for (const Ending& other : endings) {
    if (!closes || other.session != ending.session || other.id == ending.id) continue;
    if (other.id < ending.id) return;
    closes = false;
  }
  std::vector<SlotNo> held = held_by(ending.members);
  for (const SlotNo slot : held) {
    if (packets[slot].busy) return;
  }
  if (planted(PlantedBug::kEvictionForgetsOne) && !held.empty()) held.pop_back();
  Write write = new_write();
  write.ending = ending.id;
  constexpr std::array<const char*, 5> kReasons = {"lease", "disconnected", "replaced", "retired",
                                                   "lost-with-host"};
  const std::string reason =
      ending.drained ? "drained" : kReasons[static_cast<size_t>(ending.cause)];
  bool all_retire = true;
  for (const MemberNo no : ending.members) {
    MemberRecord next = *directory.member(no).record;
    // Who was about to leave has left, however its session ends.
    next.status = next.status == MemberStatus::kDraining ? MemberStatus::kRetired : ending.to;
    all_retire = all_retire && next.status == MemberStatus::kRetired;
    next.reason = reason;
    next.uncertified = ending.drained && config.signer.has_value();
    next.drain_deadline = kNoWall;
    const char* const event = next.status == MemberStatus::kRetired ? "retired" : "detached";
    put_member(write, no, std::move(next), event);
  }
  if (closes) {
    SessionRecord next = *directory.session(ending.session).record;
    next.state = ending.cause == EndCause::kReplaced ? SessionState::kReplaced
                 : all_retire                        ? SessionState::kRetired
                                                     : SessionState::kLapsed;
    // Whoever had no answer to its late attach may ask again by the token that it has, however
    // often that happens. Who has the newer one may do so too: nobody but the two's one owner can
    // have it.
    const SessionRecord& before = *directory.session(ending.session).record;
    const bool unused = before.state == SessionState::kAttached && before.generation > 1 &&
                        !directory.session(ending.session).renewed;
    if (unused && next.state == SessionState::kLapsed) --next.generation;
    next.ended_at = now.wall;
    if (remote.on) next.home = config.self;  // who has ended it tells of it
    put_session(write, ending.session, std::move(next));
  }
  for (const SlotNo slot : held) lose(write, slot, ending);
  ending.writing = true;
  submit_write(std::move(write));
}

void Node::Impl::ended(const Write& write) {
  const auto it = std::find_if(endings.begin(), endings.end(),
                               [&](const Ending& ending) { return ending.id == write.ending; });
  if (it == endings.end()) return;
  Ending ending = std::move(*it);
  endings.erase(it);
  for (const MemberNo no : ending.members) {
    directory.member(no).ending = false;
    sync_ring(no);
  }
  for (Reply& done : ending.replies) {
    if (auto* members = std::get_if<MembersReply>(&done.body)) {
      members->members.clear();
      for (const MemberNo no : ending.members) members->members.push_back(member_view(no));
    }
    out.replies.push_back(std::move(done));
  }
  if (ending.session == kNobody) return;
  Session& session = directory.session(ending.session);
  ++session.drain_version;
  with_news.push_back(ending.session);
  if (session.active()) return;
  session.ending.reset();
  if (ending.cause != EndCause::kRetired) ++stats.lost_sessions;
  SessionRef ref;
  ref.ns = session.record->ns;
  Caller self;
  self.session = session.record->id;
  self.generation = session.record->generation;
  answer_waiters(ending.session, session_state(session, self, ref, false));
}

// Records of those that ended long ago.
void Node::Impl::forget_old() {
  next_forget = now.wall + kForgetEveryMs;
  forget_approvals();
  Write write = new_write();
  for (MemberNo no = 0; no < directory.member_numbers(); ++no) {
    if (!directory.has_member(no)) continue;
    if (write.ops.size() >= kForgetAtOnce) break;
    const Member& member = directory.member(no);
    const MemberKey& key = member.record->key;
    const MemberStatus status = member.record->status;
    if (status != MemberStatus::kDetached && status != MemberStatus::kRetired) continue;
    const bool bound = member.record->has_keys() && 2 * directory.members() < config.max_members;
    const WallMs until = member.record->updated_at + (bound ? kForgetKeyMs : kForgetMs);
    if (member.busy || member.ending || until > now.wall) continue;
    if (!forgets(member.record->session, key.text())) continue;
    if (member.record->has_keys()) {
      // The log tells when an id is nobody's any more; the rest of it goes as late again.
      MemberRecord next = *member.record;
      next.public_key.clear();
      next.next_key.clear();
      next.former_key.clear();
      put_member(write, no, std::move(next), "key-forgotten");
      continue;
    }
    incarnation_floor = std::max(incarnation_floor, member.record->incarnation);
    write.ops.emplace_back(DropMember{key, member.record->revision, member.record->incarnation});
    write.members.push_back({no, nullptr});
    if (remote.on) write.with_others().dropped_members.push_back(key);
    write.unblocks.push_back(block_name(key));
    directory.member(no).busy = true;
  }
  for (const SessionNo no : directory.sessions()) {
    if (write.ops.size() >= 2 * kForgetAtOnce) break;
    const Session& session = directory.session(no);
    if (session.active() || session.busy || session.ending) continue;
    if (session.record->ended_at + 2 * kForgetMs > now.wall) continue;
    const std::string& id = session.record->id;
    if (!forgets(id, id)) continue;
    if (remote.on) write.with_others().dropped_sessions.push_back(id);
    write.ops.emplace_back(DropSession{id, session.record->revision});
    write.sessions.push_back({no, nullptr});
    write.unblocks.push_back(session_block_name(id));
    directory.session(no).busy = true;
  }
  submit_write(std::move(write));
}

}  // namespace phoenix
