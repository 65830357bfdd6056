// The joined members by number: their names, figures, capabilities, and the standing that a walk
// reads. Knows nothing of the circle or of classes.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "ring/classes/capabilities.h"
#include "ring/member_bits.h"
#include "ring/placement.h"
#include "ring/point.h"
#include "ring/score.h"

namespace phoenix::ring {

struct Vnode {
  Position position;
  MemberIndex member;
};

struct Member {
  std::string id;
  std::vector<CapabilityId> capabilities;  // ascending; the namespace is one of them
  CapabilityId ns = 0;
  uint32_t weight = 0;
  bool joined = false;
};

class Roster {
 public:
  Roster(const RingKey& key, Position position_mask, Capabilities& capabilities)
      : key_(key), position_mask_(position_mask), capabilities_(capabilities) {}

  MemberIndex add(const RingMember& record);
  void remove(MemberIndex index);
  void set_figures(MemberIndex index, const RingMember& record);
  void set_capabilities(MemberIndex index, const RingMember& record);
  // The one way to the load and the open flag: keeps the standing true.
  void add_load(MemberIndex index, int64_t delta) {
    Standing& standing = standings_[index];
    standing.load = static_cast<uint32_t>(standing.load + delta);
    refresh(index, standing.room != kClosedRoom);
  }
  void set_open(MemberIndex index, bool open) { refresh(index, open); }

  const Member& operator[](MemberIndex index) const { return members_[index]; }
  // Its record will be read soon.
  void ask_for(MemberIndex index) const {
    const auto* const record = reinterpret_cast<const char*>(&members_[index]);
    __builtin_prefetch(record);
    __builtin_prefetch(record + sizeof(Member) - 1);
  }
  uint32_t load(MemberIndex index) const { return standings_[index].load; }
  const Standing& standing(MemberIndex index) const { return standings_[index]; }
  bool open(MemberIndex index) const { return standings_[index].room != kClosedRoom; }
  const std::vector<Standing>& standings() const { return standings_; }
  // A bit for each capability of a member: beside the standings, as walks that look for
  // capabilities read them of many members.
  const std::vector<uint64_t>& signatures() const { return signatures_; }
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

  size_t size() const { return size_; }
  // One above the highest number in use so far.
  size_t limit() const { return members_.size(); }
  size_t vnodes() const { return vnodes_; }
  std::string_view ns(MemberIndex index) const { return capabilities_[members_[index].ns].ns(); }

  // Appends the v-nodes first..last-1 of a member, by replica.
  void append_vnodes(MemberIndex index, uint32_t first, uint32_t last,
                     std::vector<Vnode>& out) const;
  std::vector<Vnode> vnodes_of(MemberIndex index, uint32_t first, uint32_t last) const;
  std::vector<Vnode> vnodes_of(MemberIndex index) const {
    return vnodes_of(index, 0, vnode_count(members_[index].weight));
  }
  // By (namespace, id) bytes.
  bool before(MemberIndex a, MemberIndex b) const;
  // The same of two members of one namespace, mostly without a look at their ids.
  bool id_before(MemberIndex a, MemberIndex b) const {
    const uint32_t left = standings_[a].id_word;
    const uint32_t right = standings_[b].id_word;
    return left != right ? left < right : members_[a].id < members_[b].id;
  }
  // By (position, namespace, id).
  bool before(const Vnode& a, const Vnode& b) const {
    return a.position != b.position ? a.position < b.position
                                    : a.member != b.member && before(a.member, b.member);
  }
  void sort(std::vector<Vnode>& vnodes) const;

  size_t bytes() const;

 private:
  void refresh(MemberIndex index, bool open);
  void set_id_word(MemberIndex index);

  RingKey key_;
  Position position_mask_;
  Capabilities& capabilities_;
  std::deque<Member> members_;  // views of ids stay valid
  std::vector<Standing> standings_;
  std::vector<uint64_t> signatures_;
  mutable uint32_t windows_ = 0;
  MemberBits with_room_;
  std::string common_;  // what the ids of all members since it was empty begin with
  std::vector<MemberIndex> free_;
  size_t size_ = 0;
  size_t vnodes_ = 0;
};

}  // namespace phoenix::ring
