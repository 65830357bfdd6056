// The members that have joined a placement, by the numbers that the catalogue gives them: their
// load and figures, the standing that a walk reads, and who has which capability. What is here a
// host alone knows.
//
// There may be members in the catalogue that have not joined here: these have the standing of one
// who takes nothing, so that walks pass over them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "ring/catalogue/members.h"
#include "ring/classes/holders.h"
#include "ring/member_bits.h"
#include "ring/placement.h"
#include "ring/score.h"

namespace phoenix::ring {

class Roster {
 public:
  explicit Roster(const Members& members) : members_(members) {}

  // Requires: the catalogue has it, for this placement too.
  void join(MemberIndex index, const RingMember& record);
  void leave(MemberIndex index);
  void set_figures(MemberIndex index, const RingMember& record);
  // Around a change of its weight or capabilities in the catalogue.
  void before_change(MemberIndex index);
  void after_change(MemberIndex index);
  // The one way to the load and the open flag: keeps the standing true.
  void add_load(MemberIndex index, int64_t delta) {
    Standing& standing = standings_[index];
    standing.load = static_cast<uint32_t>(standing.load + delta);
    refresh(index, standing.room != kClosedRoom);
  }
  void set_open(MemberIndex index, bool open) { refresh(index, open); }
  // To be called before a walk: members may have come to the catalogue.
  void settle() {
    if (standings_.size() < members_.limit()) [[unlikely]]
      grow();
  }

  bool joined(MemberIndex index) const { return joined_.has(index); }
  uint32_t load(MemberIndex index) const { return standings_[index].load; }
  const Standing& standing(MemberIndex index) const { return standings_[index]; }
  bool open(MemberIndex index) const { return standings_[index].room != kClosedRoom; }
  const std::vector<Standing>& standings() const { return standings_; }
  Holders& holders() { return holders_; }
  const Holders& holders() const { return holders_; }
  // A number that no member's `seen` has yet.
  uint32_t next_window() const {
    if (++windows_ == 0) {
      for (const Standing& standing : standings_) standing.seen = 0;
      windows_ = 1;
    }
    return windows_;
  }
  // Open, and with room for a load of 1.
  const MemberBits& with_room() const { return with_room_; }
  // Shows who has joined, ascending.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    joined_.for_each(visit);
  }

  // How many have joined, and have v-nodes.
  size_t size() const { return joined_.size(); }
  size_t vnodes() const { return vnodes_; }
  // How many there are on the circle that walks take.
  size_t met() const { return members_.size(); }
  // Nobody is on it but those.
  bool all_joined() const { return size() == met(); }

  // By id, of two members of one namespace; mostly without a look at their ids.
  bool id_before(MemberIndex a, MemberIndex b) const {
    const uint32_t left = standings_[a].id_word;
    const uint32_t right = standings_[b].id_word;
    return left != right ? left < right : members_[a].id < members_[b].id;
  }

  size_t bytes() const;

 private:
  void grow();
  void refresh(MemberIndex index, bool open);
  void set_id_word(MemberIndex index);

  const Members& members_;
  Holders holders_;
  std::vector<Standing> standings_;
  mutable uint32_t windows_ = 0;
  MemberBits joined_;
  MemberBits with_room_;
  std::string common_;  // what the ids of all members since it was empty begin with
  size_t vnodes_ = 0;
};

}  // namespace phoenix::ring
