// Members: registering, patching, draining, retiring; their place on the ring.

#include <algorithm>
#include <utility>

#include "node/admission/member_gate.h"
#include "node/parts/impl.h"

namespace phoenix {
namespace {

constexpr size_t kSessionMembers = 10'000;

std::string_view proof_of(const std::vector<std::string>& proofs, size_t i) {
  return i < proofs.size() ? std::string_view(proofs[i]) : std::string_view();
}

bool present(MemberStatus status) {
  return status == MemberStatus::kActive || status == MemberStatus::kDraining;
}

}  // namespace

RingMember ring_member(const MemberRecord& record) {
  RingMember member;
  member.ns = record.key.ns();
  member.id = record.key.id();
  member.weight = record.weight;
  member.max_load = record.max_load;
  member.trust = record.trust;
  member.reliability = record.reliability;
  member.capabilities = record.capabilities;
  return member;
}

// Puts the member on the ring or takes it off, as its record and session demand.
void Node::Impl::sync_ring(MemberNo no) {
  Member& member = directory.member(no);
  const MemberRecord& record = *member.record;
  const bool attached =
      record.manual || (member.session != kNobody && directory.session(member.session).active());
  const bool wanted = is_ready && present(record.status) && !member.ending && attached;
  if (!wanted) {
    if (member.ring == kNoMember) return;
    placement.leave(std::exchange(member.ring, kNoMember));
    note_load(no);
    return;
  }
  const bool fresh = member.ring == kNoMember;
  if (fresh) {
    enter_ring(no);
    for (const SlotNo slot : member.work->held) {
      placement.add_load(member.ring, packets[slot].head->spec->load);
    }
    placement.add_load(member.ring, int64_t{member.work->incoming_load} + member.foreign_load +
                                        member.work->kept_back);
    note_load(no);
  } else {
    update_on_ring(no, ring_member(record));
  }
  const bool called = record.manual || (directory.session(member.session).called &&
                                        directory.session(member.session).reachable);
  const bool open = record.status == MemberStatus::kActive && called &&
                    (!remote.on || member.work->shut_until <= now.mono);
  if (open && fresh) joined.push_back(no);
  placement.set_open(member.ring, open);
  if (open) with_room.push_back(no);
  if (record.status == MemberStatus::kDraining) {
    if (record.drain_deadline == kNoWall) {
      if (MemberWork* const work = member.work.get()) work->drain_until = kNever;
    } else {
      const Instant until =
          now.mono + milliseconds(std::max<int64_t>(0, record.drain_deadline - now.wall));
      member.work.make().drain_until = until;
      member_timers.add(until, no, 0);
    }
    maybe_drained.push_back(no);
  }
}

// A session's members are those whose records still name it in the incarnation that it holds.
void Node::Impl::relink(SessionNo no) {
  Session& session = directory.session(no);
  session.members.clear();
  const auto& listed = session.record->members;
  for (uint32_t i = 0; i < listed.size(); ++i) {
    const auto& [id, incarnation] = listed[i];
    const MemberNo member = directory.find_member(MemberKey(session.record->ns, id));
    if (member == kNobody) continue;
    const MemberRecord& record = *directory.member(member).record;
    if (record.session != session.record->id || record.incarnation != incarnation) continue;
    directory.member(member).session = no;
    directory.member(member).listed_at = i;
    session.members.push_back(member);
  }
  ++session.drain_version;
  with_news.push_back(no);
}

MemberView Node::Impl::member_view(MemberNo no) const {
  const Member& member = directory.member(no);
  MemberView shown;
  shown.record = member.record;
  shown.last_seen_at = member.last_seen();
  if (member.ring != kNoMember) {
    shown.current_load = placement.load(member.ring) - member.work->kept_back;
  }
  if (member.session != kNobody) {
    shown.last_seen_at =
        std::max(shown.last_seen_at, directory.session(member.session).attached->heard_wall);
    const SessionRecord& session = *directory.session(member.session).record;
    shown.lease_seconds = session.lease_seconds;
    shown.grace_ms = session.grace_ms;
  }
  return shown;
}

MembersReply Node::Impl::members_reply(const std::vector<MemberRecord>& records,
                                       const std::optional<SessionRecord>& session,
                                       bool single) const {
  MembersReply answer;
  answer.created = true;
  answer.single = single;
  answer.session = session;
  if (session) {
    answer.run = config.run;
    answer.lease_ms = static_cast<uint32_t>(lease_left(seconds(session->lease_seconds)).ms());
  }
  for (const MemberRecord& record : records) {
    MemberView shown;
    shown.record = std::make_shared<const MemberRecord>(record);
    shown.last_seen_at = now.wall;
    if (session && !record.manual) {
      shown.lease_seconds = session->lease_seconds;
      shown.grace_ms = session->grace_ms;
    }
    answer.members.push_back(std::move(shown));
  }
  if (single && !records.empty()) answer.incarnation = records[0].incarnation;
  return answer;
}

// Of members that are changed, not made: what their records do not say stays as it is.
void Node::Impl::show_as_present(MembersReply& answer) const {
  for (MemberView& shown : answer.members) {
    const MemberView now_shown = member_view(directory.find_member(shown.record->key));
    shown.current_load = now_shown.current_load;
    shown.lease_seconds = now_shown.lease_seconds;
    shown.grace_ms = now_shown.grace_ms;
  }
}

// --- registering ----------------------------------------------------------------------------

MemberRecord Node::Impl::new_life(const MemberRecord& wanted, const std::string& session,
                                  const Caller& caller) {
  MemberRecord record = wanted;
  const MemberNo no = directory.find_member(wanted.key);
  const uint64_t last =
      no == kNobody ? incarnation_floor : directory.member(no).record->incarnation;
  record.incarnation = last + 1;
  record.revision = (no == kNobody ? 0 : directory.member(no).record->revision) + 1;
  record.status = MemberStatus::kActive;
  record.reason.clear();
  record.session = record.manual ? std::string() : session;
  record.registered_by = caller.principal;
  record.joined_at = now.wall;
  record.updated_at = now.wall;
  record.drain_deadline = kNoWall;
  take_keys(record, no == kNobody ? nullptr : directory.member(no).record.get());
  return record;
}

// The same call, sent to another host because this one or that one was slow, has been carried out
// there: its session's id follows from its key. To do it again would end that very session.
bool Node::Impl::registered_elsewhere(const Command& command, const Register& request) {
  if (!remote.on) return false;
  const SessionNo no = directory.find_session(request.session_id);
  if (no == kNobody || !directory.session(no).active()) return false;
  const SessionRecord& session = *directory.session(no).record;
  std::vector<MemberRecord> records;
  for (const MemberRecord& wanted : request.members) {
    const MemberNo member = directory.find_member(wanted.key);
    if (member == kNobody || directory.member(member).record->session != session.id) return false;
    records.push_back(*directory.member(member).record);
  }
  reply(command.id, members_reply(records, session, request.single));
  return true;
}

// Ends the sessions that hold the wanted ids, if the caller may replace them. True: the command has
// been answered or put aside.
bool Node::Impl::make_way(Command& command, const Register& request) {
  for (const MemberRecord& wanted : request.members) {
    const MemberNo no = directory.find_member(wanted.key);
    if (no == kNobody) continue;
    const Member& member = directory.member(no);
    if (member.busy || member.ending || member.work->incoming > 0) {
      block(block_name(wanted.key), std::move(command));
      return true;
    }
    if (!present(member.record->status)) continue;
    const std::string id(wanted.key.id());
    const bool may =
        command.caller.is_operator || member.record->registered_by == command.caller.principal;
    if (!request.replace || !may) {
      refuse(command.id, !request.replace ? exists_already(*member.record)
                                          : Error{.kind = ErrorKind::kForbidden,
                                                  .detail = "the member " + id +
                                                            " was registered with another token"});
      return true;
    }
    const SessionNo session = member.session;
    begin_end(session,
              session == kNobody ? std::vector<MemberNo>{no} : directory.session(session).members,
              EndCause::kReplaced, MemberStatus::kDetached, false, std::nullopt);
    block(block_name(wanted.key), std::move(command));
    return true;
  }
  return false;
}

void Node::Impl::register_members(Command command, Register& request) {
  const Register wanted = request;
  command.body = std::move(request);
  for (const MemberRecord& member : wanted.members) {
    if (coming_members.contains(member.key)) {
      return block(block_name(member.key), std::move(command));
    }
  }
  if (without_hold(command, seconds(wanted.lease_seconds))) return;
  if (registered_elsewhere(command, wanted)) return;
  MemberGate gate(*this, command.caller);
  std::optional<Error> refused;  // the first; of all of them approvals are asked for
  for (size_t i = 0; i < wanted.members.size(); ++i) {
    auto wrong = gate.registers(wanted.members[i], proof_of(wanted.proofs, i));
    if (!refused) refused = std::move(wrong);
  }
  if (refused) return refuse(command.id, std::move(*refused));
  if (make_way(command, wanted)) return;
  const auto fresh = std::count_if(
      wanted.members.begin(), wanted.members.end(),
      [&](const MemberRecord& member) { return directory.find_member(member.key) == kNobody; });
  if (directory.members() + coming_members.size() + static_cast<size_t>(fresh) >
      config.max_members) {
    return refuse(command.id, too_many_members());
  }
  Write write = new_write();
  std::optional<SessionRecord> session;
  std::vector<MemberRecord> records;
  std::set<MemberNo> taken;
  for (size_t i = 0; i < wanted.members.size(); ++i) {
    MemberRecord record = new_life(wanted.members[i], wanted.session_id, command.caller);
    const MemberNo no = directory.find_member(record.key);
    if (no != kNobody) taken.insert(no);
    if (!record.manual) {
      if (!session) {
        session = SessionRecord{.id = wanted.session_id,
                                .ns = std::string(record.key.ns()),
                                .generation = 1,
                                .lease_seconds = wanted.lease_seconds,
                                .grace_ms = wanted.grace_ms,
                                .state = SessionState::kActive,
                                .home = config.self,
                                .members = {},
                                .registered_by = command.caller.principal,
                                .revision = 0,
                                .ended_at = kNoWall};
      }
      session->members.emplace_back(record.key.id(), record.incarnation);
    }
    records.push_back(record);
    coming_members.insert(record.key);
    write.coming.push_back(record.key);
    put_member(write, no, std::move(record), "registered", proof_of(wanted.proofs, i));
  }
  gate.spend(write);
  leave_old_sessions(write, taken);
  if (session) put_session(write, kNobody, *session);
  finish_with(write, command, members_reply(records, session, wanted.single));
  submit_write(std::move(write));
}

// Sessions that had ended and now lose the last member that they could attach again: another
// process has taken over. What they list stays, for their tokens still get the kept answers.
void Node::Impl::leave_old_sessions(Write& write, const std::set<MemberNo>& taken) {
  std::set<SessionNo> left;
  for (const MemberNo no : taken) left.insert(directory.member(no).session);
  for (const SessionNo no : left) {
    if (no == kNobody) continue;
    const Session& session = directory.session(no);
    if (session.record->state != SessionState::kLapsed || session.busy) continue;
    const auto& listed = session.record->members;
    const bool attachable = std::any_of(listed.begin(), listed.end(), [&](const auto& entry) {
      const MemberNo member = directory.find_member(MemberKey(session.record->ns, entry.first));
      return member != kNobody && directory.member(member).session == no &&
             directory.member(member).record->status == MemberStatus::kDetached &&
             !taken.contains(member);
    });
    if (attachable) continue;
    SessionRecord next = *session.record;
    next.state = SessionState::kReplaced;
    put_session(write, no, std::move(next));
  }
}

// Drops from the list those that have left the session.
void Node::Impl::forget_absent(SessionRecord& session) const {
  std::erase_if(session.members, [&](const auto& entry) {
    const MemberNo no = directory.find_member(MemberKey(session.ns, entry.first));
    return no == kNobody || directory.member(no).record->session != session.id ||
           directory.member(no).record->incarnation != entry.second ||
           !present(directory.member(no).record->status);
  });
}

void Node::Impl::add_members(Command command, AddMembers& request) {
  const AddMembers wanted = request;
  command.body = std::move(request);
  if (session_blocked(command, wanted.ref) || not_at_home(command, wanted.ref)) return;
  const auto found = asked(command, wanted.ref, false);
  if (!found) return refuse(command.id, found.error());
  for (const MemberRecord& member : wanted.members) {
    const MemberNo no = directory.find_member(member.key);
    if (coming_members.contains(member.key) || (no != kNobody && directory.member(no).busy)) {
      return block(block_name(member.key), std::move(command));
    }
  }
  Write write = new_write();
  SessionRecord next = *directory.session(found->session).record;
  if (next.members.size() + wanted.members.size() > kSessionMembers) forget_absent(next);
  BatchReply batch;
  size_t made = 0;
  std::set<MemberNo> taken;
  for (size_t i = 0; i < wanted.members.size(); ++i) {
    const MemberRecord& member = wanted.members[i];
    const std::string_view proof = proof_of(wanted.proofs, i);
    MemberGate gate(*this, command.caller);
    batch.ids.emplace_back(member.key.id());
    const MemberNo no = directory.find_member(member.key);
    if (auto refused = gate.registers(member, proof)) {
      batch.items.emplace_back(std::move(*refused));
      continue;
    }
    if (no != kNobody &&
        (present(directory.member(no).record->status) || directory.member(no).ending)) {
      batch.items.emplace_back(
          Error{.kind = ErrorKind::kMemberExists,
                .detail = "the member " + std::string(member.key.id()) + " is in use"});
      continue;
    }
    if (no != kNobody) {
      std::erase_if(next.members, [&](const auto& had) { return had.first == member.key.id(); });
    }
    const bool crowded = no == kNobody && directory.members() + made >= config.max_members;
    if (next.members.size() >= kSessionMembers || crowded || coming_members.contains(member.key)) {
      batch.items.emplace_back(Error{.kind = ErrorKind::kTooManyRequests,
                                     .detail = "a session has 10,000 members at most, each once, "
                                               "and the host a limit of its own"});
      continue;
    }
    made += no == kNobody ? 1 : 0;
    MemberRecord record = new_life(member, next.id, command.caller);
    record.registered_by = next.registered_by;
    if (no != kNobody) taken.insert(no);
    next.members.emplace_back(record.key.id(), record.incarnation);
    coming_members.insert(record.key);
    write.coming.push_back(record.key);
    batch.items.emplace_back(OwnerReply{.id = std::string(record.key.id()),
                                        .status = Status::kPending,
                                        .epoch = record.incarnation,
                                        .revision = record.revision});
    put_member(write, no, std::move(record), "registered", proof);
    gate.spend(write);
  }
  leave_old_sessions(write, taken);
  put_session(write, found->session, std::move(next));
  finish_with(write, command, std::move(batch));
  submit_write(std::move(write));
}

void Node::Impl::remove_members(Command command, RemoveMembers& request) {
  const RemoveMembers wanted = request;
  command.body = std::move(request);
  if (session_blocked(command, wanted.ref) || not_at_home(command, wanted.ref)) return;
  const auto found = asked(command, wanted.ref, false);
  if (!found) return refuse(command.id, found.error());
  std::vector<MemberNo> leaving;
  for (const std::string& id : wanted.ids) {
    const MemberNo no = directory.find_member(MemberKey(wanted.ref.ns, id));
    if (no == kNobody || directory.member(no).session != found->session) {
      return refuse(command.id, {.kind = ErrorKind::kNotFound,
                                 .detail = "no member " + id + " in this session"});
    }
    leaving.push_back(no);
  }
  if (MemberGate(*this, command.caller).keeps(command.id, leaving)) return;
  Reply done = {.id = command.id, .body = MembersReply{.members = {}, .single = false}};
  begin_end(found->session, std::move(leaving), EndCause::kRetired, MemberStatus::kRetired, false,
            std::move(done));
}

// --- changing -------------------------------------------------------------------------------

MemberRecord Node::Impl::patched(const MemberRecord& before, const PatchMember& wanted) {
  MemberRecord next = before;
  if (wanted.capabilities) next.capabilities = *wanted.capabilities;
  if (wanted.weight) next.weight = *wanted.weight;
  if (wanted.max_load) next.max_load = *wanted.max_load;
  std::map<std::string, std::string> labels;
  if (!wanted.replace_labels) labels.insert(before.labels.begin(), before.labels.end());
  for (const auto& [name, value] : wanted.labels) {
    if (value) {
      labels[name] = *value;
    } else {
      labels.erase(name);
    }
  }
  next.labels.assign(labels.begin(), labels.end());
  return next;
}

void Node::Impl::patch(Command command, PatchMember& request) {
  const PatchMember wanted = request;
  command.body = std::move(request);
  const MemberNo no = directory.find_member(wanted.key);
  if (no == kNobody) {
    if (remote.on && !has_asked(command)) {
      want(command, block_name(wanted.key), {}, {wanted.key});
      return;
    }
    return refuse(command.id, {.kind = ErrorKind::kNotFound,
                               .detail = "no member " + std::string(wanted.key.id())});
  }
  const Member& member = directory.member(no);
  if (member.busy || member.ending) {
    return block(block_name(wanted.key), std::move(command));
  }
  const MemberRecord& before = *member.record;
  if (before.status == MemberStatus::kRetired) {
    return refuse(command.id, {.kind = ErrorKind::kGone,
                               .detail = std::string(wanted.key.id()) + " has retired"});
  }
  const Caller& caller = command.caller;
  const bool own = !caller.session.empty() && before.session == caller.session;
  if (!own && !caller.is_operator && before.registered_by != caller.principal) {
    return refuse(command.id, {.kind = ErrorKind::kForbidden,
                               .detail = "only its own session, the token that registered it, or "
                                         "an operator may change a member"});
  }
  if (wanted.if_revision && *wanted.if_revision != before.revision) {
    Error error = {.kind = ErrorKind::kPreconditionFailed,
                   .detail = "If-Match: the revision is " + std::to_string(before.revision)};
    error.revision = before.revision;
    return refuse(command.id, std::move(error));
  }
  MemberRecord next = patched(before, wanted);
  if (auto refused = patch_keys(wanted, caller, next)) return refuse(command.id, *refused);
  MemberGate gate(*this, caller);
  if (auto refused = gate.changes(next, member_view(no).current_load)) {
    return refuse(command.id, *refused);
  }
  Write write = new_write();
  gate.spend(write);
  ++next.revision;
  MembersReply answer = members_reply({next}, std::nullopt, true);
  answer.created = false;
  show_as_present(answer);
  put_member(write, no, std::move(next), "changed");
  finish_with(write, command, std::move(answer));
  submit_write(std::move(write));
}

// --- leaving --------------------------------------------------------------------------------

void Node::Impl::drain(Command command, Drain& request) {
  const Drain wanted = request;
  command.body = request;
  if (session_blocked(command, wanted.ref) || not_at_home(command, wanted.ref)) return;
  const auto found = asked(command, wanted.ref, false);
  if (!found) return refuse(command.id, found.error());
  if (MemberGate(*this, command.caller).keeps(command.id, found->members)) return;
  Write write = new_write();
  std::vector<MemberRecord> records;
  for (const MemberNo no : found->members) {
    MemberRecord next = *directory.member(no).record;
    if (!present(next.status)) continue;  // it has left
    next.status = MemberStatus::kDraining;
    next.reason = "drain";
    next.drain_deadline =
        wanted.deadline_seconds ? now.wall + int64_t{*wanted.deadline_seconds} * 1000 : kNoWall;
    records.push_back(next);
    ++records.back().revision;
    put_member(write, no, std::move(next), "draining");
  }
  if (records.empty()) {
    return refuse(command.id, {.kind = ErrorKind::kWrongState,
                               .detail = "it has left; only an ACTIVE member can be drained"});
  }
  MembersReply answer = members_reply(records, std::nullopt, !wanted.ref.member.empty());
  answer.created = false;
  answer.accepted = true;
  show_as_present(answer);
  finish_with(write, command, std::move(answer));
  submit_write(std::move(write));
}

void Node::Impl::resume(Command command, Resume& request) {
  const Resume wanted = request;
  command.body = request;
  if (session_blocked(command, wanted.ref) || not_at_home(command, wanted.ref)) return;
  const auto found = asked(command, wanted.ref, false);
  if (!found) return refuse(command.id, found.error());
  Write write = new_write();
  std::vector<MemberRecord> records;
  for (const MemberNo no : found->members) {
    MemberRecord next = *directory.member(no).record;
    if (!present(next.status)) continue;  // it has left
    next.status = MemberStatus::kActive;
    next.reason.clear();
    next.drain_deadline = kNoWall;
    records.push_back(next);
    ++records.back().revision;
    put_member(write, no, std::move(next), "resumed");
  }
  if (records.empty()) {
    return refuse(command.id, {.kind = ErrorKind::kWrongState,
                               .detail = "it has left; only a DRAINING member can resume"});
  }
  MembersReply answer = members_reply(records, std::nullopt, !wanted.ref.member.empty());
  answer.created = false;
  show_as_present(answer);
  finish_with(write, command, std::move(answer));
  submit_write(std::move(write));
}

void Node::Impl::retire(Command command, Retire& request) {
  const Retire wanted = request;
  command.body = request;
  if (session_blocked(command, wanted.ref) || not_at_home(command, wanted.ref)) return;
  const auto found = asked(command, wanted.ref, false);
  if (!found) return refuse(command.id, found.error());
  if (MemberGate(*this, command.caller).keeps(command.id, found->members)) return;
  Reply done = {.id = command.id,
                .body = MembersReply{.members = {}, .single = !wanted.ref.member.empty()}};
  begin_end(found->session, found->members, EndCause::kRetired, MemberStatus::kRetired, false,
            std::move(done));
}

// A draining member goes when it holds nothing, or at its deadline; what it has not been given yet
// goes at once.
void Node::Impl::check_drained(MemberNo no) {
  if (no >= directory.member_numbers() || !directory.has_member(no)) return;
  Member& member = directory.member(no);
  if (member.record->status != MemberStatus::kDraining || member.ending || member.busy ||
      member.ring == kNoMember) {
    return;
  }
  const bool late = member.work->drain_until <= now.mono;
  if (late ||
      (member.work->held.empty() && member.work->incoming == 0 && member.foreign_load == 0)) {
    if (!drains_here(member)) return;
    return begin_end(member.session, {no}, EndCause::kRetired, MemberStatus::kRetired, true,
                     std::nullopt);
  }
  part(no, [this](SlotNo slot_no, const Change& change, MemberNo to) {
    const Slot& slot = packets[slot_no];
    auto done = transition(*slot.head, status(slot), change, now.wall);
    if (!done) return;
    move_untaken(slot_no, std::move(*done), to,
                 {.move = MoveCause::kDrain, .revoke = RevokeReason::kDrained, .membership = true});
  });
}

void Node::Impl::await_member(const Command& command, const AwaitMember& await) {
  const MemberNo no = directory.find_member(await.key);
  if (no == kNobody) {
    return refuse(command.id, {.kind = ErrorKind::kNotFound,
                               .detail = "no member " + std::string(await.key.id())});
  }
  if (draining || await.wait.ns <= 0 || await_timers.size() >= config.max_waiting ||
      directory.member(no).record->status == MemberStatus::kRetired) {
    MembersReply body;
    body.members.push_back(member_view(no));
    return reply(command.id, std::move(body));
  }
  const Instant until = now.mono + await.wait;
  member_awaits[await.key].push_back({command.id, until});
  await_timers.emplace(std::make_pair(until, command.id), await.key);
}

}  // namespace phoenix
