// How a packet's owner is found, at the least cost that promises itself. All ways give the same
// answer: the best score among the k nearest distinct members clockwise that match and have room.
//
//   k members match, or fewer      each is judged; no walk
//   few members have room at all   these are looked up, and asked whether they match
//   else                           a walk on the narrowest ring there is: of the class, of the
//                                  rarest capability it needs, of all
//   the walk goes on and on        sets are intersected; few: the nearest of them by their points
//
// So no step depends on how rare or unlucky a set is, or how many members are full.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "ring/circle/circle.h"
#include "ring/classes/classes.h"
#include "ring/classes/ring_cache.h"
#include "ring/placement.h"
#include "ring/roster.h"
#include "ring/window.h"

namespace phoenix::ring {

class Choice {
 public:
  Choice(const Members& members, Roster& roster, Classes& classes, Circle& circle, RingCache& cache,
         Placement::Counts& counts, uint64_t longest_walk)
      : members_(members),
        roster_(roster),
        classes_(classes),
        circle_(circle),
        cache_(cache),
        counts_(counts),
        longest_walk_(longest_walk) {}

  // kNoMember: nobody is eligible but the one to be passed over, if that.
  MemberIndex choose(const PlaceQuery& query);
  // Sees to it that there is a ring of the class or of its base, if that is worth it. Null: walk
  // the circle. Requires: the class has members, the circle is settled.
  const PackedRing* find_ring(ClassId id, size_t k);

 private:
  class Met;
  // Members that match and are eligible now.
  using Few = std::vector<MemberIndex>;

  [[gnu::noinline]] MemberIndex choose_among_some(const PlaceQuery& query);
  MemberIndex judge_all(const PlaceQuery& query);
  MemberIndex judge(const PlaceQuery& query, std::span<const MemberIndex> few) const;
  // True: it is cheaper to look up all who have room.
  bool few_have_room(const PlaceQuery& query) const;
  MemberIndex choose_with_room(const PlaceQuery& query);
  // Population: how many distinct members there are on what the cursor walks.
  template <typename Cursor>
  [[gnu::always_inline]] MemberIndex walk(Cursor cursor, const PlaceQuery& query,
                                          uint64_t population);
  MemberIndex walk_circle(const PlaceQuery& query, size_t k);
  template <typename Cursor>
  [[gnu::noinline]] MemberIndex walk_all(Cursor cursor, const PlaceQuery& query);
  template <typename Cursor>
  [[gnu::noinline]] MemberIndex go_on(Cursor& cursor, Window& window, const PlaceQuery& query);
  template <typename Cursor>
  [[gnu::noinline]] MemberIndex sieve(Cursor cursor, const PlaceQuery& query, uint64_t population);
  uint64_t members_for_one_with_room() const;
  // True: the walk is over, the window has what it can have. False: it took `steps` and is not.
  template <bool kFilter, typename Cursor>
  bool advance(Cursor& cursor, Window& window, ClassId id, uint64_t steps, size_t at_once);
  template <typename Cursor>
  MemberIndex give_up_walking(Cursor& cursor, Window& window, const PlaceQuery& query,
                              uint64_t population);
  // True: most have room, as is usual.
  bool roomy() const { return roster_.with_room().size() * 2 >= roster_.met(); }
  // What a walk reads has to be there.
  void settle() {
    circle_.settle();
    roster_.settle();
  }
  MemberIndex nearest(const PlaceQuery& query, const Few& few) const;

  const Members& members_;
  Roster& roster_;
  Classes& classes_;
  Circle& circle_;
  RingCache& cache_;
  Placement::Counts& counts_;
  uint64_t longest_walk_;
};

}  // namespace phoenix::ring
