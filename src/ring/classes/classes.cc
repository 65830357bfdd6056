#include "ring/classes/classes.h"

#include <algorithm>

#include "ring/encoder.h"

namespace phoenix::ring {

ClassId Classes::intern(std::string_view ns, std::span<const std::string> names, Match match) {
  Encoder encoder;
  encoder.byte(match == Match::kAll ? 'A' : 'O');
  encoder.text(ns);
  for (const std::string& name : names) encoder.text(name);
  const uint64_t wanted = siphash13(key_, encoder.view());
  const size_t mask = ids_.size() - 1;
  for (size_t at = wanted & mask; ids_[at].id != kNoClass; at = (at + 1) & mask) {
    if (ids_[at].hash != wanted) continue;
    const Class& c = classes_[ids_[at].id];
    const bool same = c.match == match && this->ns(c) == ns &&
                      std::equal(names.begin(), names.end(), c.names.begin(), c.names.end());
    if (!same) continue;
    if (routes_[ids_[at].id].users++ == 0) --idle_count_;
    return ids_[at].id;
  }
  const ClassId id = create(ns, names, match);
  classes_[id].hash = wanted;
  list(wanted, id);
  return id;
}

void Classes::list(uint64_t hash, ClassId id) {
  if (++listed_ * 2 > ids_.size()) {
    std::vector<Place> old(ids_.size() * 2);
    old.swap(ids_);
    listed_ = 1;
    for (const Place& place : old) {
      if (place.id != kNoClass) list(place.hash, place.id);
    }
  }
  const size_t mask = ids_.size() - 1;
  size_t at = hash & mask;
  while (ids_[at].id != kNoClass) at = (at + 1) & mask;
  ids_[at] = {hash, id};
}

void Classes::unlist(ClassId id) {
  const size_t mask = ids_.size() - 1;
  size_t at = classes_[id].hash & mask;
  while (ids_[at].id != id) at = (at + 1) & mask;
  // Close the gap: move back every place that may stand nearer to where it belongs.
  for (size_t next = (at + 1) & mask; ids_[next].id != kNoClass; next = (next + 1) & mask) {
    const size_t home = ids_[next].hash & mask;
    if (((next - home) & mask) >= ((next - at) & mask)) {
      ids_[at] = ids_[next];
      at = next;
    }
  }
  ids_[at] = Place{};
  --listed_;
}

ClassId Classes::create(std::string_view ns, std::span<const std::string> names, Match match) {
  ClassId id;
  if (free_.empty()) {
    id = static_cast<ClassId>(classes_.size());
    classes_.emplace_back();
    routes_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Class& c = classes_[id];
  c.names = std::vector<std::string>(names.begin(), names.end());
  c.ns = capabilities_.acquire_namespace(ns);
  c.match = match;
  c.needed.reserve(std::max<size_t>(names.size(), 1));
  for (const std::string& name : names) {
    c.needed.push_back(capabilities_.acquire_capability(ns, name));
  }
  if (c.needed.empty()) {
    capabilities_.retain(c.ns);
    c.needed.push_back(c.ns);
  }
  settle_down(id);
  const size_t rarest =
      static_cast<size_t>(std::find(c.needed.begin(), c.needed.end(), c.rarest) - c.needed.begin());
  const ClassId base = c.match == Match::kAll && c.needed.size() > 1
                           ? intern(ns, std::span(c.names.list()).subspan(rarest, 1), Match::kAll)
                           : kNoClass;
  routes_[id] = Route{};
  routes_[id].users = 1;
  routes_[id].base = base;
  routes_[id].any = match == Match::kAny;
  for (const CapabilityId needed : c.needed) {
    routes_[id].signature |= capabilities_.signature_bit(needed);
  }
  if (c.needed.size() == 1) {
    routes_[id].matching = static_cast<uint32_t>(holders_.members(c.needed[0]).size());
    return id;
  }
  scan(id, nullptr, [&](MemberIndex index) {
    if (++routes_[id].matching <= kFew) c.few.push_back(index);
  });
  c.has_few = routes_[id].matching <= kFew;
  if (!c.has_few) c.few = {};
  c.few.shrink_to_fit();
  return id;
}

const MemberSet* Classes::shortest_list(const Class& c) const {
  const MemberSet* shortest = nullptr;
  if (c.match == Match::kAny && c.needed.size() > 1) return nullptr;
  for (const CapabilityId needed : c.needed) {
    const MemberSet& holders = holders_.members(needed);
    if (holders.dense()) continue;
    if (shortest == nullptr || holders.size() < shortest->size()) shortest = &holders;
  }
  return shortest;
}

uint64_t Classes::word(const Class& c, size_t at) const {
  uint64_t result = c.match == Match::kAll ? ~uint64_t{0} : 0;
  for (const CapabilityId needed : c.needed) {
    const MemberSet& holders = holders_.members(needed);
    const uint64_t own = holders.word(at);
    result = c.match == Match::kAll ? result & own : result | own;
  }
  return result;
}

// A member that comes or goes has to be shown every class that it may match, and few others: a
// class that needs all of its capabilities is listed under the rarest one only.
void Classes::settle_down(ClassId id) {
  Class& c = classes_[id];
  c.rarest =
      *std::min_element(c.needed.begin(), c.needed.end(), [this](CapabilityId a, CapabilityId b) {
        return holders_.members(a).size() < holders_.members(b).size();
      });
  for (const CapabilityId home : c.homes()) {
    auto& listed = holders_[home].classes;
    c.home_slots.push_back(static_cast<uint32_t>(listed.size()));
    listed.push_back(id);
  }
}

void Classes::move_out(ClassId id) {
  const Class& c = classes_[id];
  for (size_t i = 0; i < c.homes().size(); ++i) {
    auto& listed = holders_[c.homes()[i]].classes;
    const uint32_t slot = c.home_slots[i];
    listed[slot] = listed.back();
    listed.pop_back();
    if (listed.empty()) listed = {};
    if (slot == listed.size()) continue;
    Class& moved = classes_[listed[slot]];
    const auto home = std::find(moved.homes().begin(), moved.homes().end(), c.homes()[i]);
    moved.home_slots[static_cast<size_t>(home - moved.homes().begin())] = slot;
  }
}

void Classes::release(ClassId id) {
  give_up(id);
  forget_idle();
}

void Classes::give_up(ClassId id) {
  if (--routes_[id].users > 0) return;
  classes_[id].idle_since = ++releases_;
  idle_.push_back({id, releases_});
  ++idle_count_;
}

void Classes::forget_idle() {
  while (idle_count_ > idle_max_ || idle_.size() > 2 * idle_max_) {
    const Idle oldest = idle_.front();
    idle_.pop_front();
    const Class& c = classes_[oldest.id];
    if (routes_[oldest.id].users == 0 && c.idle_since == oldest.since) forget(oldest.id);
  }
}

void Classes::forget(ClassId id) {
  drop_ring(id);
  move_out(id);
  Class& c = classes_[id];
  unlist(id);
  for (const CapabilityId needed : c.needed) capabilities_.release(needed);
  capabilities_.release(c.ns);
  if (routes_[id].base != kNoClass) give_up(routes_[id].base);
  const bool listed = c.listed;
  c = Class{};
  c.listed = listed;
  free_.push_back(id);
  --idle_count_;
}

bool Classes::matches(MemberIndex index, ClassId id) const { return sieve(id, &index, 1) == 1; }

namespace {

// Keeps those with one of the bits, or with all of them. Who has is a guess each time, so there is
// no branch on it.
template <bool kAny>
size_t sieve_by(const uint64_t* signatures, uint64_t wanted, MemberIndex* members, size_t count) {
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    const MemberIndex index = members[i];
    const uint64_t common = signatures[index] & wanted;
    members[kept] = index;
    kept += (kAny ? common != 0 : common == wanted) ? 1 : 0;
  }
  return kept;
}

}  // namespace

size_t Classes::sieve(ClassId id, MemberIndex* members, size_t count) const {
  const Route& route = routes_[id];
  const uint64_t* signatures = members_.signatures().data();
  const size_t kept = route.any ? sieve_by<true>(signatures, route.signature, members, count)
                                : sieve_by<false>(signatures, route.signature, members, count);
  if ((route.signature & capabilities_.shared_bits()) == 0) return kept;
  const Class& c = classes_[id];
  const auto end = std::remove_if(members, members + kept,
                                  [&](MemberIndex index) { return !verified(index, c); });
  return static_cast<size_t>(end - members);
}

bool Classes::verified(MemberIndex index, const Class& c) const {
  const auto has = [&](CapabilityId id) { return holders_.members(id).contains(index); };
  return c.match == Match::kAll ? std::all_of(c.needed.begin(), c.needed.end(), has)
                                : std::any_of(c.needed.begin(), c.needed.end(), has);
}

std::vector<std::string> Classes::missing(const Class& c) const {
  std::vector<std::string> result;
  for (size_t i = 0; i < c.names.size(); ++i) {
    if (holders_.members(c.needed[i]).empty()) result.push_back(c.names[i]);
  }
  return result;
}

std::vector<ClassId> Classes::matching(MemberIndex index) const {
  std::vector<ClassId> result;
  for (const CapabilityId id : members_[index].capabilities) {
    for (const ClassId candidate : holders_.classes(id)) {
      if (matches(index, candidate)) result.push_back(candidate);
    }
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

void Classes::add_member(ClassId id, MemberIndex index, std::span<const Vnode> vnodes) {
  Class& c = classes_[id];
  if (c.has_few && c.few.size() < kFew) {
    c.few.insert(std::lower_bound(c.few.begin(), c.few.end(), index), index);
  } else if (c.has_few) {
    c.has_few = false;
    c.few = {};
  }
  ++routes_[id].matching;
  change_vnodes(id, vnodes, {});
}

void Classes::remove_member(ClassId id, MemberIndex index, std::span<const Vnode> vnodes) {
  Class& c = classes_[id];
  if (c.has_few) c.few.erase(std::lower_bound(c.few.begin(), c.few.end(), index));
  --routes_[id].matching;
  change_vnodes(id, {}, vnodes);
}

void Classes::change_vnodes(ClassId id, std::span<const Vnode> come, std::span<const Vnode> gone) {
  PackedRing* ring = classes_[id].ring.get();
  if (ring == nullptr) return;
  ring_bytes_ -= ring->bytes();
  ring->insert(come);
  ring->erase(gone);
  ring_bytes_ += ring->bytes();
  if (ring->size() == 0) drop_ring(id);
}

void Classes::set_ring(ClassId id, std::unique_ptr<PackedRing> ring) {
  drop_ring(id);
  ring_bytes_ += ring->bytes();
  routes_[id].ring = ring.get();
  classes_[id].ring = std::move(ring);
}

void Classes::drop_ring(ClassId id) {
  Class& c = classes_[id];
  if (!c.ring) return;
  ring_bytes_ -= c.ring->bytes();
  c.ring.reset();
  routes_[id].walked = 0;
  routes_[id].worth = 0;  // asked anew at its next use
  routes_[id].ring = nullptr;
  routes_[id].uses = 0;
}

void Classes::let_go() {
  for (const Place& place : ids_) {
    if (place.id == kNoClass) continue;
    const Class& c = classes_[place.id];
    for (const CapabilityId needed : c.needed) capabilities_.release(needed);
    capabilities_.release(c.ns);
  }
}

size_t Classes::bytes() const {
  size_t total = ring_bytes_ + routes_.capacity() * sizeof(Route) +
                 ids_.capacity() * sizeof(Place) + idle_.size() * sizeof(Idle);
  for (const Class& c : classes_) {
    total += sizeof(Class) + c.names.size() * sizeof(std::string) +
             (c.few.capacity() + c.needed.capacity() + c.home_slots.capacity()) * sizeof(uint32_t);
  }
  return total;
}

}  // namespace phoenix::ring
