#include "ring/placement.h"

#include <algorithm>

#include "ring/catalogue/catalogue.h"
#include "ring/choice.h"
#include "ring/classes/classes.h"
#include "ring/classes/ring_cache.h"
#include "ring/roster.h"
#include "ring/score.h"
#include "ring/snapshot.h"

namespace phoenix {

using ring::LineRing;
using ring::PackedRing;
using ring::Vnode;

struct Placement::Impl {
  Impl(const RingKey& key, const PlacementOptions& options)
      : catalogue(options.catalogue
                      ? options.catalogue
                      : std::make_shared<RingCatalogue>(key, options.position_mask, false)),
        roster(members),
        classes(key, catalogue->capabilities(), members, roster.holders(), options.idle_classes),
        cache(classes, members, roster, circle, counts, options.cache_bytes),
        choice(members, roster, classes, circle, cache, counts, options.longest_walk) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  // What is shared goes on.
  ~Impl() {
    if (catalogue.use_count() == 1) return;
    roster.for_each([this](MemberIndex index) { catalogue->release(index); });
    classes.let_go();
  }

  void enter(MemberIndex index, const RingMember& member);
  void depart(MemberIndex index);
  void change(MemberIndex index, const RingMember& member);
  // A class has a ring, to which the v-nodes of its members belong.
  bool wants_vnodes(const std::vector<ClassId>& matching) const {
    return std::any_of(matching.begin(), matching.end(),
                       [this](ClassId cls) { return classes.route(cls).ring != nullptr; });
  }

  std::shared_ptr<RingCatalogue> catalogue;
  const ring::Members& members = catalogue->members();
  ring::Circle& circle = catalogue->circle();
  ring::Roster roster;
  ring::Classes classes;
  Counts counts;
  std::shared_ptr<const RingSnapshot> snapshot;  // null: v-nodes have changed since
  ring::RingCache cache;
  ring::Choice choice;
};

Placement::Placement(const RingKey& key, const PlacementOptions& options)
    : impl_(std::make_unique<Impl>(key, options)) {}
Placement::~Placement() = default;

const RingKey& Placement::key() const { return impl_->catalogue->key(); }

MemberIndex Placement::join(const RingMember& member) {
  const MemberIndex index = impl_->catalogue->acquire(member);
  impl_->enter(index, member);
  return index;
}

void Placement::Impl::enter(MemberIndex index, const RingMember& member) {
  snapshot.reset();
  roster.join(index, member);
  const std::vector<ClassId> matching = classes.matching(index);
  // The circle asks for them later, when all who wait are put in.
  const std::vector<Vnode> vnodes =
      wants_vnodes(matching) ? members.vnodes_of(index) : std::vector<Vnode>();
  for (const ClassId cls : matching) classes.add_member(cls, index, vnodes);
  cache.shed();
}

void Placement::leave(MemberIndex index) { impl_->depart(index); }

void Placement::Impl::depart(MemberIndex index) {
  snapshot.reset();
  const std::vector<ClassId> matching = classes.matching(index);
  const bool wanted = wants_vnodes(matching) || catalogue->is_last_user(index);
  std::vector<Vnode> vnodes = wanted ? members.vnodes_of(index) : std::vector<Vnode>();
  for (const ClassId cls : matching) classes.remove_member(cls, index, vnodes);
  roster.leave(index);
  catalogue->release(index, std::move(vnodes));
}

MemberIndex Placement::update(MemberIndex index, const RingMember& member) {
  ring::Roster& roster = impl_->roster;
  if (impl_->members.is(index, member)) {
    roster.set_figures(index, member);
    return index;
  }
  const MemberIndex next = impl_->catalogue->successor(index, member);
  if (next == index) {
    impl_->change(index, member);
    return index;
  }
  const uint32_t load = roster.load(index);
  const bool open = roster.open(index);
  impl_->depart(index);
  impl_->enter(next, member);
  roster.add_load(next, load);
  roster.set_open(next, open);
  return next;
}

void Placement::Impl::change(MemberIndex index, const RingMember& member) {
  const bool reweighed = members[index].weight != member.weight;
  const std::vector<Vnode> old_vnodes = members.vnodes_of(index);
  const std::vector<ClassId> before = classes.matching(index);
  roster.before_change(index);
  const std::vector<Vnode> vnodes = catalogue->change(index, member, old_vnodes);
  roster.after_change(index);
  roster.set_figures(index, member);
  const std::vector<ClassId> after = classes.matching(index);
  // One is the beginning of the other.
  const size_t common = std::min(old_vnodes.size(), vnodes.size());
  const auto come = std::span(vnodes).subspan(common);
  const auto gone = std::span(old_vnodes).subspan(common);
  for (const ClassId cls : before) {
    if (std::binary_search(after.begin(), after.end(), cls)) {
      classes.change_vnodes(cls, come, gone);
    } else {
      classes.remove_member(cls, index, old_vnodes);
    }
  }
  for (const ClassId cls : after) {
    if (!std::binary_search(before.begin(), before.end(), cls)) {
      classes.add_member(cls, index, vnodes);
    }
  }
  if (reweighed) snapshot.reset();
  cache.shed();
}

void Placement::set_open(MemberIndex index, bool open) { impl_->roster.set_open(index, open); }

void Placement::add_load(MemberIndex index, int64_t delta) { impl_->roster.add_load(index, delta); }

uint32_t Placement::load(MemberIndex index) const { return impl_->roster.load(index); }
uint32_t Placement::max_load(MemberIndex index) const {
  return impl_->roster.standing(index).max_load;
}
std::string_view Placement::ns(MemberIndex index) const { return impl_->members.ns(index); }
std::string_view Placement::id(MemberIndex index) const { return impl_->members[index].id; }
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
  if (impl_->roster.all_joined()) [[likely]]
    return ring.size() == 0 ? kNoMember : ring.owner(position);
  MemberIndex owner = kNoMember;
  walk(position, [&owner](Position, MemberIndex member) {
    owner = member;
    return false;
  });
  return owner;
}

