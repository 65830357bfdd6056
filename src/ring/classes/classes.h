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

#include "ring/circle/packed_ring.h"
#include "ring/classes/capabilities.h"
#include "ring/roster.h"

namespace phoenix::ring {

inline constexpr ClassId kNoClass = ~ClassId{0};

struct Class {
  Names names;                         // as interned
  std::string identity;                // all that makes it this class, as bytes
  std::vector<CapabilityId> required;  // the same, by number; the namespace if there are none
  std::vector<CapabilityId> needed;    // required, ascending
  std::vector<CapabilityId> homes;     // capabilities whose list of classes has this one
  std::vector<uint32_t> home_slots;    // where in those lists
  std::vector<MemberIndex> members;    // ascending; unused if one capability is needed
  // The class that needs the rarest of several capabilities alone: its ring is the next best one.
  ClassId base = kNoClass;
  CapabilityId ns = 0;
  Match match = Match::kAll;
  uint64_t idle_since = 0;  // number of the release that left it without users
  uint64_t signature = 0;   // of needed
  uint64_t hash = 0;
  // Of the cache of class rings:
  std::unique_ptr<PackedRing> ring;
  uint64_t walked = 0;  // v-nodes examined for want of a ring
  bool listed = false;  // in the cache's list, with a ring or without
};

// The little that the plain case of placement reads and writes of a class, apart from the rest.
struct Route {
  const PackedRing* ring = nullptr;  // of the class alone, if it has one
  uint32_t matching = 0;             // number of matching members
  uint32_t users = 0;                // interned so often and not released
  bool recent = false;               // used since the cache last looked
};

class Classes {
 public:
  Classes(const RingKey& key, Capabilities& capabilities, const Roster& roster, size_t idle_max)
      : key_(key), capabilities_(capabilities), roster_(roster), idle_max_(idle_max) {}

  ClassId intern(std::string_view ns, std::span<const std::string> names, Match match);
  void retain(ClassId id) { ++routes_[id].users; }
  void release(ClassId id);

  Class& operator[](ClassId id) { return classes_[id]; }
  Route& route(ClassId id) { return routes_[id]; }
  std::string_view ns(const Class& c) const { return capabilities_[c.ns].ns(); }
  bool matches(MemberIndex index, const Class& c) const;
  // A quick look: false means that the member does not match.
  bool may_match(MemberIndex index, const Class& c) const {
    const uint64_t common = roster_.signatures()[index] & c.signature;
    return c.match == Match::kAll ? common == c.signature : common != 0;
  }
  const std::vector<MemberIndex>& members(const Class& c) const {
    return c.needed.size() == 1 ? capabilities_[c.needed[0]].holders : c.members;
  }
  std::vector<std::string> missing(const Class& c) const;

  // The classes that a joined member matches, ascending.
  std::vector<ClassId> matching(MemberIndex index) const;
  void add_member(ClassId id, MemberIndex index, std::span<const Vnode> vnodes);
  void remove_member(ClassId id, MemberIndex index, std::span<const Vnode> vnodes);
  // Of a matching member: those that came, and those that went.
  void add_vnodes(ClassId id, std::span<const Vnode> vnodes);
  void remove_vnodes(ClassId id, std::span<const Vnode> vnodes);

  // Bytes of class rings now held; the cache's owner keeps them within its budget.
  size_t ring_bytes() const { return ring_bytes_; }
  void set_ring(ClassId id, std::unique_ptr<PackedRing> ring);
  void drop_ring(ClassId id);
  // One above the highest number in use so far.
  size_t limit() const { return classes_.size(); }
  size_t bytes() const;

 private:
  ClassId create(std::string_view ns, std::span<const std::string> names, Match match);
  void find_members(Class& c) const;
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
  const Roster& roster_;
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

}  // namespace phoenix::ring
