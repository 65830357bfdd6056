#include "ring/classes/ring_cache.h"

#include <algorithm>

namespace phoenix::ring {

namespace {

// Cost of making one v-node anew (hash, sort) in steps of a walk.
constexpr uint64_t kStepsPerNewVnode = 40;

// A walk that is expected to take this many steps is not taken: the few who match are put into a
// ring of their own at once.
constexpr uint64_t kLongWalk = 2048;

// The rings of classes together may take this much for each v-node on the circle.
constexpr size_t kBudgetPerVnode = 12;
constexpr size_t kLeastBudget = size_t{256} << 10;

// Bytes of a ring with its index.
constexpr size_t ring_size(size_t vnodes) { return vnodes * (sizeof(Vnode) + 1) + 256; }

}  // namespace

const PackedRing* RingCache::find(ClassId id, size_t wanted) {
  Class& c = classes_[id];
  if (!c.ring && worth_building(id, wanted)) build(id);
  if (!c.ring) return nullptr;
  classes_.route(id).recent = true;
  return c.ring.get();
}

size_t RingCache::scan_size(const Class& c) const {
  if (c.base != kNoClass && classes_.route(c.base).ring) return classes_.route(c.base).ring->size();
  return roster_.vnodes();
}

bool RingCache::worth_building(ClassId id, size_t wanted) {
  Class& c = classes_[id];
  if (c.walked < c.worth) return false;
  const uint64_t matching = classes_.route(id).matching;
  const uint64_t count = roster_.vnodes() / roster_.size() * matching;
  const uint64_t scan = scan_size(c);
  // Until so much more has been walked nothing is asked again.
  c.worth = c.walked + std::min(scan, count * kStepsPerNewVnode) / 2;
  if (ring_size(count) > budget() / 2) return false;
  return wanted * scan / count > kLongWalk || c.walked >= std::min(scan, count * kStepsPerNewVnode);
}

size_t RingCache::budget() const {
  return std::min(most_, kLeastBudget + roster_.vnodes() * kBudgetPerVnode);
}

void RingCache::build(ClassId id) {
  Class& c = classes_[id];
  size_t count = 0;
  classes_.for_each_member(id,
                           [&](MemberIndex index) { count += vnode_count(roster_[index].weight); });
  if (!make_room(ring_size(count))) return;
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

bool RingCache::make_room(size_t bytes) {
  const size_t budget = this->budget();
  if (bytes > budget) return false;
  // Once round: it takes away the marks of recent use, so what is used no more goes the next time.
  // If all are in use nothing goes, or classes would drive each other out for ever.
  for (size_t left = listed_.size(); left > 0; --left) {
    if (classes_.ring_bytes() + bytes <= budget) break;
    if (hand_ >= listed_.size()) hand_ = 0;
    Class& c = classes_[listed_[hand_]];
    if (bool& recent = classes_.route(listed_[hand_]).recent; c.ring && recent) {
      recent = false;
      ++hand_;
      continue;
    }
    classes_.drop_ring(listed_[hand_]);
    c.listed = false;
    listed_[hand_] = listed_.back();
    listed_.pop_back();
    if (listed_.empty()) break;
  }
  return classes_.ring_bytes() + bytes <= budget;
}

void RingCache::mark(ClassId id, bool value) {
  if (marks_.size() < roster_.limit()) marks_.resize(roster_.limit(), 0);
  classes_.for_each_member(id, [&](MemberIndex index) { marks_[index] = value ? 1 : 0; });
}

void RingCache::shed() {
  // Once more if all were in use.
  for (int round = 0; round < 2 && classes_.ring_bytes() > budget(); ++round) make_room(0);
}

}  // namespace phoenix::ring
