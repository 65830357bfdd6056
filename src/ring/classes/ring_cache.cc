#include "ring/classes/ring_cache.h"

#include <algorithm>

namespace phoenix::ring {

namespace {

// Cost of making one v-node anew (hash, sort) in steps of a walk.
constexpr uint64_t kStepsPerNewVnode = 40;

// A walk that is expected to take this many steps is not taken: the few who match are put into a
// ring of their own at once.
constexpr uint64_t kLongWalk = 2048;

// In steps of all walks.
constexpr uint64_t kLongAgo = uint64_t{1} << 26;

// The rings of classes together may take this much for each v-node on the circle.
constexpr size_t kBudgetPerVnode = 12;
constexpr size_t kLeastBudget = size_t{256} << 10;

// Bytes of a ring with its index.
constexpr size_t ring_size(size_t vnodes) { return vnodes * (sizeof(Vnode) + 1) + 256; }

}  // namespace

const PackedRing* RingCache::find(ClassId id, size_t wanted) {
  Class& c = classes_[id];
  if (!c.ring && worth_building(id, wanted)) build(id, wanted);
  return c.ring.get();
}

size_t RingCache::scan_size(const Class& c) const {
  if (c.base != kNoClass && classes_.route(c.base).ring) return classes_.route(c.base).ring->size();
  return roster_.vnodes();
}

bool RingCache::worth_building(ClassId id, size_t wanted) {
  Class& c = classes_[id];
  if (c.walked < c.worth) return false;
  if (c.worth == 0) c.since = counts_.examined;
  const uint64_t count = roster_.vnodes() / roster_.size() * classes_.route(id).matching;
  const uint64_t cost = count * kStepsPerNewVnode;
  const bool is_long = wanted * scan_size(c) / count > kLongWalk;
  const bool worth = is_long || (c.worth > 0 && c.walked >= cost);
  c.worth = std::max(cost, c.walked + cost / 4);
  return worth && ring_size(count) <= budget() / 2;
}

size_t RingCache::budget() const {
  return std::min(most_, kLeastBudget + roster_.vnodes() * kBudgetPerVnode);
}

void RingCache::build(ClassId id, size_t wanted) {
  Class& c = classes_[id];
  size_t count = 0;
  classes_.for_each_member(id,
                           [&](MemberIndex index) { count += vnode_count(roster_[index].weight); });
  if (!make_room(ring_size(count), value_of_walking(c, ring_size(count)))) return;
  c.saves = wanted * roster_.vnodes() / count;
  c.since = counts_.examined;
  ++counts_.builds;
  std::vector<Vnode> vnodes;
  vnodes.reserve(count);
  collect(id, vnodes);
  auto ring = std::make_unique<PackedRing>(roster_);
  ring->build(vnodes);
  classes_.set_ring(id, std::move(ring));
  if (!c.listed) listed_.push_back(id);
  c.listed = true;
}

void RingCache::collect(ClassId id, std::vector<Vnode>& out) {
  const Class& c = classes_[id];
  if (out.capacity() * kStepsPerNewVnode < scan_size(c)) {
    classes_.for_each_member(id, [&](MemberIndex index) {
      roster_.append_vnodes(index, 0, vnode_count(roster_[index].weight), out);
    });
    roster_.sort(out);
    return;
  }
  mark(id, true);
  const auto keep = [&](const Vnode& vnode) {
    if (marks_[vnode.member] != 0) out.push_back(vnode);
  };
  const PackedRing* wider = c.base == kNoClass ? nullptr : classes_.route(c.base).ring;
  if (wider != nullptr) {
    wider->for_each(keep);
  } else {
    circle_.settle();
    circle_.ring().for_each(keep);
  }
  mark(id, false);
}

// Long ago counts for less.
void RingCache::age(Class& c, uint64_t& number) const {
  const uint64_t elapsed = counts_.examined - c.since;
  if (elapsed < kLongAgo) return;
  c.since += elapsed / 2;
  number /= 2;
}

RingCache::Value RingCache::value_of_walking(Class& c, size_t bytes) const {
  age(c, c.walked);
  return {c.walked, (counts_.examined - c.since + 1) * bytes};
}

RingCache::Value RingCache::value_of_ring(ClassId id) const {
  Class& c = classes_[id];
  uint64_t uses = classes_.route(id).uses;
  age(c, uses);
  classes_.route(id).uses = static_cast<uint32_t>(uses);
  return {uses * c.saves, (counts_.examined - c.since + 1) * c.ring->bytes()};
}

// A ring goes for another one that would be worth twice as much, so that classes do not drive each
// other out for ever.
bool RingCache::make_room(size_t bytes, const Value& value) {
  const size_t budget = this->budget();
  while (classes_.ring_bytes() + bytes > budget) {
    std::erase_if(listed_, [this](ClassId id) {
      if (classes_[id].ring) return false;
      classes_[id].listed = false;
      return true;
    });
    if (listed_.empty()) return false;
    size_t least = 0;
    Value least_value = value_of_ring(listed_[0]);
    for (size_t i = 1; i < listed_.size(); ++i) {
      const Value other = value_of_ring(listed_[i]);
      if (!(other < least_value)) continue;
      least = i;
      least_value = other;
    }
    least_value.saved *= 2;
    if (!(least_value < value)) return false;
    classes_.drop_ring(listed_[least]);
  }
  return true;
}

void RingCache::mark(ClassId id, bool value) {
  if (marks_.size() < roster_.limit()) marks_.resize(roster_.limit(), 0);
  classes_.for_each_member(id, [&](MemberIndex index) { marks_[index] = value ? 1 : 0; });
}

void RingCache::shed() { make_room(0, {1, 0}); }

}  // namespace phoenix::ring
