// Sessions and the hosts that are their homes: attaching at any host, taking over what a lost home
// has left, and what a home may promise.

#include <algorithm>
#include <iterator>

#include "base/planted.h"
#include "node/parts/impl.h"
#include "node/remote/loads.h"
#include "node/signed/certifying.h"

namespace phoenix {
namespace {

// A home that no view here has named may be one that joined just now.
constexpr Duration kUnknownHome = seconds(2);
constexpr Duration kLeastGrace = seconds(1);
constexpr size_t kAdoptAtOnce = 512;
constexpr size_t kHeldAtOnce = 1'000;  // members in one question, or those of one session

}  // namespace

bool Node::Impl::in_view(const HostLife& host) const {
  return place_in(*remote.view, host).has_value();
}

// What a lease is worth now: it ends with this host's own hold, one lease after its last renewal.
Duration Node::Impl::lease_left(Duration lease) const {
  if (!remote.on || planted(PlantedBug::kLeaseWithoutHold)) return lease;
  if (!remote.hold) return {};
  return std::max(Duration{}, lease - (now.mono - *remote.hold));
}

// True: the call was answered. A host that has not heard from the store for a lease promises none.
bool Node::Impl::without_hold(const Command& command, Duration lease) {
  if (!remote.on || planted(PlantedBug::kLeaseWithoutHold)) return false;
  const bool holds = remote.hold && now.mono - *remote.hold < lease;
  if (holds) return false;
  Error error = {.kind = ErrorKind::kStoreUnreachable,
                 .detail =
                     "this host has not heard from the store for a lease, so it can promise "
                     "none; ask another host"};
  error.retry_after_ms = 500;
  refuse(command.id, std::move(error));
  return true;
}

// True: the command has been answered or put aside, since the session's home is not here.
bool Node::Impl::not_at_home(Command& command, const SessionRef& ref) {
  if (!remote.on) return false;
  SessionNo no = kNobody;
  if (!command.caller.session.empty()) {
    no = directory.find_session(command.caller.session);
    if (must_learn_token(command, ref)) return true;
  } else if (!ref.member.empty()) {
    const MemberKey key(ref.ns, ref.member);
    const MemberNo member = directory.find_member(key);
    if (member == kNobody) {
      return !has_asked(command) && want(command, block_name(key), {}, {key});
    }
    no = directory.member(member).session;
  } else {
    no = directory.find_session(ref.session);
  }
  if (no == kNobody) return false;
  const Session& session = directory.session(no);
  if (session.here || !session.active()) return false;
  Error error = {.kind = ErrorKind::kMisdirected,
                 .detail = "the session is attached to the host " + session.record->home.host};
  error.retry_after_ms = 100;
  refuse(command.id, std::move(error));
  return true;
}

// True: the newest records were asked for, since the token tells of newer ones than are known here.
bool Node::Impl::must_learn_token(Command& command, const SessionRef& ref) {
  if (!behind(command.caller) && !has_asked(command)) return false;
  std::vector<MemberKey> members;
  if (!ref.member.empty()) members.emplace_back(ref.ns, ref.member);
  return want_session(command, std::move(members));
}

// Asks for the records of the caller's session and these members, and then, if more of its members
// are unknown, for theirs. False: both has been done.
bool Node::Impl::want_session(Command& command, std::vector<MemberKey> members) {
  const uint8_t tries = has_asked(command) ? remote.tries.at(command.id) : 0;
  if (tries > 0) members = unknown_members(command.caller.session);
  if (tries > 1 || (tries == 1 && members.empty())) return false;
  const std::string id = command.caller.session;
  return want(command, session_block_name(id), {id}, std::move(members));
}

// Of a session that was unknown its members were, too: they are asked for when it is known.
std::vector<MemberKey> Node::Impl::unknown_members(const std::string& session) const {
  std::vector<MemberKey> unknown;
  const SessionNo no = directory.find_session(session);
  if (no == kNobody) return unknown;
  const SessionRecord& record = *directory.session(no).record;
  for (const auto& [id, incarnation] : record.members) {
    MemberKey key(record.ns, id);
    if (directory.find_member(key) == kNobody) unknown.push_back(std::move(key));
  }
  return unknown;
}

// Does the caller's token prove that this host has not heard the newest of its session?
bool Node::Impl::behind(const Caller& caller) const {
  if (!remote.on || caller.session.empty()) return false;
  const SessionNo no = directory.find_session(caller.session);
  if (no == kNobody) return true;
  return directory.session(no).record->generation < caller.generation;
}

// An owner's call, by a session that is at home elsewhere: true if newer records are asked for.
bool Node::Impl::must_learn_caller(Command& command, OwnerCalls& request) {
  if (has_asked(command)) return false;
  // A member without a session has no home that would tell of it again.
  for (const auto& item : request.items) {
    if (!item || command.caller.as_member.empty()) continue;
    MemberKey key(item->key.ns(), command.caller.as_member);
    if (directory.find_member(key) != kNobody) continue;
    command.body = std::move(request);
    return want(command, block_name(key), {}, {key});
  }
  if (!behind(command.caller)) return false;
  std::vector<MemberKey> owners;
  for (const auto& item : request.items) {
    if (!item) continue;
    const SlotNo slot = packets.find(item->key);
    if (slot == kNoSlot || !packets[slot].head->owner) continue;
    owners.emplace_back(item->key.ns(), packets[slot].head->owner->id);
  }
  const std::string id = command.caller.session;
  command.body = std::move(request);
  return want(command, session_block_name(id), {id}, std::move(owners));
}

// --- attaching here -------------------------------------------------------------------------

// True: the newest records were asked for first.
bool Node::Impl::must_learn_session(Command& command, const SessionRef& ref) {
  if (!remote.on) return false;
  std::vector<MemberKey> members;
  if (!ref.member.empty()) members.emplace_back(ref.ns, ref.member);
  const SessionNo no = directory.find_session(command.caller.session);
  if (no != kNobody) {
    const SessionRecord& record = *directory.session(no).record;
    for (const auto& [id, incarnation] : record.members) members.emplace_back(record.ns, id);
  }
  return want_session(command, std::move(members));
}

// In time: this host becomes its home, by the same write that proves that nobody was faster. What
// it holds is then read from the store.
void Node::Impl::attach_here(Command command, SessionNo no) {
  SessionRecord next = *directory.session(no).record;
  next.home = config.self;
  // Its newest token is used by this very call.
  if (command.caller.generation == next.generation) next.state = SessionState::kActive;
  Write write = new_write();
  write.with_others().attaches = next.id;
  put_session(write, no, std::move(next));
  write.with_others().command = std::move(command);
  submit_write(std::move(write));
}

// The session is at home here, durably: what do its members hold?
void Node::Impl::attached_here(ApartWrite& write) {
  const SessionNo no = directory.find_session(write.attaches);
  if (no == kNobody) return dispatch(std::move(*write.command));
  answer_waiters(no, std::nullopt);
  if (Attachment* const attached = directory.session(no).attached.get())
    attached->broken_at.reset();
  AttachedHere attached = {std::move(*write.command), write.attaches, {}};
  for (const MemberNo member : directory.session(no).members) {
    attached.members.push_back(directory.member(member).record->key);
  }
  remote.attached.push_back(std::move(attached));
}

// Thousands may come from a host that is lost: one question after the other, of many each.
void Node::Impl::ask_for_attached() {
  if (remote.attached.empty()) return;
  const bool asked = std::any_of(remote.queries.begin(), remote.queries.end(),
                                 [](const auto& entry) { return !entry.second.attaches.empty(); });
  if (asked) return;
  AskedHeld query;
  while (!remote.attached.empty() && query.members.size() < kHeldAtOnce) {
    AttachedHere& next = remote.attached.front();
    query.members.insert(query.members.end(), next.members.begin(), next.members.end());
    query.attaches.push_back(std::move(next));
    remote.attached.pop_front();
  }
  ask_held(std::move(query));
}

// --- lost homes -----------------------------------------------------------------------------

void Node::Impl::view_changed(std::span<const HostLife> hosts, std::span<const Dropped> dropped,
                              const std::function<bool(const std::string&)>& mine) {
  std::vector<HostLife> came;
  std::vector<HostLife> went;
  const Shares::Keepers known = remote.view;
  std::set_difference(hosts.begin(), hosts.end(), known->begin(), known->end(),
                      std::back_inserter(came));
  std::set_difference(known->begin(), known->end(), hosts.begin(), hosts.end(),
                      std::back_inserter(went));
  if (!came.empty() || !went.empty()) {
    remote.view = std::make_shared<const std::vector<HostLife>>(hosts.begin(), hosts.end());
  }
  remote.mine = mine;
  Certifying(*this).homes_changed();
  const bool first = !std::exchange(remote.has_view, true);
  for (const Dropped& gone : dropped) {
    if (in_view(gone.home)) continue;
    const LostHome lost = {.silent = gone.silent, .act_at = now.mono};
    const auto [it, fresh] = remote.lost_homes.try_emplace(gone.home, lost);
    if (!fresh) it->second = lost;
  }
  remote.adopt_next = {};
  if (!first && came.empty() && went.empty()) return adopt();
  for (const HostLife& host : came) {
    remote.lost_homes.erase(host);
    // Its link may have come up before its name.
    if (host != config.self) tell_all_loads(host, true);
  }
  for (auto it = remote.manual_loads.begin(); it != remote.manual_loads.end();) {
    const auto& [from, member] = it->first;
    if (in_view(from)) {
      ++it;
      continue;
    }
    if (directory.has_member(member)) {
      set_foreign_load(member, directory.member(member).foreign_load - it->second);
    }
    it = remote.manual_loads.erase(it);
  }
  std::erase_if(remote.unconfirmed, [this](const auto& entry) { return !in_view(entry.first); });
  const auto is_home = [this](const HostLife& host) { return directory.has_sessions_of(host); };
  const bool any_homes = first || std::any_of(came.begin(), came.end(), is_home) ||
                         std::any_of(went.begin(), went.end(), is_home);
  // Through all, which are as many as the pool has: few come or go whose home they are.
  for (const SessionNo no : any_homes ? directory.sessions() : std::vector<SessionNo>()) {
    home_changed(no);
  }
  // What a keeper that is gone had delivered here will be told anew by the next.
  for (ForeignNo no = 0; no < remote.foreign.end(); ++no) {
    const Foreign& entry = remote.foreign[no];
    if (!entry.used || entry.keeper.empty() || in_view(entry.keeper)) continue;
    remote.foreign.set_keeper(no, {});
  }
  adopt();
}

// A session's record is new: is its home here? True: since now.
bool Node::Impl::note_home(SessionNo no) {
  Session& session = directory.session(no);
  const bool was_here = session.here;
  session.here = session.record->home == config.self;
  if (session.here) {
    remote.at_home.insert(no);
  } else {
    remote.at_home.erase(no);
    session.called = true;
    // Who takes its ids over ends it wherever its home is; any other end is for its home to see to.
    if (session.ending != EndCause::kReplaced) session.ending.reset();
    if (Attachment* const attached = session.attached.get()) attached->armed = kNever;
  }
  home_changed(no);
  if (session.here != was_here) Certifying(*this).homes_changed();
  return session.here && !was_here;
}

// What its members hold is handed over here from now on.
void Node::Impl::arrive(SessionNo no) {
  Session& session = directory.session(no);
  if (!session.here) return;
  for (const MemberNo member : session.members) {
    if (remote.foreign.of(member).empty()) set_foreign_load(member, 0);
    for (const SlotNo slot : directory.member(member).work->held) {
      // The former home may have handed it over, and the word of that may be lost with it.
      Slot& held = packets[slot];
      held.maybe = held.maybe || held.told;
      held.told = false;
      if (held.outbox == 0) put_delivery(slot, held.delivered || held.maybe);
    }
    note_load(member);
    sync_ring(member);
    Sharing(*this).introduce(member);
    // What its former home has told of it may be lost with that.
    remote.news.members.push_back(directory.member(member).record);
  }
}

// Nothing new is placed on members whose home cannot be reached.
void Node::Impl::home_changed(SessionNo no) {
  Session& session = directory.session(no);
  const bool reachable = session.here || in_view(session.record->home);
  if (!reachable && session.active() && remote.has_view) {
    const LostHome lost = {.silent = now.mono, .act_at = now.mono + kUnknownHome};
    if (remote.lost_homes.try_emplace(session.record->home, lost).second) {
      remote.adopt_next = std::min(remote.adopt_next, lost.act_at);
    }
    remote.homeless.insert(no);
  }
  if (session.reachable == reachable) return;
  session.reachable = reachable;
  for (const MemberNo member : session.members) sync_ring(member);
}

// Is it active and its home lost?
bool Node::Impl::is_homeless(SessionNo no) const {
  if (!directory.has_session(no)) return false;
  const Session& session = directory.session(no);
  return session.active() && !session.here && remote.lost_homes.contains(session.record->home);
}

// Makes this host the home of sessions that lost theirs, as far as that is up to it.
void Node::Impl::adopt() {
  if (!remote.mine || !is_ready || now.mono < remote.adopt_after) return;
  if (remote.lost_homes.empty()) return remote.homeless.clear();
  // There may be thousands of sessions whose homes a view yet to come will name.
  const bool any_due = std::any_of(remote.lost_homes.begin(), remote.lost_homes.end(),
                                   [this](const auto& it) { return it.second.act_at <= now.mono; });
  if (!any_due) return;
  for (auto it = remote.homeless.begin(); it != remote.homeless.end();) {
    if (remote.adopting.size() >= kAdoptAtOnce) return;
    const SessionNo no = *it;
    if (!is_homeless(no)) {
      it = remote.homeless.erase(it);
      continue;
    }
    ++it;
    const Session& session = directory.session(no);
    const LostHome& lost = remote.lost_homes.at(session.record->home);
    if (session.busy || lost.act_at > now.mono) continue;
    if (!remote.mine(session.record->id)) continue;
    if (!remote.adopting.insert(session.record->id).second) continue;
    SessionRecord next = *session.record;
    next.home = config.self;
    Write write = new_write();
    write.with_others().adopts = next.id;
    write.with_others().silent = lost.silent;
    put_session(write, no, std::move(next));
    submit_write(std::move(write));
  }
}

// It keeps what it holds until one lease after its old home's last word, and a little: the member
// counts by a clock of its own. Nobody has heard of it here, so it gets nothing new.
void Node::Impl::adopted(const ApartWrite& write) {
  remote.adopting.erase(write.adopts);
  const SessionNo no = directory.find_session(write.adopts);
  if (no == kNobody) return;
  Session& session = directory.session(no);
  if (!session.here || !session.active()) return;
  const Instant by_lease = write.silent + session.lease() + session.lease() / 50;
  const Instant expires =
      planted(PlantedBug::kAdoptedAtOnce) ? now.mono : std::max(by_lease, now.mono + kLeastGrace);
  session.called = false;
  Attachment& attached = session.attached.make();
  attached.heard_at = expires - session.lease();
  attached.armed = kNever;
  arm_session(no);
  for (const MemberNo member : session.members) sync_ring(member);
}

// Is it up to this host to drop records that are old enough? One does it, the others follow.
bool Node::Impl::forgets(const std::string& session, const std::string& name) const {
  if (!remote.on) return true;
  const SessionNo no = session.empty() ? kNobody : directory.find_session(session);
  if (no != kNobody && directory.session(no).reachable) return directory.session(no).here;
  return remote.mine && remote.mine(name);
}

// Of members without a home one host sees when they hold nothing any more.
bool Node::Impl::drains_here(const Member& member) const {
  if (!remote.on) return true;
  if (member.session != kNobody) return directory.session(member.session).here;
  return member.record->manual && remote.mine && remote.mine(member.record->key.text());
}

Instant Node::Impl::adopt_at() const {
  Instant at = kNever;
  for (const auto& [home, lost] : remote.lost_homes) {
    if (lost.act_at > now.mono) at = std::min(at, lost.act_at);
  }
  return at;
}

// --- time -----------------------------------------------------------------------------------

void Node::Impl::tick_remote() {
  if (!remote.on) return;
  open_again();
  give_up_asking();
  check_foreign();
  Sharing(*this).turn();
  adopt();
}

Instant Node::Impl::remote_deadline() const {
  Instant at = std::min({remote.loads_due, remote.shares_due, remote.check_at});
  if (!remote.shut.empty()) at = std::min(at, remote.shut.begin()->first);
  if (!remote.asked.empty()) at = std::min(at, remote.asked.front().until);
  return std::min(at, remote.adopt_next > now.mono ? remote.adopt_next : adopt_at());
}

// What follows from all that has happened, before the output is taken.
void Node::Impl::settle_remote() {
  place_orphans();
  if (!remote.leaving.empty()) let_go();
  ask_for_attached();
  tell_news();
  tell_loads();
  if (remote.adopt_next <= now.mono) remote.adopt_next = adopt_at();
}

}  // namespace phoenix
