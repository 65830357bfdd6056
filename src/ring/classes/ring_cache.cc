#include "ring/classes/ring_cache.h"

#include <algorithm>

namespace phoenix::ring {

namespace {

// Cost of making one v-node anew (hash, sort, memory) in steps of a walk, most of which pass over a
// line of the circle.
constexpr uint64_t kStepsPerNewVnode = 32;
// V-nodes that a walk on the circle passes over in a step.
constexpr uint64_t kVnodesPerStep = 4;

// Making a ring of so many takes two milliseconds.
constexpr uint64_t kMostVnodes = uint64_t{1} << 15;

// A walk that is expected to take this many steps is not taken: the few who match are put into a
// ring of their own at once.
constexpr uint64_t kLongWalk = 8192;

// In steps of all walks.
constexpr uint64_t kLongAgo = uint64_t{1} << 26;

// The rings of classes together may take this much for each v-node on the circle.
constexpr size_t kBudgetPerVnode = 12;
constexpr size_t kLeastBudget = size_t{256} << 10;

// Bytes of a ring with its index.
constexpr size_t ring_size(size_t vnodes) { return vnodes * (sizeof(Vnode) + 1) + 256; }

}  // namespace

const PackedRing* RingCache::think(ClassId id, size_t wanted) {
  Route& route = classes_.route(id);
  const uint64_t count = roster_.vnodes() / roster_.size() * route.matching;
  const uint64_t cost = count * kStepsPerNewVnode;
  const bool is_long = wanted * steps_of_turn(id) / count > kLongWalk;
  const bool worth = is_long || (route.worth > 0 && route.walked >= cost);
  if (route.worth == 0) classes_[id].since = counts_.examined;
  route.worth = std::max(cost, route.walked + cost / 4);
  // A ring that would take long to make is not made: its members are not rare.
  if (!worth || count > kMostVnodes || ring_size(count) > budget() / 2) return nullptr;
  const Value value = is_long ? Value{1, 0} : value_of_walking(id, ring_size(count));
  if (make_room(ring_size(count), value)) build(id, wanted);
  return route.ring;
}

size_t RingCache::scan_size(ClassId id) const {
  const ClassId base = classes_.route(id).base;
  if (base != kNoClass && classes_.route(base).ring) return classes_.route(base).ring->size();
  return roster_.vnodes();
}

size_t RingCache::steps_of_turn(ClassId id) const {
  const ClassId base = classes_.route(id).base;
  const bool narrow = base != kNoClass && classes_.route(base).ring;
  return narrow ? classes_.route(base).ring->size() : roster_.vnodes() / kVnodesPerStep;
}

size_t RingCache::budget() const {
  return std::min(most_, kLeastBudget + roster_.vnodes() * kBudgetPerVnode);
}

void RingCache::build(ClassId id, size_t wanted) {
  ++counts_.builds;
  Class& c = classes_[id];
  std::vector<Vnode> vnodes;
  collect(id, vnodes);
  c.saves = wanted * (roster_.vnodes() / kVnodesPerStep) / vnodes.size();
  c.since = counts_.examined;
  auto ring = std::make_unique<PackedRing>(members_);
  ring->build(vnodes);
  classes_.set_ring(id, std::move(ring));
  if (!c.listed) listed_.push_back(id);
  c.listed = true;
}

void RingCache::collect(ClassId id, std::vector<Vnode>& out) {
  std::vector<MemberIndex> members;
  size_t count = 0;
  classes_.for_each_member(id, [&](MemberIndex index) {
    members.push_back(index);
    count += vnode_count(members_[index].weight);
  });
  out.reserve(count);
  if (count * kStepsPerNewVnode < scan_size(id)) {
    // Their records lie anywhere in memory.
    constexpr size_t kAhead = 8;
    for (size_t i = 0; i < members.size(); ++i) {
      if (i + kAhead < members.size()) members_.ask_for(members[i + kAhead]);
      members_.append_vnodes(members[i], 0, vnode_count(members_[members[i]].weight), out);
    }
    members_.sort(out);
    return;
  }
  if (marks_.size() < members_.limit()) marks_.resize(members_.limit(), 0);
  for (const MemberIndex index : members) marks_[index] = 1;
  const auto keep = [&](const Vnode& vnode) {
    if (marks_[vnode.member] != 0) out.push_back(vnode);
  };
  const ClassId base = classes_.route(id).base;
  const PackedRing* wider = base == kNoClass ? nullptr : classes_.route(base).ring;
  if (wider != nullptr) {
    wider->for_each(keep);
  } else {
    circle_.ring().for_each(keep);
  }
  for (const MemberIndex index : members) marks_[index] = 0;
}

// Long ago counts for less.
void RingCache::age(Class& c, uint64_t& number) const {
  const uint64_t elapsed = counts_.examined - c.since;
  if (elapsed < kLongAgo) return;
  c.since += elapsed / 2;
  number /= 2;
}

RingCache::Value RingCache::value_of_walking(ClassId id, size_t bytes) const {
  Class& c = classes_[id];
  age(c, classes_.route(id).walked);
  return {classes_.route(id).walked, (counts_.examined - c.since + 1) * bytes};
}

RingCache::Value RingCache::value_of_ring(ClassId id) const {
  Class& c = classes_[id];
  if (!c.ring) return {0, 1};  // dropped when its class was forgotten, or had no member left
  uint64_t uses = classes_.route(id).uses;
  age(c, uses);
  classes_.route(id).uses = static_cast<uint32_t>(uses);
  return {uses * c.saves, (counts_.examined - c.since + 1) * c.ring->bytes()};
}

// A ring goes for another one that would be worth twice as much, so that classes do not drive each
// other out for ever. Of thousands some are looked at, in turn.
bool RingCache::make_room(size_t bytes, const Value& value) {
  constexpr size_t kLookedAt = 32;
  const size_t budget = this->budget();
  while (classes_.ring_bytes() + bytes > budget) {
    size_t least = listed_.size();
    Value least_value{0, 0};
    for (size_t looked_at = 0; looked_at < kLookedAt && looked_at < listed_.size(); ++looked_at) {
      hand_ = hand_ + 1 < listed_.size() ? hand_ + 1 : 0;
      const Value other = value_of_ring(listed_[hand_]);
      if (least < listed_.size() && !(other < least_value)) continue;
      least = hand_;
      least_value = other;
    }
    if (least == listed_.size()) return false;
    least_value.saved *= 2;
    if (!(least_value < value)) return false;
    classes_.drop_ring(listed_[least]);
    classes_[listed_[least]].listed = false;
    listed_[least] = listed_.back();
    listed_.pop_back();
  }
  return true;
}

void RingCache::shed() { make_room(0, {1, 0}); }

}  // namespace phoenix::ring
