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
  const bool tight = member.ring != kNoMember && uint64_t{placement.load(member.ring)} * 4 >=
                                                     uint64_t{placement.max_load(member.ring)} * 3;
  remote.loads_due = std::min(remote.loads_due, tight ? now.mono : now.mono + kLoadsEvery);
}

uint32_t Node::Impl::load_beside(MemberNo no, const HostLife& keeper) const {
  const Member& member = directory.member(no);
  if (member.ring == kNoMember) return 0;
  // Of members without a home, everybody tells what it keeps itself.
  if (member.record->manual) return placement.load(member.ring) - member.foreign_load;
  return placement.load(member.ring) - remote.foreign.load(no, keeper);
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

}  // namespace phoenix
