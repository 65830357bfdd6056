#include "ring/show/shares.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace phoenix {
namespace {

// Numbers the namespaces as they are met, so that a walk compares numbers and not names.
class Namespaces {
 public:
  explicit Namespaces(const Placement& placement) : placement_(placement) {}

  uint32_t of(MemberIndex member) {
    if (known_.size() <= member) known_.resize(member + 1, kUnknown);
    if (known_[member] == kUnknown) {
      const auto fresh = static_cast<uint32_t>(numbers_.size());
      known_[member] = numbers_.emplace(placement_.ns(member), fresh).first->second;
    }
    return known_[member];
  }

 private:
  static constexpr uint32_t kUnknown = ~uint32_t{0};
  const Placement& placement_;
  std::vector<uint32_t> known_;  // by member
  std::map<std::string_view, uint32_t> numbers_;
};

// From just behind `before` to `upto`; the whole circle if they are the same.
uint64_t arc(Position before, Position upto) {
  const Position length = upto - before;
  return length == 0 ? kWholeCircle : length;
}

// Owners of positions as a walk from 0 meets v-nodes: the arc of the first waits for the last.
struct Turn {
  std::optional<Position> first;
  MemberIndex first_owner = kNoMember;
  Position last = 0;

  // False: another v-node has this position already, and what lies before it.
  bool meets(Position position, MemberIndex member) {
    if (!first) {
      first = position;
      first_owner = member;
    } else if (position == last) {
      return false;
    }
    return true;
  }
};

void mark(std::bitset<kSlots>& slots, Position before, Position upto) {
  if (arc(before, upto) > kWholeCircle - (kWholeCircle / kSlots)) {
    // It may end in the slot where it begins, all the way round.
    slots.set();
    return;
  }
  const uint32_t end = slot_of(upto);
  for (uint32_t slot = slot_of(before + 1);; slot = (slot + 1) % kSlots) {
    slots.set(slot);
    if (slot == end) return;
  }
}

// Compares who has what with and without the leaving v-nodes, in one turn.
class Comparison {
 public:
  void meet(Position position, MemberIndex member, bool leaves) {
    ++change_.vnodes;
    if (full_.meets(position, member)) {
      if (position != *full_.first) open_.push_back({full_.last, position, member});
      full_.last = position;
    }
    if (leaves) return;
    if (!heir_) heir_ = member;
    close(member);
  }

  RingChange finish() {
    if (full_.first) open_.push_back({full_.last, *full_.first, full_.first_owner});
    close(heir_.value_or(kNoMember));
    for (MemberIndex member = 0; member < members_.size(); ++member) {
      const ShareChange& share = members_[member];
      if (share.before != share.after) change_.members.emplace(member, share);
    }
    return std::move(change_);
  }

 private:
  struct Arc {
    Position before;
    Position upto;
    MemberIndex owner;
  };
  // What was met since the last v-node that stays belongs to the next one that does.
  void close(MemberIndex heir) {
    for (const Arc& part : open_) {
      const uint64_t length = arc(part.before, part.upto);
      share_of(part.owner).before += length;
      if (heir != kNoMember) share_of(heir).after += length;
      if (heir == part.owner) continue;
      change_.positions += length;
      mark(change_.slots, part.before, part.upto);
    }
    open_.clear();
  }
  ShareChange& share_of(MemberIndex member) {
    if (members_.size() <= member) members_.resize(member + 1);
    return members_[member];
  }

  Turn full_;
  std::optional<MemberIndex> heir_;  // the first that stays
  std::vector<Arc> open_;
  std::vector<ShareChange> members_;
  RingChange change_;
};

}  // namespace

std::vector<uint64_t> shares(const Placement& placement) {
  Namespaces namespaces(placement);
  std::vector<Turn> turns;
  std::vector<uint64_t> result;
  placement.walk(0, [&](Position position, MemberIndex member) {
    const uint32_t ns = namespaces.of(member);
    if (turns.size() <= ns) turns.resize(ns + 1);
    if (result.size() <= member) result.resize(member + 1, 0);
    Turn& turn = turns[ns];
    if (!turn.meets(position, member)) return true;
    if (position != *turn.first) result[member] += arc(turn.last, position);
    turn.last = position;
    return true;
  });
  for (const Turn& turn : turns) {
    if (turn.first) result[turn.first_owner] += arc(turn.last, *turn.first);
  }
  return result;
}

RingChange without(const Placement& placement, std::string_view ns, const Leaving& leaving) {
  Namespaces namespaces(placement);
  std::optional<uint32_t> wanted;
  Comparison comparison;
  placement.walk(0, [&](Position position, MemberIndex member) {
    const uint32_t number = namespaces.of(member);
    if (!wanted && placement.ns(member) == ns) wanted = number;
    if (wanted == number) comparison.meet(position, member, leaving(position, member));
    return true;
  });
  return comparison.finish();
}

RingChange reversed(RingChange change) {
  for (auto& [member, share] : change.members) std::swap(share.before, share.after);
  return change;
}

TailOf::TailOf(const Placement& placement, MemberIndex member, uint32_t weight, uint32_t kept)
    : member_(member) {
  const auto position = [&](uint32_t replica) {
    return vnode_position(placement.key(), placement.ns(member), placement.id(member), replica);
  };
  std::vector<Position> stay;
  for (uint32_t replica = 0; replica < kept; ++replica) stay.push_back(position(replica));
  std::sort(stay.begin(), stay.end());
  std::vector<Position> tail;
  for (uint32_t replica = kept; replica < vnode_count(weight); ++replica) {
    tail.push_back(position(replica));
  }
  std::sort(tail.begin(), tail.end());
  std::set_difference(tail.begin(), tail.end(), stay.begin(), stay.end(),
                      std::back_inserter(tail_));
}

bool TailOf::operator()(Position position, MemberIndex member) const {
  return member == member_ && std::binary_search(tail_.begin(), tail_.end(), position);
}

}  // namespace phoenix
