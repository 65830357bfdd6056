#include "ring/placement.h"

#include <algorithm>

#include "ring/choice.h"
#include "ring/circle/circle.h"
#include "ring/classes/capabilities.h"
#include "ring/classes/classes.h"
#include "ring/classes/ring_cache.h"
#include "ring/roster.h"
#include "ring/score.h"
#include "ring/snapshot.h"
#include "ring/window.h"

namespace phoenix {

using ring::Circle;
using ring::Class;
using ring::LineRing;
using ring::PackedRing;
using ring::Vnode;
using ring::Window;

struct Placement::Impl {
  Impl(const RingKey& ring_key, const PlacementOptions& options)
      : key(ring_key),
        roster(ring_key, options.position_mask, capabilities),
        classes(ring_key, capabilities, roster, options.idle_classes),
        cache(classes, roster, circle, counts, options.cache_bytes),
        choice(roster, classes, circle, cache, counts, options.longest_walk) {}

  template <typename Cursor>
  void collect(Cursor cursor, const PlaceQuery& query, size_t k, std::vector<Candidate>& out);
  Candidate candidate(MemberIndex index) const;
  bool has_room(MemberIndex index, uint32_t load) const {
    return roster.standings()[index].room >= int64_t{load};
  }
  bool anybody_eligible(const PlaceQuery& query);

