// Who should own a packet: the k nearest distinct eligible members clockwise of its point, and
// among them the best score. The only place that walks members; nothing else iterates them to
// choose an owner.
//
// Score = reliability * trust * 1000 / (1000 + load per mille of maxLoad), all in thousandths,
// compared by cross-multiplication in 64-bit integers; ties by (namespace, id) bytes. The answer is
// a pure function of (ring key, set of members with their figures, packet): the order in which
// members joined has no influence.
//
// A member is placeable while it is joined and open. Closed members (full is no such case, it is
// seen from the load) keep their points but are walked over: sessions after a restart that have not
// called yet. Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/names.h"
#include "base/siphash.h"
#include "ring/point.h"

namespace phoenix {

// Dense number of a joined member; given again to others after its leave.
using MemberIndex = uint32_t;
inline constexpr MemberIndex kNoMember = ~MemberIndex{0};

// Interned (namespace, required capabilities, match); counted by intern/release.
using ClassId = uint32_t;

enum class Match : uint8_t { kAll, kAny };

class RingSnapshot;   // ring/snapshot.h
class RingCatalogue;  // ring/catalogue/catalogue.h

struct RingMember {
  std::string ns;
  std::string id;
  uint32_t weight = 100;                  // 1..10,000
  uint32_t max_load = 1;                  // 1..1,000,000
  uint32_t trust = 1000;                  // thousandths
  uint32_t reliability = 1000;            // thousandths
  std::vector<std::string> capabilities;  // sorted bytewise, unique, at most 4,096
};

// Who may have this packet beyond what the ring knows. Asked of members that match and have room,
// of as many as it takes and perhaps twice of one; its answer must not change meanwhile.
class Permit {
 public:
  bool may(MemberIndex member) const {
    const size_t at = member / 64;
    return (at < known_.size() && (known_[at] >> member % 64 & 1) != 0) || ask(member);
  }

 protected:
  ~Permit() = default;
  // A bit each, set of those who are known to be let through: a walk reads these without a call.
  // They must live as long; further ones may be set under way.
  void take_known(std::span<const uint64_t> known) { known_ = known; }

 private:
  // Of everybody else.
  virtual bool ask(MemberIndex member) const = 0;

  std::span<const uint64_t> known_;
};

struct PlaceQuery {
  Position point = 0;
  ClassId cls = 0;
  uint32_t load = 1;               // what the packet adds to its owner
  uint32_t k = 8;                  // window; 1 is the plain ring
  bool nearest_first = false;      // affinity: the nearest with room, no score
  MemberIndex avoid = kNoMember;   // passed over while another one is eligible
  const Permit* permit = nullptr;  // null: everybody may; else it must live as long
};

// One member of a window, for explain.
struct Candidate {
  MemberIndex member = kNoMember;
  Position vnode = 0;  // the point by which the walk met it
  uint32_t load = 0;
  uint32_t max_load = 0;
  uint64_t score_numerator = 0;  // score = numerator / denominator
  uint64_t score_denominator = 1;
  bool eligible = false;
  std::string_view reason;  // why not: "full", "closed", "passed-over", "denied"; empty if eligible
};

// What may be set beside the key. No value changes an answer, except that a mask other than all
// ones makes positions collide, which is for tests only.
struct PlacementOptions {
  size_t cache_bytes = size_t{256} << 20;  // bound on the rings of single classes
  uint64_t longest_walk = 12288;           // v-nodes, before sets of members are intersected
  size_t idle_classes = 16384;             // classes without users that are remembered
  Position position_mask = ~Position{0};   // laid over the v-nodes' positions
  // What several placements of one thread share: the circle, and what there is to know of a member
  // by its record. Of the same key and mask. Null: the placement has one of its own.
  std::shared_ptr<RingCatalogue> catalogue{};
};
std::shared_ptr<RingCatalogue> shared_catalogue(const RingKey& key,
                                                Position position_mask = ~Position{0});

class Placement {
 public:
  explicit Placement(const RingKey& key, const PlacementOptions& options = {});
  ~Placement();
  Placement(const Placement&) = delete;
  Placement& operator=(const Placement&) = delete;

