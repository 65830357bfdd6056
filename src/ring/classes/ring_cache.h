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
  RingCache(Classes& classes, const Roster& roster, Circle& circle, Placement::Counts& counts,
            size_t most)
      : classes_(classes), roster_(roster), circle_(circle), counts_(counts), most_(most) {}

  // The ring of a class, for a walk that seeks `wanted` distinct members; null if the walk should
  // take a wider ring or the circle. May drop rings of other classes. Requires: the class has
  // members.
  const PackedRing* find(ClassId id, size_t wanted);
  // To be called after changes, by which rings may have grown.
  void shed();

 private:
  bool worth_building(ClassId id, size_t wanted);
  // Bytes; follows the number of v-nodes.
  size_t budget() const;
  // V-nodes of the class's base if it has an up to date ring, else of the circle.
  size_t scan_size(const Class& c) const;
  void collect(ClassId id, std::vector<Vnode>& out);
  void build(ClassId id);
  // Frees rings not used lately until `bytes` more fit; false if they never will.
  bool make_room(size_t bytes);
  void mark(ClassId id, bool value);

  Classes& classes_;
  const Roster& roster_;
  Circle& circle_;
  Placement::Counts& counts_;
  size_t most_;                  // bytes
  std::vector<ClassId> listed_;  // in the order of a clock's face
  size_t hand_ = 0;
  std::vector<uint8_t> marks_;  // by member; all 0 between calls
};

}  // namespace phoenix::ring
