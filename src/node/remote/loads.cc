// How much members hold, told between hosts: a home says to each keeper what its members hold of
// the others' packets. More of it at once where little room is left, else a little later.

#include <algorithm>

#include "node/parts/impl.h"

namespace phoenix {
namespace {

constexpr Duration kLoadsEvery = milliseconds(20);

}  // namespace

// The member's load may have changed.
void Node::Impl::note_load(MemberNo no) {
  if (!remote.on || remote.view.size() < 2) return;
  const Member& member = directory.member(no);
  if (!member.record->manual &&
      (member.session == kNobody || !directory.session(member.session).here)) {
    return;
  }
  remote.loads_changed.insert(no);
  keep_share(no);
  const bool tight = member.ring != kNoMember && uint64_t{placement.load(member.ring)} * 4 >=
                                                     uint64_t{placement.max_load(member.ring)} * 3;
  remote.loads_due = std::min(remote.loads_due, tight ? now.mono : now.mono + kLoadsEvery);
}

uint32_t Node::Impl::load_beside(MemberNo no, const HostLife& keeper) const {
  const Member& member = directory.member(no);
  if (member.ring == kNoMember) return 0;
  // Of members without a home, everybody tells what it keeps itself.
  if (member.record->manual) return placement.load(member.ring) - member.foreign_load;
  const uint32_t beside =
      placement.load(member.ring) - member.kept_back - remote.foreign.load(no, keeper);
  const auto shared = remote.shares.find(no);
  if (shared == remote.shares.end()) return beside;
  const uint32_t most = placement.max_load(member.ring);
  return std::max(beside, most - std::min(most, shared->second.of(keeper)));
}

void Node::Impl::tell_loads() {
  if (remote.loads_due > now.mono) return;
  remote.loads_due = kNever;
  const std::set<MemberNo> changed = std::exchange(remote.loads_changed, {});
  for (const HostLife& peer : remote.view) {
    if (peer == config.self) continue;
    Loads loads;
    auto& told = remote.loads_told[peer];
    for (const MemberNo no : changed) {
      if (!directory.has_member(no)) {
        told.erase(no);
        continue;
      }
      const uint32_t load = load_beside(no, peer);
      const auto it = told.find(no);
      if ((it == told.end() ? 0 : it->second) == load) continue;
      loads.others.emplace_back(directory.member(no).record->key, load);
      if (load == 0) {
        told.erase(no);
      } else {
        told[no] = load;
      }
    }
    tell_loads_to(peer, std::move(loads));
  }
}

// To a host that knows nothing of it.
void Node::Impl::tell_all_loads(const HostLife& peer) {
  auto& told = remote.loads_told[peer];
  told.clear();
  Loads loads;
  for (const MemberNo no : directory.members_in_order()) {
    const Member& member = directory.member(no);
    const bool ours = member.record->manual ||
                      (member.session != kNobody && directory.session(member.session).here);
    const uint32_t load = ours ? load_beside(no, peer) : 0;
    if (load == 0) continue;
    told[no] = load;
    loads.others.emplace_back(member.record->key, load);
  }
  tell_loads_to(peer, std::move(loads));
}

void Node::Impl::tell_loads_to(const HostLife& peer, Loads loads) {
  constexpr size_t kPortion = 10'000;
  for (size_t from = 0; from < loads.others.size(); from += kPortion) {
    const auto first = loads.others.begin() + static_cast<ptrdiff_t>(from);
    const size_t size = std::min(kPortion, loads.others.size() - from);
    tell(peer, Loads{{first, first + static_cast<ptrdiff_t>(size)}});
  }
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
    if (member.record->manual) {
      uint32_t& told = remote.manual_loads[{from, no}];
      set_foreign_load(no, member.foreign_load - told + load);
      told = load;
      continue;
    }
    if (member.session == kNobody) continue;
    const Session& session = directory.session(member.session);
    if (!session.here && session.record->home == from) set_foreign_load(no, load);
  }
}

// --- members that are asked for more than they have -----------------------------------------

// A keeper's packet was turned away, for others had been faster: from now on each keeper is told of
// no more room than its share.
void Node::Impl::share_out(MemberNo no) {
  if (remote.shares.contains(no) || directory.member(no).ring == kNoMember) return;
  if (!turn_share(no, remote.shares[no])) {
    remote.shares.erase(no);
    return;
  }
  remote.shares_due = std::min(remote.shares_due, now.mono + Shares::kTurn);
  note_load(no);
}

void Node::Impl::turn_shares() {
  if (now.mono < remote.shares_due) return;
  for (auto it = remote.shares.begin(); it != remote.shares.end();) {
    const MemberNo no = it->first;
    if (turn_share(no, it->second)) {
      ++it;
      note_load(no);
      continue;
    }
    it = remote.shares.erase(it);
    if (!directory.has_member(no)) continue;
    keep_back(no, 0);
    note_load(no);
  }
  remote.shares_due = remote.shares.empty() ? kNever : now.mono + Shares::kTurn;
}

// False: nothing is to be shared any more.
bool Node::Impl::turn_share(MemberNo no, Shares& shares) {
  if (!directory.has_member(no)) return false;
  const Member& member = directory.member(no);
  if (member.record->status != MemberStatus::kActive || member.ring == kNoMember ||
      member.session == kNobody || !directory.session(member.session).here) {
    return false;
  }
  shares.turn(placement.max_load(member.ring), holdings(no), now.mono);
  return !shares.over();
}

// What each host's packets take of its room. Requires: it is on the ring.
std::vector<Shares::Holding> Node::Impl::holdings(MemberNo no) const {
  const Member& member = directory.member(no);
  const uint32_t own = placement.load(member.ring) - member.kept_back - member.foreign_load;
  std::vector<Shares::Holding> all;
  for (const HostLife& keeper : remote.view) {
    all.push_back({keeper, keeper == config.self ? own : remote.foreign.load(no, keeper)});
  }
  return all;
}

// Room of this host's own member that is not for this host's own packets.
void Node::Impl::keep_back(MemberNo no, uint32_t load) {
  Member& member = directory.member(no);
  if (member.kept_back == load) return;
  const bool more_room = load < member.kept_back;
  if (member.ring != kNoMember) {
    placement.add_load(member.ring, int64_t{load} - int64_t{member.kept_back});
  }
  member.kept_back = load;
  if (more_room) with_room.push_back(no);
}

void Node::Impl::keep_share(MemberNo no) {
  const auto shared = remote.shares.find(no);
  if (shared == remote.shares.end()) return;
  const Member& member = directory.member(no);
  if (member.ring == kNoMember) return;
  shared->second.saw(holdings(no));
  const uint32_t most = placement.max_load(member.ring);
  const uint32_t for_others = most - std::min(most, shared->second.of(config.self));
  keep_back(no, for_others - std::min(for_others, member.foreign_load));
}

}  // namespace phoenix
