// Keeps rings of single classes within a budget of bytes. A class gets its own ring once walking
// the whole circle for it has cost about as much as building one, so a class used once never pays
// for a ring and a busy one soon has it. Whether a class has a ring never changes an answer, only
// its cost.
#pragma once

#include <cstdint>
#include <vector>

#include "ring/circle/circle.h"
#include "ring/classes/classes.h"
#include "ring/roster.h"

namespace phoenix::ring {

class RingCache {
 public:
  RingCache(Classes& classes, const Members& members, const Roster& roster, const Circle& circle,
            Placement::Counts& counts, size_t most)
      : classes_(classes),
        members_(members),
        roster_(roster),
        circle_(circle),
        counts_(counts),
        most_(most) {}

  // The ring of a class, for a walk that seeks `wanted` distinct members; null if the walk should
  // take a wider ring or the circle. May drop rings of other classes. Requires: the class has
  // members, the circle is settled.
  const PackedRing* find(ClassId id, size_t wanted) {
    const Route& route = classes_.route(id);
    return route.ring != nullptr || route.walked < route.worth ? route.ring : think(id, wanted);
  }
  // To be called after changes, by which rings may have grown.
  void shed();

 private:
  const PackedRing* think(ClassId id, size_t wanted);
  // Bytes; follows the number of v-nodes.
  size_t budget() const;
  // V-nodes of the class's base if it has an up to date ring, else of the circle.
  size_t scan_size(ClassId id) const;
  // Steps that a walk for the class takes once round, without a ring of its own.
  size_t steps_of_turn(ClassId id) const;
  void collect(ClassId id, std::vector<Vnode>& out);
  void build(ClassId id, size_t wanted);

  // Steps that a ring saves or would save, in some time and for some bytes.
  struct Value {
    uint64_t saved;
    uint64_t price;  // 0: worth any price
    bool operator<(const Value& other) const {
      using Wide = unsigned __int128;
      return Wide{saved} * other.price < Wide{other.saved} * price;
    }
  };
  void age(Class& c, uint64_t& number) const;
  Value value_of_walking(ClassId id, size_t bytes) const;
  Value value_of_ring(ClassId id) const;
  // Frees rings that are worth much less until `bytes` more fit; false if they do not.
  bool make_room(size_t bytes, const Value& value);

  Classes& classes_;
  const Members& members_;
  const Roster& roster_;
  const Circle& circle_;
  Placement::Counts& counts_;
  size_t most_;                  // bytes
  std::vector<ClassId> listed_;  // those with a ring, and some that had one
  size_t hand_ = 0;              // where in the list it was looked last
  std::vector<uint8_t> marks_;   // by member; all 0 between calls
};

}  // namespace phoenix::ring