  RingKey key;
  ring::Capabilities capabilities{key};
  ring::Roster roster;
  ring::Classes classes;
  Circle circle{roster};
  Counts counts;
  std::shared_ptr<const RingSnapshot> snapshot;  // null: v-nodes have changed since
  ring::RingCache cache;
  ring::Choice choice;
};

bool Placement::Impl::anybody_eligible(const PlaceQuery& query) {
  const Window window(roster, query, 1);
  bool found = false;
  classes.for_each_member(query.cls,
                          [&](MemberIndex index) { found = found || window.eligible(index); });
  return found;
}

Candidate Placement::Impl::candidate(MemberIndex index) const {
  const Standing& standing = roster.standings()[index];
  Candidate shown;
  shown.member = index;
  shown.load = roster.load(index);
  shown.max_load = roster.max_load(index);
  shown.score_numerator = uint64_t{standing.merit} * 1000;
  shown.score_denominator = standing.resistance;
  return shown;
}

template <typename Cursor>
void Placement::Impl::collect(Cursor cursor, const PlaceQuery& query, size_t k,
                              std::vector<Candidate>& out) {
  const uint32_t matching = classes.route(query.cls).matching;
  const size_t wanted = std::min<size_t>(k, matching);
  Vnode vnode;
  while (out.size() < wanted && cursor.next(vnode)) {
    if (!classes.matches(vnode.member, query.cls)) continue;
    const bool known = std::any_of(out.begin(), out.end(), [&vnode](const Candidate& other) {
      return other.member == vnode.member;
    });
    if (known) continue;
    out.push_back(candidate(vnode.member));
    out.back().vnode = vnode.position;
  }
}

Placement::Placement(const RingKey& key, const PlacementOptions& options)
    : impl_(std::make_unique<Impl>(key, options)) {}
Placement::~Placement() = default;

const RingKey& Placement::key() const { return impl_->key; }

MemberIndex Placement::join(const RingMember& member) {
  const MemberIndex index = impl_->roster.add(member);
  impl_->snapshot.reset();
  impl_->circle.add(index);
  const std::vector<Vnode> vnodes = impl_->roster.vnodes_of(index);
  for (const ClassId cls : impl_->classes.matching(index)) {
    impl_->classes.add_member(cls, index, vnodes);
  }
  impl_->cache.shed();
  return index;
}

void Placement::leave(MemberIndex index) {
  impl_->snapshot.reset();
  const std::vector<Vnode> vnodes = impl_->roster.vnodes_of(index);
  for (const ClassId cls : impl_->classes.matching(index)) {
    impl_->classes.remove_member(cls, index, vnodes);
  }
  impl_->circle.remove(index);
  impl_->roster.remove(index);
}

void Placement::update(MemberIndex index, const RingMember& member) {
  ring::Roster& roster = impl_->roster;
  const uint32_t old_weight = roster[index].weight;
  const std::vector<Vnode> old_vnodes = roster.vnodes_of(index);
  const std::vector<ClassId> before = impl_->classes.matching(index);
  roster.set_capabilities(index, member);
  roster.set_figures(index, member);
  const std::vector<Vnode> vnodes = roster.vnodes_of(index);
  const std::vector<ClassId> after = impl_->classes.matching(index);
  // One is the beginning of the other.
  const size_t common = std::min(old_vnodes.size(), vnodes.size());
  for (const ClassId cls : before) {
    if (!std::binary_search(after.begin(), after.end(), cls)) {
      impl_->classes.remove_member(cls, index, old_vnodes);
    } else if (old_vnodes.size() > common) {
      impl_->classes.remove_vnodes(cls, std::span(old_vnodes).subspan(common));
    } else if (vnodes.size() > common) {
      impl_->classes.add_vnodes(cls, std::span(vnodes).subspan(common));
    }
  }
  for (const ClassId cls : after) {
    if (!std::binary_search(before.begin(), before.end(), cls)) {
      impl_->classes.add_member(cls, index, vnodes);
    }
  }
  if (old_weight != member.weight) {
    impl_->snapshot.reset();
    impl_->circle.reweigh(index, old_weight);
  }
  impl_->cache.shed();
}

void Placement::set_open(MemberIndex index, bool open) { impl_->roster.set_open(index, open); }

void Placement::add_load(MemberIndex index, int64_t delta) {
  impl_->roster.set_load(index, static_cast<uint32_t>(impl_->roster.load(index) + delta));
}

uint32_t Placement::load(MemberIndex index) const { return impl_->roster.load(index); }
uint32_t Placement::max_load(MemberIndex index) const { return impl_->roster.max_load(index); }
std::string_view Placement::ns(MemberIndex index) const { return impl_->roster.ns(index); }
std::string_view Placement::id(MemberIndex index) const { return impl_->roster[index].id; }
bool Placement::open(MemberIndex index) const { return impl_->roster.open(index); }

ClassId Placement::intern(std::string_view ns, std::span<const std::string> capabilities,
                          Match match) {
  return impl_->classes.intern(ns, capabilities, match);
}

void Placement::retain(ClassId cls) { impl_->classes.retain(cls); }
void Placement::release(ClassId cls) { impl_->classes.release(cls); }
std::span<const std::string> Placement::capabilities(ClassId cls) const {
  return impl_->classes[cls].names;
}

const Names& Placement::names(ClassId cls) const { return impl_->classes[cls].names; }
std::string_view Placement::ns_of(ClassId cls) const {
  return impl_->classes.ns(impl_->classes[cls]);
}
Match Placement::match(ClassId cls) const { return impl_->classes[cls].match; }

bool Placement::matches(MemberIndex index, ClassId cls) const {
  return impl_->classes.matches(index, cls);
}

size_t Placement::capable(ClassId cls) const { return impl_->classes.route(cls).matching; }

std::vector<std::string> Placement::missing(ClassId cls) const {
  return impl_->classes.missing(impl_->classes[cls]);
}

MemberIndex Placement::owner(Position position) const {
  impl_->circle.settle();
  const LineRing& ring = impl_->circle.ring();
  return ring.size() == 0 ? kNoMember : ring.owner(position);
}

void Placement::owners(std::span<const Position> positions, std::span<MemberIndex> out) const {
  impl_->circle.settle();
  const LineRing& ring = impl_->circle.ring();
  if (ring.size() > 0) return ring.owners(positions, out);
  std::fill(out.begin(), out.end(), kNoMember);
}

std::optional<MemberIndex> Placement::place(const PlaceQuery& query) const {
  const MemberIndex chosen = impl_->choice.choose(query);
  if (chosen != kNoMember) return chosen;
  if (query.avoid != kNoMember && why_not(query.avoid, query.cls, query.load).empty()) {
    return query.avoid;
  }
  return std::nullopt;
}

std::string_view Placement::why_not(MemberIndex index, ClassId cls, uint32_t load) const {
  if (index >= impl_->roster.limit() || !impl_->roster[index].joined) return "not-joined";
  if (!matches(index, cls)) return "not-capable";
  if (!impl_->roster.open(index)) return "closed";
  if (!impl_->has_room(index, load)) return "full";
  return {};
}

Candidate Placement::candidate(MemberIndex index) const { return impl_->candidate(index); }

std::vector<Candidate> Placement::window(const PlaceQuery& query) const {
  std::vector<Candidate> result;
  if (impl_->classes.route(query.cls).matching == 0) return result;
  const size_t k = std::max(query.k, 1u);
  impl_->circle.settle();
  if (const PackedRing* ring = impl_->choice.find_ring(query.cls, k)) {
    impl_->collect(PackedRing::Cursor(*ring, query.point), query, k, result);
  } else {
    impl_->collect(LineRing::Cursor(impl_->circle.ring(), query.point), query, k, result);
  }
  for (Candidate& candidate : result) {
    candidate.reason = why_not(candidate.member, query.cls, query.load);
    if (candidate.reason.empty() && candidate.member == query.avoid &&
        impl_->anybody_eligible(query)) {
      candidate.reason = "passed-over";
    }
    candidate.eligible = candidate.reason.empty();
  }
  return result;
}

std::shared_ptr<const RingSnapshot> Placement::snapshot() const {
  if (impl_->snapshot) return impl_->snapshot;
  impl_->circle.settle();
  auto made = std::make_shared<RingSnapshot>();
  made->points_.reserve(impl_->roster.vnodes());
  impl_->circle.ring().for_each(
      [&](const Vnode& vnode) { made->points_.push_back({vnode.position, vnode.member}); });
  for (MemberIndex index = 0; index < impl_->roster.limit(); ++index) {
    const bool joined = impl_->roster[index].joined;
    for (const std::string_view name : {joined ? ns(index) : "", joined ? id(index) : ""}) {
      made->starts_.push_back(made->names_.size());
      made->names_ += name;
    }
  }
  made->starts_.push_back(made->names_.size());
  impl_->snapshot = std::move(made);
  return impl_->snapshot;
}

const Placement::Counts& Placement::counts() const { return impl_->counts; }

void Placement::walk(Position from, const Visit& visit) const {
  impl_->circle.settle();
  if (impl_->roster.size() == 0) return;
  LineRing::Cursor cursor(impl_->circle.ring(), from);
  for (Vnode vnode; cursor.next(vnode) && visit(vnode.position, vnode.member);) {
  }
}

bool Placement::walk(Position from, ClassId cls, uint64_t most, const Visit& visit) const {
  if (impl_->classes.route(cls).matching == 0) return true;
  const auto go = [&](auto cursor) {
    for (Vnode vnode; cursor.next(vnode);) {
      if (most-- == 0) return false;
      if (impl_->classes.matches(vnode.member, cls) && !visit(vnode.position, vnode.member)) break;
    }
    return true;
  };
  impl_->circle.settle();
  const PackedRing* ring = impl_->choice.find_ring(cls, 1);
  return ring != nullptr ? go(PackedRing::Cursor(*ring, from))
                         : go(LineRing::Cursor(impl_->circle.ring(), from));
}

size_t Placement::members() const { return impl_->roster.size(); }
size_t Placement::vnodes() const { return impl_->roster.vnodes(); }

size_t Placement::bytes() const {
  return sizeof(Impl) + impl_->capabilities.bytes() + impl_->roster.bytes() +
         impl_->classes.bytes() + impl_->circle.bytes();
}

size_t Placement::vnode_bytes() const {
  return impl_->circle.bytes() + impl_->classes.ring_bytes();
}

std::vector<Placement::VnodeRef> Placement::all_vnodes() const {
  const ring::Roster& roster = impl_->roster;
  std::vector<VnodeRef> result;
  result.reserve(roster.vnodes());
  for (MemberIndex index = 0; index < roster.limit(); ++index) {
    if (!roster[index].joined) continue;
    for (uint32_t replica = 0; replica < vnode_count(roster[index].weight); ++replica) {
      result.push_back({roster.position(index, replica), index, replica});
    }
  }
  std::sort(result.begin(), result.end(), [&roster](const VnodeRef& a, const VnodeRef& b) {
    if (a.position != b.position) return a.position < b.position;
    return a.member == b.member ? a.replica < b.replica : roster.before(a.member, b.member);
  });
  return result;
}

}  // namespace phoenix
