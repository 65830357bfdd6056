// Records of members and sessions, as others have written them: what is newer counts, and what
// follows from it is done. And the other way round: what this host has written is told to all.

#include <algorithm>

#include "base/planted.h"
#include "node/parts/impl.h"
#include "node/remote/about_bytes.h"
#include "node/remote/loads.h"
#include "node/signed/certifying.h"

namespace phoenix {
namespace {

constexpr size_t kPortion = 500;                   // records in one message
constexpr size_t kPortionBytes = size_t{4} << 20;  // and bytes, far below what a link takes
constexpr uint8_t kMostTries = 5;
constexpr Duration kPatience = seconds(2);

void unmark(std::vector<bool>& marks, uint32_t no) {
  if (no < marks.size()) marks[no] = false;
}

// In `blocked`: what waits for newer records, not for a write.
std::string asked_name(const std::string& name) { return "w:" + name; }

}  // namespace

// --- telling --------------------------------------------------------------------------------

void Node::Impl::tell_news() {
  Records& news = remote.news;
  const bool none = news.sessions.empty() && news.members.empty() && news.gone_members.empty() &&
                    news.gone_sessions.empty();
  if (none) return;
  // Also while the newest view known here names nobody else: links may be ahead of it, and who came
  // up by one has been told all but this.
  tell_records({}, std::exchange(news, {}));
}

void Node::Impl::tell_records(const HostLife& to, Records all) {
  Records portion;
  size_t count = 0;
  size_t bytes = 0;
  const auto make_room = [&](size_t more) {
    if (count > 0 && (count >= kPortion || bytes + more > kPortionBytes)) {
      tell(to, std::exchange(portion, {}));
      count = bytes = 0;
    }
    ++count;
    bytes += more;
  };
  for (auto& session : all.sessions) {
    make_room(about_bytes(*session));
    portion.sessions.push_back(std::move(session));
  }
  for (auto& member : all.members) {
    make_room(about_bytes(*member));
    portion.members.push_back(std::move(member));
  }
  for (MemberKey& key : all.gone_members) {
    make_room(key.text().size());
    portion.gone_members.push_back(std::move(key));
  }
  for (std::string& id : all.gone_sessions) {
    make_room(id.size());
    portion.gone_sessions.push_back(std::move(id));
  }
  if (count > 0) tell(to, std::move(portion));
}

// What a write has made durable of members and sessions.
void Node::Impl::tell_of(const Write& write) {
  Records& news = remote.news;
  for (const SessionStep& step : write.sessions) {
    if (step.next) news.sessions.push_back(step.next);
  }
  for (const MemberStep& step : write.members) {
    if (!step.next) continue;
    news.members.push_back(step.next);
    Sharing(*this).introduce(directory.find_member(step.next->key));
  }
  if (!write.apart) return;
  for (const MemberKey& key : write.apart->dropped_members) news.gone_members.push_back(key);
  for (const std::string& id : write.apart->dropped_sessions) news.gone_sessions.push_back(id);
}

// Everything that this host answers for.
void Node::Impl::tell_all_records(const HostLife& peer) {
  Records all;
  for (const SessionNo no : remote.at_home) all.sessions.push_back(directory.session(no).record);
  for (MemberNo no = 0; no < directory.member_numbers(); ++no) {
    if (!directory.has_member(no)) continue;
    const Member& member = directory.member(no);
    SessionNo session = member.session;
    // It may have come to be known before its session, which need not list it any more.
    if (session == kNobody && !member.record->session.empty()) {
      session = directory.find_session(member.record->session);
    }
    const bool ours = session == kNobody ? member.record->manual : directory.session(session).here;
    if (ours) all.members.push_back(member.record);
  }
  tell_records(peer, std::move(all));
}

void Node::Impl::link_up(const HostLife& peer) {
  if (peer == config.self) return;
  remote.named.erase(peer);
  Sharing(*this).doubt(peer);
  tell_all_records(peer);
  tell_all_loads(peer, false);
  if (!planted(PlantedBug::kNotDeliveredAgain)) deliver_all(peer);  // the end of it all
  Certifying(*this).link_up(peer);
}

// --- learning -------------------------------------------------------------------------------

struct Node::Impl::Learned {
  std::set<MemberNo> members;       // whose record, session or home has changed
  std::map<MemberNo, Loss> losses;  // of those that have ended, why
  std::set<SessionNo> relink;
  std::set<SessionNo> moved;  // to another home
};

void Node::Impl::learn(const Records& records) {
  Learned learned;
  for (const auto& session : records.sessions) learn_session(session, learned);
  for (const auto& member : records.members) learn_member(member, learned);
  for (const MemberKey& key : records.gone_members) {
    const MemberNo no = directory.find_member(key);
    if (no != kNobody) learn_gone(no, learned);
  }
  for (const SessionNo no : learned.relink) {
    if (directory.has_session(no)) relink(no);
  }
  for (const MemberNo no : learned.members) {
    if (directory.has_member(no)) member_changed(no, learned);
  }
  for (const std::string& id : records.gone_sessions) {
    const SessionNo no = directory.find_session(id);
    if (no == kNobody || directory.session(no).busy || directory.session(no).here) continue;
    const std::vector<MemberNo> members = directory.session(no).members;
    apply(SessionStep{no, nullptr});
    for (const MemberNo member : members) member_changed(member, learned);
  }
  drop_endings();
  // Whoever waited for the newest records goes on, also if there are none.
  if (blocked.empty()) return;
  for (const auto& session : records.sessions) unblock(asked_name(session_block_name(session->id)));
  for (const auto& member : records.members) unblock(asked_name(block_name(member->key)));
  for (const std::string& id : records.gone_sessions) unblock(asked_name(session_block_name(id)));
  for (const MemberKey& key : records.gone_members) unblock(asked_name(block_name(key)));
}

void Node::Impl::learn_session(const std::shared_ptr<const SessionRecord>& next, Learned& learned) {
  const SessionNo known = directory.find_session(next->id);
  bool busy = false;
  bool was_here = false;
  HostLife home;
  if (known != kNobody) {
    const Session& session = directory.session(known);
    const uint64_t revision = session.record->revision;
    const bool newer = planted(PlantedBug::kOlderRecordWins) ? revision != next->revision
                                                             : revision < next->revision;
    if (!newer) return;
    busy = session.busy;
    was_here = session.here;
    home = session.record->home;
    for (const MemberNo no : session.members) learned.members.insert(no);
  }
  apply(SessionStep{known, next});
  const SessionNo no = directory.find_session(next->id);
  Session& session = directory.session(no);
  session.busy = busy;
  if (was_here && (!session.here || !session.active())) leave_home(no);
  learned.relink.insert(no);
  if (known != kNobody && home != next->home) learned.moved.insert(no);
  for (const auto& [id, incarnation] : next->members) {
    const MemberNo member = directory.find_member(MemberKey(next->ns, id));
    if (member != kNobody) learned.members.insert(member);
  }
}

void Node::Impl::learn_member(const std::shared_ptr<const MemberRecord>& next, Learned& learned) {
  const MemberNo known = directory.find_member(next->key);
  bool busy = false;
  bool newcomer = known == kNobody;
  if (known != kNobody) {
    const Member& member = directory.member(known);
    if (member.record->revision >= next->revision) return;
    busy = member.busy;
    newcomer = member.record->incarnation != next->incarnation;
    if (member.session != kNobody) learned.relink.insert(member.session);
    const bool same =
        member.record->incarnation == next->incarnation && member.record->session == next->session;
    if (!same) take_from_session(known);
  }
  apply(MemberStep{known, next});
  const MemberNo no = directory.find_member(next->key);
  Member& member = directory.member(no);
  member.busy = busy;
  if (member.session != kNobody) learned.relink.insert(member.session);
  learned.members.insert(no);
  const bool present =
      next->status == MemberStatus::kActive || next->status == MemberStatus::kDraining;
  if (!present) learned.losses.insert_or_assign(no, loss_of(*next));
  if (present && newcomer) Sharing(*this).await_word(no, Unheard::kJoined);
}

// Forgotten an hour after its end. What is on its way to it, or held in its name, is seen to first.
void Node::Impl::learn_gone(MemberNo no, Learned& learned) {
  Member& member = directory.member(no);
  if (member.busy || member.ending || member.work->incoming > 0) return;
  const MemberStatus status = member.record->status;
  if (status == MemberStatus::kActive || status == MemberStatus::kDraining) {
    // The news of its end was lost.
    MemberRecord over = *member.record;
    over.status = MemberStatus::kDetached;
    over.reason = "lost-with-host";
    learned.losses[no] = loss_of(over);
    apply(MemberStep{no, std::make_shared<const MemberRecord>(std::move(over))});
    member_changed(no, learned);
  }
  learned.members.erase(no);
  incarnation_floor = std::max(incarnation_floor, member.record->incarnation);
  apply(MemberStep{no, nullptr});
}

// What it held by a life that is over is orphaned; what it holds goes to its present home.
void Node::Impl::member_changed(MemberNo no, const Learned& learned) {
  Member& member = directory.member(no);
  const bool here = member.session != kNobody && directory.session(member.session).here;
  if (!here) {
    drop_foreign_of(no);
  } else if (remote.foreign.of(no).empty()) {
    set_foreign_load(no, 0);  // what its former home had told
  }
  const bool moved = member.session != kNobody && learned.moved.contains(member.session);
  if (moved && !here) Sharing(*this).await_word(no, Unheard::kMoved);
  sync_ring(no);
  if (member.work->held.empty()) return;
  std::vector<SlotNo> held = held_by({no});
  const auto why = learned.losses.find(no);
  for (const SlotNo slot_no : held) {
    Slot& slot = packets[slot_no];
    if (!may_hold(no, slot.head->owner->incarnation)) {
      orphan(slot_no, why == learned.losses.end() ? Loss{} : why->second);
      continue;
    }
    if (!moved) continue;
    slot.maybe = slot.maybe || slot.told;
    slot.told = false;
    slot.outbox = 0;
    // Its former home may have handed it over, and the word of that may be lost with it.
    if (!slot.busy) put_delivery(slot_no, true);
  }
}

// The present life of the member ends, or it goes to another session: this one holds nothing of it.
void Node::Impl::take_from_session(MemberNo no) {
  Member& member = directory.member(no);
  drop_foreign_of(no);
  if (member.session == kNobody) return;
  Session& session = directory.session(member.session);
  for (const SlotNo slot : member.work->held) {
    if (packets[slot].outbox == 0) continue;
    session.attached.make().outbox.remove(packets[slot].outbox);
    packets[slot].outbox = 0;
  }
}

// It is not this host's any more: another one is its home, or has ended it.
void Node::Impl::leave_home(SessionNo no) {
  Session& session = directory.session(no);
  for (const MemberNo member : session.members) take_from_session(member);
  if (Attachment* const attached = session.attached.get()) {
    attached->outbox.forget();
    attached->broken_at.reset();
  }
  with_untaken.erase(no);
  answer_waiters(no, std::nullopt);
}

// Ends that were begun here of sessions that others have ended or taken since.
void Node::Impl::drop_endings() {
  for (auto it = endings.begin(); it != endings.end();) {
    Ending& ending = *it;
    const bool session_stands = ending.members.empty() && ending.session != kNobody &&
                                directory.session(ending.session).here &&
                                directory.session(ending.session).active();
    const bool stands = ending.writing || session_stands ||
                        std::any_of(ending.members.begin(), ending.members.end(),
                                    [&](MemberNo no) { return ends_here(ending, no); });
    if (stands) {
      ++it;
      continue;
    }
    const Ending dropped = std::move(ending);
    it = endings.erase(it);
    for (const MemberNo no : dropped.members) {
      if (!directory.has_member(no)) continue;
      directory.member(no).ending = false;
      sync_ring(no);
      unblock(block_name(directory.member(no).record->key));
    }
    if (dropped.session != kNobody && directory.has_session(dropped.session)) {
      directory.session(dropped.session).ending.reset();
      unblock(session_block_name(directory.session(dropped.session).record->id));
    }
    for (const Reply& asked : dropped.replies) {
      Error error = {.kind = ErrorKind::kMisdirected,
                     .detail = "its session is attached to another host by now"};
      error.retry_after_ms = 100;
      refuse(asked.id, std::move(error));
    }
  }
}

// Has this host still to end this member?
bool Node::Impl::ends_here(const Ending& ending, MemberNo no) const {
  const Member& member = directory.member(no);
  const MemberStatus status = member.record->status;
  if (status != MemberStatus::kActive && status != MemberStatus::kDraining) return false;
  if (ending.session == kNobody) return member.record->manual;
  if (member.session != ending.session) return false;
  const Session& session = directory.session(ending.session);
  return session.active() && (session.here || ending.cause == EndCause::kReplaced);
}

// --- comparing ------------------------------------------------------------------------------

// News are told once, and may be lost with a link or with who would have told them.
RecordNames Node::Impl::compare(const RecordPage& page, bool first, bool last) {
  std::vector<bool>& members = remote.unseen_members;
  std::vector<bool>& sessions = remote.unseen_sessions;
  if (first) {
    members.resize(directory.member_numbers());
    for (MemberNo no = 0; no < members.size(); ++no) members[no] = directory.has_member(no);
    sessions.resize(directory.session_numbers());
    for (SessionNo no = 0; no < sessions.size(); ++no) sessions[no] = directory.has_session(no);
  }
  RecordNames wanted;
  for (const auto& [id, revision] : page.sessions) {
    const SessionNo no = directory.find_session(id);
    unmark(sessions, no);
    const bool known = no != kNobody && directory.session(no).record->revision >= revision;
    if (!known) wanted.sessions.push_back(id);
  }
  for (const auto& [key, revision] : page.members) {
    const MemberNo no = directory.find_member(key);
    unmark(members, no);
    const bool known = no != kNobody && directory.member(no).record->revision >= revision;
    if (!known) wanted.members.push_back(key);
  }
  if (!last) return wanted;
  // Those that the store has forgotten.
  for (SessionNo no = 0; no < sessions.size(); ++no) {
    const bool unseen = sessions[no] && directory.has_session(no);
    if (unseen) wanted.sessions.push_back(directory.session(no).record->id);
  }
  for (MemberNo no = 0; no < members.size(); ++no) {
    const bool unseen = members[no] && directory.has_member(no);
    if (unseen) wanted.members.push_back(directory.member(no).record->key);
  }
  members = {};
  sessions = {};
  return wanted;
}

// --- asking ---------------------------------------------------------------------------------

// Puts the command aside until the newest records of these are here. False: it was put aside often
// enough.
bool Node::Impl::want(Command& command, const std::string& name, std::vector<std::string> sessions,
                      std::vector<MemberKey> members) {
  uint8_t& tries = remote.tries[command.id];
  if (tries >= kMostTries) {
    remote.tries.erase(command.id);
    return false;
  }
  ++tries;
  for (std::string& id : sessions) out.wanted_sessions.push_back(std::move(id));
  for (MemberKey& key : members) out.wanted_members.push_back(std::move(key));
  remote.asked.push_back({now.mono + kPatience, asked_name(name), command.id});
  block(asked_name(name), std::move(command));
  return true;
}

bool Node::Impl::has_asked(const Command& command) const {
  return remote.tries.contains(command.id);
}

void Node::Impl::give_up_asking() {
  while (!remote.asked.empty() && remote.asked.front().until <= now.mono) {
    const Remote::Asked asked = std::move(remote.asked.front());
    remote.asked.pop_front();
    const auto it = blocked.find(asked.name);
    if (it == blocked.end()) continue;
    const size_t before = it->second.size();
    std::erase_if(it->second, [&](const Command& command) { return command.id == asked.request; });
    if (it->second.size() == before) continue;
    if (it->second.empty()) blocked.erase(it);
    Error error = {.kind = ErrorKind::kStoreUnreachable,
                   .detail = "the store did not say in time how it stands there"};
    error.retry_after_ms = 1000;
    refuse(asked.request, std::move(error));
  }
}

// The newest records of all that the write was about.
void Node::Impl::want_newer(const Write& write) {
  for (const SessionStep& step : write.sessions) {
    if (step.next) out.wanted_sessions.push_back(step.next->id);
  }
  for (const MemberStep& step : write.members) {
    if (step.next) out.wanted_members.push_back(step.next->key);
  }
}

// True: what it was asked for is tried again.
bool Node::Impl::abandon_apart(Write& write, Outcome outcome) {
  if (!write.apart->adopts.empty()) {
    remote.adopting.erase(write.apart->adopts);
    remote.adopt_after = now.mono + milliseconds(100);
    if (outcome == Outcome::kConflict) want_newer(write);
  }
  return outcome == Outcome::kConflict && try_again_with_newer(write);
}

// A write met newer records: they are read, and what was asked for is tried again with them. False:
// the command is none of those, or has been tried often enough.
bool Node::Impl::try_again_with_newer(Write& write) {
  if (!write.apart->command) return false;
  std::vector<std::string> sessions;
  std::vector<MemberKey> members;
  std::string name;
  for (const SessionStep& step : write.sessions) {
    if (!step.next) continue;
    sessions.push_back(step.next->id);
    if (name.empty()) name = session_block_name(step.next->id);
  }
  for (const MemberStep& step : write.members) {
    if (!step.next) continue;
    members.push_back(step.next->key);
    if (name.empty()) name = block_name(step.next->key);
  }
  if (name.empty()) return false;
  return want(*write.apart->command, name, std::move(sessions), std::move(members));
}

}  // namespace phoenix
