// The home's side of packets that other hosts keep: handing them over, and saying what became of
// it.

#include <algorithm>

#include "node/parts/impl.h"
#include "node/remote/loads.h"
#include "node/signed/certifying.h"

namespace phoenix {
namespace {

constexpr size_t kDeferred = 65'536;

GivenBack giving_back(const Packet& head, const SessionRecord& session) {
  return {.epoch = head.epoch, .session = session.id, .revision = session.revision};
}

bool is_over(const Remote& remote, const Packet& head) {
  const uint64_t* const over = remote.withdrawn.find(head.key);
  return over != nullptr && head.epoch <= *over;
}

}  // namespace

// --- the table ------------------------------------------------------------------------------

ForeignNo Node::Impl::add_foreign(PacketPtr head, MemberNo member_no, const HostLife& keeper) {
  const uint32_t load = head->spec->load;
  const ForeignNo no = remote.foreign.add(std::move(head), member_no, keeper);
  remote.foreign[no].confirmed = now.mono;
  Member& member = directory.member(member_no);
  member.foreign_load += load;
  if (member.ring != kNoMember) placement.add_load(member.ring, load);
  note_load(member_no);
  if (remote.check_at == kNever) remote.check_at = now.mono + kCheckEvery;
  return no;
}

// Out of the table and out of the sums; what its member was told stays as it is.
void Node::Impl::forget_foreign(ForeignNo no) {
  const MemberNo member_no = remote.foreign[no].member;
  const uint32_t load = remote.foreign[no].head->spec->load;
  remote.foreign.drop(no);
  Member& member = directory.member(member_no);
  member.foreign_load -= load;
  if (member.ring != kNoMember) placement.add_load(member.ring, -int64_t{load});
  note_load(member_no);
  with_room.push_back(member_no);
  maybe_drained.push_back(member_no);
}

// reason: who has it in hand is told to stop.
void Node::Impl::drop_foreign(ForeignNo no, std::optional<RevokeReason> reason) {
  const Foreign& entry = remote.foreign[no];
  const SessionNo session_no = directory.member(entry.member).session;
  if (session_no != kNobody) {
    Session& session = directory.session(session_no);
    if (Attachment* const attached = session.attached.get()) attached->outbox.remove(entry.outbox);
    if (reason && entry.taken && session.here && session.active()) {
      session.attached.make().outbox.revoke(std::string(entry.head->key.id()), entry.head->epoch,
                                            *reason);
      with_news.push_back(session_no);
    }
  }
  forget_foreign(no);
}

void Node::Impl::drop_foreign_of(MemberNo member) {
  const std::vector<ForeignNo> held = remote.foreign.of(member);
  for (const ForeignNo no : held) drop_foreign(no, std::nullopt);
}

// Puts it up for delivery at its member's session.
void Node::Impl::put_foreign(ForeignNo no, bool repeated) {
  Foreign& entry = remote.foreign[no];
  const SessionNo session_no = directory.member(entry.member).session;
  Session& session = directory.session(session_no);
  // Whoever tells of it may not know that its owner never had it: the word of that may be lost.
  const GivenBack* const before = remote.given_back.find(entry.head->key);
  if (before != nullptr && *before == giving_back(*entry.head, *session.record)) repeated = false;
  stop_asking(session_no, *entry.head);
  Attachment& attached = session.attached.make();
  entry.outbox =
      attached.outbox.put(kForeignToken | no, outbox_bytes(*entry.head), repeated, now.mono);
  if (with_news.empty() || with_news.back() != session_no) with_news.push_back(session_no);
  if (!repeated && attached.armed > now.mono + session.lease()) arm_session(session_no);
}

Delivery Node::Impl::foreign_delivery(ForeignNo no) {
  take(no);
  const Foreign& entry = remote.foreign[no];
  const Status shown = entry.started ? Status::kRunning : entry.head->status;
  return {entry.head->owner->id,
          entry.head->epoch,
          {entry.head, shown, std::nullopt, contract_of(*entry.head)}};
}

// It is handed over, or its owner shows that it has it.
void Node::Impl::take(ForeignNo no) {
  Foreign& entry = remote.foreign[no];
  if (entry.taken) return;
  entry.taken = true;
  tell_keeper(entry, Taken{entry.head->key, entry.head->epoch, entry.started});
}

// If two hosts have claimed to keep it, whichever does will hear it.
void Node::Impl::tell_keeper(const Foreign& entry, NodeMessage message) {
  if (entry.keeper.empty() && !entry.disputed) return;  // who keeps it will ask
  tell(entry.disputed ? HostLife{} : entry.keeper, std::move(message));
}

// Nobody took it within a lease: its keeper looks for another owner.
void Node::Impl::give_back(ForeignNo no) {
  const Foreign& entry = remote.foreign[no];
  tell_keeper(entry, Untaken{entry.head->key, entry.head->epoch});
  const SessionNo session = directory.member(entry.member).session;
  remote.given_back.put(entry.head->key,
                        giving_back(*entry.head, *directory.session(session).record));
  drop_foreign(no, std::nullopt);
}

// --- what keepers say -----------------------------------------------------------------------

void Node::Impl::receive(const HostLife& from, NodeMessage& message) {
  if (auto* deliver = std::get_if<Deliver>(&message)) {
    delivered(from, *deliver);
  } else if (auto* all = std::get_if<DeliverAll>(&message)) {
    delivered_all(from, *all);
  } else if (const auto* over = std::get_if<Withdraw>(&message)) {
    withdrawn(*over);
  } else if (const auto* took = std::get_if<Taken>(&message)) {
    taken(from, *took);
  } else if (const auto* left = std::get_if<Untaken>(&message)) {
    untaken(from, *left);
  } else if (const auto* refused = std::get_if<Turned>(&message)) {
    turned(from, *refused);
  } else if (const auto* records = std::get_if<Records>(&message)) {
    learn(*records);
  } else if (auto* asked = std::get_if<Offered>(&message)) {
    offered(std::move(*asked));
  } else if (const auto* changed = std::get_if<Documents>(&message)) {
    learn(*changed);
  } else if (const auto* left_for_good = std::get_if<Parted>(&message)) {
    Certifying(*this).received(from, *left_for_good);
  } else {
    loads_told(from, std::get<Loads>(message));
  }
}

void Node::Impl::delivered(const HostLife& from, const Deliver& message) {
  const Packet& head = *message.head;
  // Who speaks of what is kept here, or was until it ended, keeps it no more.
  if (!head.owner || packets.find(head.key) != kNoSlot || driven(head.point)) return;
  if (is_over(remote, head)) return;
  const ForeignNo known = remote.foreign.find(head.key);
  if (known != kNoForeign) {
    if (head.epoch < remote.foreign[known].head->epoch) return;
    if (head.epoch == remote.foreign[known].head->epoch)
      return delivered_again(from, known, message);
    drop_foreign(known, RevokeReason::kReassigned);
  }
  const MemberNo no = directory.find_member(MemberKey(head.key.ns(), head.owner->id));
  const bool unsettled = no != kNobody && (directory.member(no).busy ||
                                           (directory.member(no).session != kNobody &&
                                            directory.session(directory.member(no).session).busy));
  if (unsettled) {
    if (remote.deferred.size() < kDeferred) remote.deferred.emplace_back(from, message);
    return;
  }
  if (const auto why = why_turned(no, head, message.again)) return turn(from, head, no, *why);
  put_foreign(add_foreign(message.head, no, from), message.again);
}

// The same epoch: a newer head, or another keeper.
void Node::Impl::delivered_again(const HostLife& from, ForeignNo no, const Deliver& message) {
  Foreign& entry = remote.foreign[no];
  if (message.head->revision > entry.head->revision) entry.head = message.head;
  if (entry.keeper != from) {
    // Both may be right in turn, and which one is last nobody can tell from here.
    if (!entry.keeper.empty() && in_view(entry.keeper)) entry.disputed = true;
    remote.foreign.set_keeper(no, from);
    note_load(entry.member);
  }
  entry.confirmed = now.mono;
  if (entry.taken) tell(from, Taken{entry.head->key, entry.head->epoch, entry.started});
}

std::optional<TurnReason> Node::Impl::why_turned(MemberNo no, const Packet& head,
                                                 bool repeated) const {
  if (no == kNobody || !may_hold(no, head.owner->incarnation)) return TurnReason::kGone;
  const Member& member = directory.member(no);
  if (member.session == kNobody || !directory.session(member.session).here) {
    return TurnReason::kGone;
  }
  if (repeated) return std::nullopt;
  if (member.ending || member.record->status == MemberStatus::kDraining) {
    return TurnReason::kDraining;
  }
  if (member.ring == kNoMember || !directory.session(member.session).called) {
    return TurnReason::kFull;  // nobody has heard of it yet
  }
  const uint64_t load =
      uint64_t{placement.load(member.ring)} - member.work->kept_back + head.spec->load;
  if (load > placement.max_load(member.ring)) return TurnReason::kFull;
  return std::nullopt;
}

void Node::Impl::turn(const HostLife& from, const Packet& head, MemberNo no, TurnReason why) {
  ++stats.turned_away[static_cast<size_t>(why)];
  Turned answer = {.key = head.key, .epoch = head.epoch, .why = why, .member = {}, .session = {}};
  if (no != kNobody) {
    const Member& member = directory.member(no);
    answer.member = member.record;
    if (member.session != kNobody) answer.session = directory.session(member.session).record;
    if (why == TurnReason::kFull) Sharing(*this).begin(no);
  }
  tell(from, std::move(answer));
}

// What came while the owner's records were being written.
void Node::Impl::deliver_deferred() {
  if (remote.deferred.empty()) return;
  std::vector<std::pair<HostLife, Deliver>> late;
  late.swap(remote.deferred);
  for (const auto& [from, message] : late) delivered(from, message);
}

void Node::Impl::delivered_all(const HostLife& from, const DeliverAll& message) {
  std::set<PacketKey>& named = remote.named[from];
  for (const Deliver& item : message.items) {
    named.insert(item.head->key);
    delivered(from, item);
  }
  if (!message.last) return;
  Sharing(*this).confirm(from);
  for (ForeignNo no = 0; no < remote.foreign.end(); ++no) {
    const Foreign& entry = remote.foreign[no];
    if (!entry.used || named.contains(entry.head->key)) continue;
    const SlotId slot = slot_of(entry.head->point);
    if (!std::binary_search(message.slots.begin(), message.slots.end(), slot)) continue;
    if (entry.keeper.empty()) continue;
    // It may be over. Or another host is its owner's home by now, and this one has not heard of it;
    // or, if somebody else has told of it, either of the two may be late. The store will tell.
    if (entry.keeper == from) {
      remote.foreign[no].confirmed = now.mono - kCheckEvery;
      remote.check_at = now.mono;
    }
    remote.foreign.set_keeper(no, {});
    note_load(entry.member);
  }
  remote.named.erase(from);
}

// That an epoch is over is a durable fact, whoever says it.
void Node::Impl::withdrawn(const Withdraw& message) {
  remote.withdrawn.put(message.key, message.epoch);
  std::erase_if(remote.deferred, [&](const auto& entry) {
    return entry.second.head->key == message.key && entry.second.head->epoch <= message.epoch;
  });
  const ForeignNo no = remote.foreign.find(message.key);
  if (no == kNoForeign || remote.foreign[no].head->epoch > message.epoch) return;
  drop_foreign(no, message.reason);
}

// --- checking with the store ----------------------------------------------------------------

// What its keeper has not spoken of for a while is looked up: a keeper that went, or a message that
// was lost, may have left something here that is over.
void Node::Impl::check_foreign() {
  if (now.mono < remote.check_at) return;
  remote.check_at = remote.foreign.size() == 0 ? kNever : now.mono + kCheckEvery;
  constexpr size_t kAtOnce = 256;
  std::set<MemberNo> members;
  for (ForeignNo no = 0; no < remote.foreign.end() && members.size() < kAtOnce; ++no) {
    const Foreign& entry = remote.foreign[no];
    if (!entry.used) continue;
    const Duration trusted = entry.keeper.empty() ? kCheckEvery : kCheckEvery * 5;
    if (now.mono - entry.confirmed >= trusted) members.insert(entry.member);
  }
  if (members.empty()) return;
  for (const auto& [id, query] : remote.queries) {
    if (query.attaches.empty()) return;  // one check at a time
  }
  AskedHeld query;
  for (const MemberNo no : members) query.members.push_back(directory.member(no).record->key);
  ask_held(std::move(query));
}

void Node::Impl::ask_held(AskedHeld query) {
  query.at = now.mono;
  const uint64_t id = ++remote.next_query;
  out.wanted_held.push_back({id, query.members});
  remote.queries.emplace(id, std::move(query));
}

void Node::Impl::held(uint64_t id, Result<std::vector<Packet>> found) {
  if (Certifying(*this).held(id, found)) return;
  const auto it = remote.queries.find(id);
  if (it == remote.queries.end()) return;
  AskedHeld query = std::move(it->second);
  remote.queries.erase(it);
  if (found) compare_held(query, *found);
  for (AttachedHere& attached : query.attaches) {
    if (!found) {
      refuse(attached.command.id, found.error());
      continue;
    }
    const SessionNo session = directory.find_session(attached.session);
    if (session == kNobody || !directory.session(session).here ||
        !directory.session(session).active()) {
      dispatch(std::move(attached.command));  // another process was faster
      continue;
    }
    reply(attached.command.id, attach_reply(session));
  }
}

// What the store had of these members while the question was under way is so, unless a keeper has
// spoken since.
void Node::Impl::compare_held(const AskedHeld& query, std::vector<Packet>& found) {
  std::set<std::pair<PacketKey, uint64_t>> lives;
  for (Packet& packet : found) {
    if (!packet.owner) continue;
    lives.emplace(packet.key, packet.epoch);
    const MemberNo no = directory.find_member(MemberKey(packet.key.ns(), packet.owner->id));
    if (no == kNobody || !may_hold(no, packet.owner->incarnation)) continue;
    const SessionNo session = directory.member(no).session;
    if (session == kNobody || !directory.session(session).here) continue;
    const ForeignNo known = remote.foreign.find(packet.key);
    if (known != kNoForeign) {
      if (remote.foreign[known].head->epoch == packet.epoch) {
        remote.foreign[known].confirmed = now.mono;
      }
      continue;
    }
    if (is_over(remote, packet) || packets.find(packet.key) != kNoSlot || driven(packet.point))
      continue;
    put_foreign(add_foreign(std::make_shared<const Packet>(std::move(packet)), no, {}), true);
  }
  for (const MemberKey& key : query.members) {
    const MemberNo no = directory.find_member(key);
    if (no == kNobody) continue;
    const std::vector<ForeignNo> held = remote.foreign.of(no);
    for (const ForeignNo foreign : held) {
      const Foreign& entry = remote.foreign[foreign];
      if (entry.confirmed >= query.at || lives.contains({entry.head->key, entry.head->epoch})) {
        continue;
      }
      drop_foreign(foreign, RevokeReason::kReassigned);
    }
  }
}

}  // namespace phoenix
