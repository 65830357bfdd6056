// loads.h, and how much members hold, told between hosts: a home says to each keeper what its
// members hold of the others' packets. More of it at once where little room is left, else a little
// later.

#include <algorithm>

#include "node/remote/loads.h"

namespace phoenix {
namespace {

constexpr Duration kLoadsEvery = milliseconds(20);
// A home says what a member holds right behind its record.
constexpr Duration kWordWithin = milliseconds(100);
// For each sixteen hosts.
constexpr Duration kAnswersWithin = microseconds(200);

// Many members come at about the same time: so they have one timer, not each its own.
Instant word_by(Instant told) {
  const int64_t at = (told + kWordWithin).ns + kLoadsEvery.ns - 1;
  return {at - at % kLoadsEvery.ns};
}

// Where it is, or would be, in an ordered list.
auto entry_of(auto& list, const HostLife& host) {
  return std::lower_bound(list.begin(), list.end(), host,
                          [](const auto& entry, const HostLife& it) { return entry.first < it; });
}

}  // namespace

uint32_t LoadWord::to(const HostLife& host) const {
  const auto it = entry_of(but, host);
  return it == but.end() || it->first != host ? to_most : it->second;
}

void LoadWord::set(const HostLife& host, uint32_t load) {
  const auto it = entry_of(but, host);
  const bool known = it != but.end() && it->first == host;
  if (known && load == to_most) {
    but.erase(it);
  } else if (known) {
    it->second = load;
  } else if (load != to_most) {
    but.emplace(it, host, load);
  }
}

// The member's load may have changed.
void Node::Impl::note_load(MemberNo no) {
  if (!remote.on || remote.view->size() < 2) return;
  const Member& member = directory.member(no);
  if (!member.record->manual &&
      (member.session == kNobody || !directory.session(member.session).here)) {
    return;
  }
  remote.loads_changed.insert(no);
  Sharing(*this).keep(no);
  const bool tight = member.ring == kNoMember || uint64_t{placement.load(member.ring)} * 4 >=
                                                     uint64_t{placement.max_load(member.ring)} * 3;
  remote.loads_due = std::min(remote.loads_due, tight ? now.mono : now.mono + kLoadsEvery);
}

// Of a member's load, what is beside each keeper's own.
LoadWord Node::Impl::load_word(MemberNo no) const {
  LoadWord word;
  const Member& member = directory.member(no);
  if (member.ring == kNoMember) {
    // Who is about to end has no room, and others know no sooner than that is durable.
    word.to_most = member.ending ? member.record->max_load : 0;
    return word;
  }
  word.to_most = placement.load(member.ring);
  if (member.record->manual) {
    // Of members without a home, everybody tells what it keeps itself.
    word.to_most -= member.foreign_load;
    return word;
  }
  const uint32_t all = word.to_most - member.work->kept_back;
  const uint32_t most = placement.max_load(member.ring);
  const auto found = remote.shares.find(no);
  const Shares* const shared = found == remote.shares.end() ? nullptr : &found->second;
  // Nobody is told of more room than its share.
  const auto beside = [&](const HostLife& keeper) {
    const uint32_t load = all - remote.foreign.load(no, keeper);
    return shared == nullptr ? load : std::max(load, most - std::min(most, shared->of(keeper)));
  };
  word.to_most = shared == nullptr ? all : std::max(all, most);
  for (const auto& [keeper, load] : remote.foreign.loads(no)) word.set(keeper, beside(keeper));
  if (shared == nullptr) return word;
  for (const HostLife& keeper : shared->with_a_share()) word.set(keeper, beside(keeper));
  return word;
}

void Node::Impl::tell_loads() {
  if (remote.loads_due > now.mono) return;
  remote.loads_due = kNever;
  const std::set<MemberNo> changed = std::exchange(remote.loads_changed, {});
  const std::set<MemberNo> introduced = std::exchange(remote.introduced, {});
  const auto asks = std::exchange(remote.asks, {});
  const std::vector<HostLife>& view = *remote.view;
  std::vector<Loads> words(view.size());
  for (const auto& [peer, members] : asks) {
    const auto place = place_in(view, peer);
    if (!place) continue;
    for (const MemberNo no : members) {
      if (!directory.has_member(no)) continue;
      words[*place].asked.push_back(directory.member(no).record->key);
    }
  }
  for (const MemberNo no : changed) Sharing(*this).put_word(no, introduced.contains(no), words);
  for (size_t i = 0; i < view.size(); ++i) {
    if (view[i] != config.self) tell_loads_to(view[i], std::move(words[i]));
  }
}

// To a host that knows nothing of it, or what it was told before this host had it in its view, and
// not what has changed since. also_none: it may have been told something in an earlier view.
void Node::Impl::tell_all_loads(const HostLife& peer, bool also_none) {
  // Of the pool's members only few are this host's to tell of.
  std::set<MemberNo> all = directory.manual_members();
  for (const auto& [no, word] : remote.loads_told) all.insert(no);
  for (const SessionNo session : remote.at_home) {
    for (const MemberNo no : directory.session(session).members) all.insert(no);
  }
  Loads loads;
  for (const MemberNo no : all) {
    if (!directory.has_member(no)) continue;
    const Member& member = directory.member(no);
    const uint32_t load = answers_for(member) ? load_word(no).to(peer) : 0;
    const auto told = remote.loads_told.try_emplace(no).first;
    if (load > 0 || also_none || told->second.to(peer) > 0) {
      loads.others.emplace_back(member.record->key, load);
    }
    told->second.set(peer, load);
    if (told->second.none()) remote.loads_told.erase(told);
  }
  tell_loads_to(peer, std::move(loads));
}

// By the session that is known to hold it. Of those without a home, each host tells its own part.
bool Node::Impl::answers_for(const Member& member) const {
  return member.session == kNobody ? member.record->manual : directory.session(member.session).here;
}

// Whom it is asked about it has been told of before.
void Node::Impl::tell_loads_to(const HostLife& peer, Loads loads) {
  constexpr size_t kPortion = 10'000;
  while (loads.others.size() > kPortion) {
    const auto first = loads.others.end() - static_cast<ptrdiff_t>(kPortion);
    tell(peer, Loads{{first, loads.others.end()}, {}, {}});
    loads.others.erase(first, loads.others.end());
  }
  const bool none = loads.others.empty() && loads.asked.empty() && loads.given.empty();
  if (!none) tell(peer, std::move(loads));
}

void Node::Impl::set_foreign_load(MemberNo no, uint32_t load) {
  Member& member = directory.member(no);
  if (member.foreign_load == load) return;
  if (member.ring != kNoMember) {
    placement.add_load(member.ring, int64_t{load} - int64_t{member.foreign_load});
    if (load < member.foreign_load) {
      with_room.push_back(no);
      maybe_drained.push_back(no);
    }
  }
  member.foreign_load = load;
}

void Node::Impl::loads_told(const HostLife& from, const Loads& message) {
  for (const auto& [key, load] : message.others) {
    const MemberNo no = directory.find_member(key);
    if (no == kNobody) continue;
    const Member& member = directory.member(no);
    const auto doubted = remote.unconfirmed.find(from);
    if (doubted != remote.unconfirmed.end()) doubted->second.erase(no);
    if (member.record->manual) {
      uint32_t& told = remote.manual_loads[{from, no}];
      set_foreign_load(no, member.foreign_load - told + load);
      told = load;
      continue;
    }
    if (member.session == kNobody) continue;
    const Session& session = directory.session(member.session);
    if (session.here || session.record->home != from) continue;
    set_foreign_load(no, load);
    Sharing(*this).hear(no);
  }
  for (const auto& [key, load] : message.given) {
    const MemberNo no = directory.find_member(key);
    if (no != kNobody) Sharing(*this).given(from, no, load);
  }
  Loads answer;
  for (const MemberKey& key : message.asked) {
    const MemberNo no = directory.find_member(key);
    answer.given.emplace_back(key, no == kNobody ? 0 : Sharing(*this).given_to(no));
  }
  tell_loads_to(from, std::move(answer));
}

// What hosts are to be told of that member.
void Node::Impl::Sharing::put_word(MemberNo no, bool introduced, std::vector<Loads>& words) {
  auto& told = node_.remote.loads_told;
  const auto known = told.find(no);
  const LoadWord before = known == told.end() ? LoadWord() : std::move(known->second);
  if (known != told.end()) told.erase(known);
  if (!node_.directory.has_member(no)) return;
  LoadWord word = node_.load_word(no);
  const MemberKey& key = node_.directory.member(no).record->key;
  const std::vector<HostLife>& view = *node_.remote.view;
  const auto put = [&](size_t at) {
    const uint32_t load = word.to(view[at]);
    if (introduced || before.to(view[at]) != load) words[at].others.emplace_back(key, load);
  };
  if (introduced || word.to_most != before.to_most) {
    for (size_t at = 0; at < view.size(); ++at) put(at);
  } else {
    std::set<HostLife> hosts;
    for (const auto& [host, load] : before.but) hosts.insert(host);
    for (const auto& [host, load] : word.but) hosts.insert(host);
    for (const HostLife& host : hosts) {
      if (const auto place = place_in(view, host)) put(*place);
    }
  }
  if (!word.none()) told.emplace(no, std::move(word));
}

// --- members that are asked for more than they have -----------------------------------------

void Node::Impl::Sharing::introduce(MemberNo no) {
  Remote& others = node_.remote;
  if (no == kNobody || others.view->size() < 2) return;
  const Member& member = node_.directory.member(no);
  const bool here = member.ring != kNoMember && member.session != kNobody &&
                    node_.directory.session(member.session).here;
  if (!here) return;
  others.introduced.insert(no);
  others.loads_changed.insert(no);
  others.loads_due = node_.now.mono;
  if (is_waited_for(member) || is_like_a_shared_one(member)) begin(no);
}

bool Node::Impl::Sharing::is_waited_for(const Member& member) const {
  const auto serves = [&](ClassId cls) { return node_.placement.matches(member.ring, cls); };
  return node_.parking.best(node_.placement.max_load(member.ring), serves).has_value();
}

// Others may have packets for it that wait, as they have for one that can do the same.
bool Node::Impl::Sharing::is_like_a_shared_one(const Member& member) const {
  constexpr size_t kLooks = 32;
  const MemberRecord& record = *member.record;
  size_t looks = 0;
  for (const auto& [no, shares] : node_.remote.shares) {
    if (++looks > kLooks) break;
    if (!node_.directory.has_member(no)) continue;
    const MemberRecord& other = *node_.directory.member(no).record;
    if (other.key.ns() != record.key.ns()) continue;
    const auto has = [&](const std::string& capability) {
      return std::binary_search(record.capabilities.begin(), record.capabilities.end(), capability);
    };
    if (std::any_of(other.capabilities.begin(), other.capabilities.end(), has)) return true;
  }
  return false;
}

void Node::Impl::Sharing::begin(MemberNo no) {
  Remote& others = node_.remote;
  const Member& member = node_.directory.member(no);
  if (others.shares.contains(no) || member.ring == kNoMember) return;
  // Of who has only just registered nobody has been told.
  Shares& shares = others.shares.emplace(no, Shares(member.record->revision > 1)).first->second;
  if (!turn(no, shares)) {
    others.shares.erase(no);
    return;
  }
  others.shares_due = std::min(others.shares_due, node_.now.mono + Shares::kTurn);
  node_.note_load(no);
}

void Node::Impl::Sharing::turn() {
  Remote& others = node_.remote;
  if (node_.now.mono < others.shares_due) return;
  for (auto it = others.shares.begin(); it != others.shares.end();) {
    const MemberNo no = it->first;
    if (turn(no, it->second)) {
      ++it;
      node_.note_load(no);
      continue;
    }
    it = others.shares.erase(it);
    if (!node_.directory.has_member(no)) continue;
    keep_back(no, 0);
    node_.note_load(no);
  }
  others.shares_due = others.shares.empty() ? kNever : node_.now.mono + Shares::kTurn;
}

// False: nothing is to be shared any more.
bool Node::Impl::Sharing::turn(MemberNo no, Shares& shares) {
  if (!node_.directory.has_member(no)) return false;
  const Member& member = node_.directory.member(no);
  if (member.record->status != MemberStatus::kActive || member.ring == kNoMember ||
      member.session == kNobody || !node_.directory.session(member.session).here) {
    return false;
  }
  shares.turn(node_.placement.max_load(member.ring), node_.remote.view, holdings(no),
              node_.now.mono);
  ask(no, shares);
  return !shares.over();
}

// This host itself knows what it has given, and keeps to its share from now on.
void Node::Impl::Sharing::ask(MemberNo no, Shares& shares) {
  for (const HostLife& keeper : shares.to_ask()) {
    if (keeper == node_.config.self) {
      shares.answered(keeper, given_to(no), node_.now.mono);
    } else {
      node_.remote.asks[keeper].insert(no);
      node_.remote.loads_changed.insert(no);
      node_.remote.loads_due = node_.now.mono;
    }
  }
}

void Node::Impl::Sharing::given(const HostLife& keeper, MemberNo no, uint32_t load) {
  const auto shared = node_.remote.shares.find(no);
  if (shared == node_.remote.shares.end()) return;
  shared->second.answered(keeper, load, node_.now.mono);
  node_.note_load(no);
  // Somebody waits for that room; but in a large pool the answers of all come at about the same
  // time, and each word is one to all.
  const Instant due =
      node_.now.mono + kAnswersWithin * static_cast<int64_t>(node_.remote.view->size() / 16);
  node_.remote.loads_due = std::min(node_.remote.loads_due, due);
}

uint32_t Node::Impl::Sharing::given_to(MemberNo no) const {
  const Member& member = node_.directory.member(no);
  if (member.ring == kNoMember) return member.work->incoming_load;
  return node_.placement.load(member.ring) - member.work->kept_back - member.foreign_load;
}

// What each host's packets take of its room. Requires: it is on the ring.
std::vector<Shares::Holding> Node::Impl::Sharing::holdings(MemberNo no) const {
  std::vector<Shares::Holding> all;
  for (const auto& [keeper, load] : node_.remote.foreign.loads(no)) all.push_back({keeper, load});
  if (const uint32_t own = given_to(no)) all.push_back({node_.config.self, own});
  return all;
}

// Room of this host's own member that is not for this host's own packets.
void Node::Impl::Sharing::keep_back(MemberNo no, uint32_t load) {
  Member& member = node_.directory.member(no);
  if (member.work->kept_back == load) return;
  const bool more_room = load < member.work->kept_back;
  if (member.ring != kNoMember) {
    node_.placement.add_load(member.ring, int64_t{load} - int64_t{member.work->kept_back});
  }
  member.work.make().kept_back = load;
  if (more_room) node_.with_room.push_back(no);
}

void Node::Impl::Sharing::keep(MemberNo no) {
  const auto shared = node_.remote.shares.find(no);
  if (shared == node_.remote.shares.end()) return;
  const Member& member = node_.directory.member(no);
  if (member.ring == kNoMember) return;
  shared->second.saw(holdings(no));
  ask(no, shared->second);
  const uint32_t most = node_.placement.max_load(member.ring);
  const uint32_t for_others = most - std::min(most, shared->second.of(node_.config.self));
  keep_back(no, for_others - std::min(for_others, member.foreign_load));
}

// --- members that others have just told of ---------------------------------------------------

void Node::Impl::Sharing::await_word(MemberNo no, Unheard why) {
  Member& member = node_.directory.member(no);
  const SessionNo session = node_.directory.find_session(member.record->session);
  if (session == kNobody || node_.directory.session(session).here) return;
  node_.set_foreign_load(no, 0);
  const Instant until = word_by(node_.now.mono);
  member.work.make().shut_until = until;
  node_.remote.shut[until].push_back(no);
  node_.remote.unheard.try_emplace(no, why);
}

void Node::Impl::Sharing::hear(MemberNo no) {
  if (!node_.remote.unheard.contains(no)) return;
  if (MemberWork* const work = node_.directory.member(no).work.get()) work->shut_until = {};
  reopen(no);
}

void Node::Impl::Sharing::reopen(MemberNo no) {
  const auto unheard = node_.remote.unheard.find(no);
  const bool joins = unheard != node_.remote.unheard.end() && unheard->second == Unheard::kJoined;
  if (unheard != node_.remote.unheard.end()) node_.remote.unheard.erase(unheard);
  if (no >= node_.directory.member_numbers() || !node_.directory.has_member(no)) return;
  node_.sync_ring(no);
  Member& member = node_.directory.member(no);
  if (member.work->none(node_.now.mono)) member.work.reset();
  const MemberIndex ring = member.ring;
  if (joins && ring != kNoMember && node_.placement.open(ring)) node_.joined.push_back(no);
}

// --- a link that came up anew -----------------------------------------------------------------

void Node::Impl::Sharing::doubt(const HostLife& peer) {
  std::set<MemberNo> doubted;
  // A home of nobody tells of members without a home alone.
  const bool is_home = node_.directory.has_sessions_of(peer);
  const auto told = node_.remote.manual_loads.lower_bound({peer, 0});
  const bool tells_any =
      is_home || (told != node_.remote.manual_loads.end() && told->first.first == peer);
  const MemberNo end = tells_any ? node_.directory.member_numbers() : 0;
  for (MemberNo no = 0; no < end; ++no) {
    if (!node_.directory.has_member(no)) continue;
    const Member& member = node_.directory.member(no);
    if (member.foreign_load > 0 && tells(peer, no)) doubted.insert(no);
  }
  node_.remote.unconfirmed[peer] = std::move(doubted);
}

void Node::Impl::Sharing::confirm(const HostLife& peer) {
  const auto it = node_.remote.unconfirmed.find(peer);
  if (it == node_.remote.unconfirmed.end()) return;
  Loads none;
  for (const MemberNo no : it->second) {
    if (!node_.directory.has_member(no) || !tells(peer, no)) continue;
    none.others.emplace_back(node_.directory.member(no).record->key, 0U);
  }
  node_.remote.unconfirmed.erase(it);
  node_.loads_told(peer, none);
}

// Is what that host tells of the member's load what counts here?
bool Node::Impl::Sharing::tells(const HostLife& peer, MemberNo no) const {
  const Member& member = node_.directory.member(no);
  if (member.record->manual) return node_.remote.manual_loads.contains({peer, no});
  if (member.session == kNobody) return false;
  const Session& session = node_.directory.session(member.session);
  return !session.here && session.record->home == peer;
}

}  // namespace phoenix
