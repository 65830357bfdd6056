// Members by number: their names, weight, capabilities, and the v-nodes that follow from these. All
// of it is the same at every host. Knows nothing of the circle, of classes, or of how a member
// does.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "ring/classes/capabilities.h"
#include "ring/placement.h"
#include "ring/point.h"

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
  uint32_t users = 0;  // placements that it has joined; 0: the number is free
};

class Members {
 public:
  Members(const RingKey& key, Position position_mask, Capabilities& capabilities)
      : key_(key), position_mask_(position_mask), capabilities_(capabilities) {}

  // With one user.
  MemberIndex add(const RingMember& record);
  void remove(MemberIndex index);
  void set_weight(MemberIndex index, uint32_t weight);
  void set_capabilities(MemberIndex index, const RingMember& record);
  void use(MemberIndex index) { ++members_[index].users; }
  void give_up(MemberIndex index) { --members_[index].users; }

  const Member& operator[](MemberIndex index) const { return members_[index]; }
  // Nothing that is kept here would be another by this record.
  bool is(MemberIndex index, const RingMember& record) const;
  // Its record will be read soon.
  void ask_for(MemberIndex index) const {
    const auto* const record = reinterpret_cast<const char*>(&members_[index]);
    __builtin_prefetch(record);
    __builtin_prefetch(record + sizeof(Member) - 1);
  }
  // A bit for each capability of a member: apart from all else, as walks that look for capabilities
  // read them of many members.
  const std::vector<uint64_t>& signatures() const { return signatures_; }

  size_t size() const { return size_; }
  // One above the highest number in use so far.
  size_t limit() const { return signatures_.size(); }
  size_t vnodes() const { return vnodes_; }
  std::string_view ns(MemberIndex index) const { return capabilities_[members_[index].ns].ns(); }

  // Appends the v-nodes first..last-1 of a member, by replica.
  void append_vnodes(MemberIndex index, uint32_t first, uint32_t last,
                     std::vector<Vnode>& out) const;
  std::vector<Vnode> vnodes_of(MemberIndex index) const;
  // By (namespace, id) bytes.
  bool before(MemberIndex a, MemberIndex b) const;
  // By (position, namespace, id).
  bool before(const Vnode& a, const Vnode& b) const {
    return a.position != b.position ? a.position < b.position
                                    : a.member != b.member && before(a.member, b.member);
  }
  void sort(std::vector<Vnode>& vnodes) const;

  size_t bytes() const;

 private:
  RingKey key_;
  Position position_mask_;
  Capabilities& capabilities_;
  std::deque<Member> members_;  // views of ids stay valid
  std::vector<uint64_t> signatures_;
  std::vector<MemberIndex> free_;
  size_t size_ = 0;
  size_t vnodes_ = 0;
};

}  // namespace phoenix::ring