  const RingKey& key() const;

  // Requires: no joined member has this (ns, id). The load starts at 0, the member is open.
  MemberIndex join(const RingMember& member);
  void leave(MemberIndex index);
  // Changes weight, maxLoad, scores, capabilities; ns and id stay. The load stays. Returns its
  // number from then on: where the catalogue is shared, it may be another one.
  MemberIndex update(MemberIndex index, const RingMember& member);
  void set_open(MemberIndex index, bool open);
  // Requires: the load never falls below 0. It may exceed max_load after an update.
  void add_load(MemberIndex index, int64_t delta);

  uint32_t load(MemberIndex index) const;
  uint32_t max_load(MemberIndex index) const;
  std::string_view ns(MemberIndex index) const;
  std::string_view id(MemberIndex index) const;
  bool open(MemberIndex index) const;

  // Interns a class; each call is balanced by one release. Capabilities sorted and unique.
  ClassId intern(std::string_view ns, std::span<const std::string> capabilities, Match match);
  void retain(ClassId cls);
  void release(ClassId cls);
  std::span<const std::string> capabilities(ClassId cls) const;
  const Names& names(ClassId cls) const;  // the same
  std::string_view ns_of(ClassId cls) const;
  Match match(ClassId cls) const;

  bool matches(MemberIndex index, ClassId cls) const;
  // Number of joined members, open or not, that match.
  size_t capable(ClassId cls) const;
  // Those required capabilities that no joined member of the namespace has.
  std::vector<std::string> missing(ClassId cls) const;

  // The member of the first v-node at or after a position, whatever it can do or holds: the plain
  // ring. kNoMember if nobody joined.
  MemberIndex owner(Position position) const;
  // The same of many at once, faster. Requires: `out` is as long as `positions`.
  void owners(std::span<const Position> positions, std::span<MemberIndex> out) const;

  std::optional<MemberIndex> place(const PlaceQuery& query) const;
  // May this very member take it (open, matching, room)? Empty if so, else the reason.
  std::string_view why_not(MemberIndex index, ClassId cls, uint32_t load) const;
  // The same, of the query's permit too: "denied".
  std::string_view why_not(MemberIndex index, const PlaceQuery& query) const;
  // Its load and score, for a walk that is told elsewhere; vnode, eligible and reason are not set.
  Candidate candidate(MemberIndex index) const;
  // The k nearest distinct matching members clockwise, eligible or not, in walk order.
  std::vector<Candidate> window(const PlaceQuery& query) const;

  // An immutable copy for other threads; the same one until a v-node comes or goes. Costs the time
  // of copying all v-nodes.
  std::shared_ptr<const RingSnapshot> snapshot() const;

  // What the choices so far have cost.
  struct Counts {
    uint64_t examined = 0;  // v-nodes, members and words of member sets looked at
    uint64_t builds = 0;    // rings and lists of single classes made
  };
  const Counts& counts() const;

  size_t members() const;
  size_t vnodes() const;
  // Allocated bytes of v-nodes and indexes (approximate), for the bench and metrics.
  size_t bytes() const;
  // Of these, what the v-nodes themselves take: on the circle, and in the rings of classes.
  size_t vnode_bytes() const;
  // Every v-node in order (position, member), for `ring show`.
  struct VnodeRef {
    Position position;
    MemberIndex member;
    uint32_t replica;
  };
  std::vector<VnodeRef> all_vnodes() const;

  // Shows the v-nodes once round, clockwise from the first at or after a point, until `visit` says
  // false. For what explains the ring; placing has its own ways.
  using Visit = std::function<bool(Position, MemberIndex)>;
  void walk(Position from, const Visit& visit) const;
  // The same, but only those of matching members. False: it stopped because it had examined `most`
  // v-nodes.
  bool walk(Position from, ClassId cls, uint64_t most, const Visit& visit) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix
