// Classes: interned (namespace, required capabilities, match), each with the members that match
// it, kept true at every join, leave and change. A class nobody uses any more is kept for a while,
// as the next packet of its kind is likely; the oldest of them go first.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ring/catalogue/members.h"
#include "ring/circle/packed_ring.h"
#include "ring/classes/capabilities.h"
#include "ring/classes/holders.h"
#include "ring/member_bits.h"

namespace phoenix::ring {

inline constexpr ClassId kNoClass = ~ClassId{0};

// Members of a class of few.
inline constexpr size_t kFew = 64;

struct Class {
  Names names;                       // as interned
  std::vector<CapabilityId> needed;  // the same, by number; the namespace if there are none
  // Where it stands in the lists of classes of its homes.
  std::vector<uint32_t> home_slots;
  std::vector<MemberIndex> few;  // its members, ascending, if `has_few`
  // Of the cache of class rings:
  std::unique_ptr<PackedRing> ring;
  uint64_t since = 0;       // when counting began of what was walked, or saved by its ring
  uint64_t saves = 0;       // steps by which its ring makes a walk shorter
  uint64_t idle_since = 0;  // number of the release that left it without users
  uint64_t hash = 0;
  CapabilityId ns = 0;
  // Of those needed, the one that the fewest had when it was interned.
  CapabilityId rarest = 0;
  Match match = Match::kAll;
  bool has_few = false;
  bool listed = false;  // in the cache's list, with a ring or without

  // The capabilities whose lists of classes have this one.
  std::span<const CapabilityId> homes() const {
    return match == Match::kAll ? std::span(&rarest, 1) : std::span(needed);
  }
};

// What a walk reads and writes of a class, in one cache line: there may be tens of thousands.
struct alignas(64) Route {
  const PackedRing* ring = nullptr;  // of the class alone, if it has one
  uint64_t signature = 0;            // of the capabilities needed
  uint64_t walked = 0;               // v-nodes examined for want of a ring
  uint64_t worth = 0;                // so much has to be walked before a ring is thought of again
  uint32_t matching = 0;             // number of matching members
  uint32_t users = 0;                // interned so often and not released
  uint32_t uses = 0;                 // walks on its ring
  // The class that needs the rarest of several capabilities alone: its ring is the next best one.
  ClassId base = kNoClass;
  bool any = false;  // one capability is enough
};

class Classes {
 public:
  Classes(const RingKey& key, Capabilities& capabilities, const Members& members, Holders& holders,
          size_t idle_max)
      : key_(key),
        capabilities_(capabilities),
        members_(members),
        holders_(holders),
        idle_max_(idle_max) {}

  ClassId intern(std::string_view ns, std::span<const std::string> names, Match match);
  void retain(ClassId id) { ++routes_[id].users; }
  void release(ClassId id);

  Class& operator[](ClassId id) { return classes_[id]; }
  Route& route(ClassId id) { return routes_[id]; }
  const Route& route(ClassId id) const { return routes_[id]; }
  std::string_view ns(const Class& c) const { return capabilities_[c.ns].ns(); }
  bool matches(MemberIndex index, ClassId id) const;
  // Keeps those of `count` members that match, in their order; returns how many.
  size_t sieve(ClassId id, MemberIndex* members, size_t count) const;
  // Shows every matching member, ascending. Those of a class of few are kept from then on.
  template <typename Visit>
  void for_each_member(ClassId id, const Visit& visit);
  // Shows them from the sets of holders. With `bits`, at least those of them who have their bit
  // there: the caller asks each.
  template <typename Visit>
  void scan(ClassId id, const MemberBits* bits, const Visit& visit) const;
  std::vector<std::string> missing(const Class& c) const;

  // The classes that a joined member matches, ascending.
  std::vector<ClassId> matching(MemberIndex index) const;
  void add_member(ClassId id, MemberIndex index, std::span<const Vnode> vnodes);
  void remove_member(ClassId id, MemberIndex index, std::span<const Vnode> vnodes);
  // Of a matching member: those that came, and those that went.
  void change_vnodes(ClassId id, std::span<const Vnode> come, std::span<const Vnode> gone);

  // Gives back all capabilities: of no use any more.
  void let_go();

  // Bytes of class rings now held; the cache's owner keeps them within its budget.
  size_t ring_bytes() const { return ring_bytes_; }
  void set_ring(ClassId id, std::unique_ptr<PackedRing> ring);
  void drop_ring(ClassId id);
  size_t bytes() const;

 private:
  ClassId create(std::string_view ns, std::span<const std::string> names, Match match);
  // The word of 64 members from 64 * at on: those who match, as far as sets of bits tell.
  uint64_t word(const Class& c, size_t at) const;
  const MemberSet* shortest_list(const Class& c) const;
  bool verified(MemberIndex index, const Class& c) const;
  void settle_down(ClassId id);
  void move_out(ClassId id);
  void give_up(ClassId id);
  void forget(ClassId id);
  void forget_idle();

  struct Idle {
    ClassId id;
    uint64_t since;
  };

  RingKey key_;
  Capabilities& capabilities_;
  const Members& members_;
  Holders& holders_;
  size_t idle_max_;
  std::deque<Class> classes_;  // spans of names stay valid
  std::vector<Route> routes_;
  std::vector<ClassId> free_;
  // By hash, which is keyed: nobody outside can make it collide on purpose. Open addressing, a
  // free place has no id; the number of places is a power of two.
  struct Place {
    uint64_t hash = 0;
    ClassId id = kNoClass;
  };
  void list(uint64_t hash, ClassId id);
  void unlist(ClassId id);

  std::vector<Place> ids_ = std::vector<Place>(64);
  size_t listed_ = 0;
  std::deque<Idle> idle_;  // oldest first; some are in use again
  size_t idle_count_ = 0;
  uint64_t releases_ = 0;
  size_t ring_bytes_ = 0;
};

template <typename Visit>
void Classes::for_each_member(ClassId id, const Visit& visit) {
  Class& c = classes_[id];
  if (c.needed.size() == 1) return holders_.members(c.needed[0]).for_each(visit);
  if (!c.has_few && routes_[id].matching <= kFew) {
    c.few.clear();
    scan(id, nullptr, [&c](MemberIndex index) { c.few.push_back(index); });
    c.has_few = true;
  }
  if (c.has_few) {
    for (const MemberIndex index : c.few) visit(index);
  } else {
    scan(id, nullptr, visit);
  }
}

template <typename Visit>
void Classes::scan(ClassId id, const MemberBits* bits, const Visit& visit) const {
  const Class& c = classes_[id];
  if (const MemberSet* list = shortest_list(c)) {
    return list->for_each([&](MemberIndex index) {
      if (matches(index, id)) visit(index);
    });
  }
  const size_t words = (members_.limit() + 63) / 64;
  for (size_t at = 0; at < words; ++at) {
    for_each_bit(word(c, at) & (bits != nullptr ? bits->word(at) : ~uint64_t{0}), at, visit);
  }
}

}  // namespace phoenix::ring