void Placement::owners(std::span<const Position> positions, std::span<MemberIndex> out) const {
  impl_->circle.settle();
  const LineRing& ring = impl_->circle.ring();
  if (impl_->roster.all_joined() && ring.size() > 0) return ring.owners(positions, out);
  std::transform(positions.begin(), positions.end(), out.begin(),
                 [this](Position position) { return owner(position); });
}

std::optional<MemberIndex> Placement::place(const PlaceQuery& query) const {
  const MemberIndex chosen = impl_->choice.choose(query);
  if (chosen != kNoMember) return chosen;
  if (query.avoid != kNoMember && why_not(query.avoid, query).empty()) return query.avoid;
  return std::nullopt;
}

std::string_view Placement::why_not(MemberIndex index, const PlaceQuery& query) const {
  const std::string_view why = why_not(index, query.cls, query.load);
  if (!why.empty() || query.permit == nullptr || query.permit->may(index)) return why;
  return "denied";
}

std::string_view Placement::why_not(MemberIndex index, ClassId cls, uint32_t load) const {
  if (!impl_->roster.joined(index)) return "not-joined";
  if (!matches(index, cls)) return "not-capable";
  if (!impl_->roster.open(index)) return "closed";
  if (impl_->roster.standing(index).room < int64_t{load}) return "full";
  return {};
}

Candidate Placement::candidate(MemberIndex index) const {
  const Standing& standing = impl_->roster.standing(index);
  Candidate shown;
  shown.member = index;
  shown.load = impl_->roster.load(index);
  shown.max_load = standing.max_load;
  shown.score_numerator = uint64_t{standing.merit} * 1000;
  shown.score_denominator = resistance_of(shown.load, shown.max_load);
  return shown;
}

std::vector<Candidate> Placement::window(const PlaceQuery& query) const {
  std::vector<Candidate> result;
  const size_t wanted = std::min<size_t>(std::max(query.k, 1u), capable(query.cls));
  walk(query.point, query.cls, ~uint64_t{0}, [&](Position position, MemberIndex member) {
    const bool known = std::any_of(result.begin(), result.end(), [member](const Candidate& other) {
      return other.member == member;
    });
    if (known) return true;
    Candidate candidate = this->candidate(member);
    candidate.vnode = position;
    candidate.reason = why_not(member, query);
    result.push_back(candidate);
    return result.size() < wanted;
  });
  for (Candidate& candidate : result) {
    // While somebody else can take it.
    if (candidate.reason.empty() && candidate.member == query.avoid &&
        impl_->choice.choose(query) != kNoMember) {
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
  impl_->circle.ring().for_each([&](const Vnode& vnode) {
    if (impl_->roster.joined(vnode.member)) {
      made->points_.push_back({vnode.position, vnode.member});
    }
  });
  for (MemberIndex index = 0; index < impl_->members.limit(); ++index) {
    const bool joined = impl_->roster.joined(index);
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
  for (Vnode vnode; cursor.next(vnode);) {
    if (impl_->roster.joined(vnode.member) && !visit(vnode.position, vnode.member)) return;
  }
}

bool Placement::walk(Position from, ClassId cls, uint64_t most, const Visit& visit) const {
  if (impl_->classes.route(cls).matching == 0) return true;
  const auto go = [&](auto cursor) {
    for (Vnode vnode; cursor.next(vnode);) {
      if (most-- == 0) return false;
      const bool met =
          impl_->roster.joined(vnode.member) && impl_->classes.matches(vnode.member, cls);
      if (met && !visit(vnode.position, vnode.member)) break;
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
  return sizeof(Impl) + impl_->catalogue->bytes() + impl_->roster.bytes() + impl_->classes.bytes();
}

size_t Placement::vnode_bytes() const {
  return impl_->circle.bytes() + impl_->classes.ring_bytes();
}

std::vector<Placement::VnodeRef> Placement::all_vnodes() const {
  const ring::Members& members = impl_->members;
  std::vector<VnodeRef> result;
  result.reserve(impl_->roster.vnodes());
  impl_->roster.for_each([&](MemberIndex index) {
    uint32_t replica = 0;
    for (const Vnode& vnode : members.vnodes_of(index)) {
      result.push_back({vnode.position, index, replica++});
    }
  });
  std::sort(result.begin(), result.end(), [&members](const VnodeRef& a, const VnodeRef& b) {
    if (a.position != b.position) return a.position < b.position;
    return a.member == b.member ? a.replica < b.replica : members.before(a.member, b.member);
  });
  return result;
}

}  // namespace phoenix
