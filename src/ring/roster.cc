#include "ring/roster.h"

#include <algorithm>
#include <utility>

namespace phoenix::ring {

void Roster::join(MemberIndex index, const RingMember& record) {
  settle();
  joined_.set(index, true);
  after_change(index);
  standings_[index].room = 0;  // open
  set_figures(index, record);
  set_id_word(index);
}

void Roster::leave(MemberIndex index) {
  before_change(index);
  joined_.set(index, false);
  standings_[index] = Standing{.room = kClosedRoom};
  with_room_.set(index, false);
}

void Roster::set_figures(MemberIndex index, const RingMember& record) {
  standings_[index].max_load = record.max_load;
  standings_[index].merit = merit_of(record.reliability, record.trust);
  refresh(index, open(index));
}

void Roster::before_change(MemberIndex index) {
  const Member& member = members_[index];
  vnodes_ -= vnode_count(member.weight);
  for (const CapabilityId id : member.capabilities) holders_[id].members.remove(index);
}

void Roster::after_change(MemberIndex index) {
  const Member& member = members_[index];
  vnodes_ += vnode_count(member.weight);
  for (const CapabilityId id : member.capabilities) {
    holders_[id].members.add(index, members_.limit());
  }
}

// Where others have brought many to the catalogue it is known how many there will be.
void Roster::grow() {
  const size_t limit = members_.limit();
  if (limit > standings_.capacity()) {
    standings_.reserve(std::max(limit, standings_.capacity() + standings_.capacity() / 8));
  }
  standings_.resize(limit, Standing{.room = kClosedRoom});
}

void Roster::refresh(MemberIndex index, bool open) {
  Standing& standing = standings_.data()[index];
  const int32_t room = open ? room_of(standing.load, standing.max_load) : kClosedRoom;
  if ((room > 0) != (standing.room > 0)) with_room_.set(index, room > 0);
  standing.room = room;
  standing.score = score_of(standing.merit, resistance_of(standing.load, standing.max_load));
}

void Roster::set_id_word(MemberIndex index) {
  const std::string& id = members_[index].id;
  const auto word = [](std::string_view rest) {
    uint32_t value = 0;
    for (size_t i = 0; i < sizeof value; ++i) {
      value = value << 8 | (i < rest.size() ? static_cast<uint8_t>(rest[i]) : 0);
    }
    return value;
  };
  if (size() == 1) common_ = id;
  if (!id.starts_with(common_)) {
    const auto differ = std::mismatch(common_.begin(), common_.end(), id.begin(), id.end());
    common_.erase(differ.first, common_.end());
    for_each([&](MemberIndex other) {
      standings_[other].id_word = word(std::string_view(members_[other].id).substr(common_.size()));
    });
  }
  standings_[index].id_word = word(std::string_view(id).substr(common_.size()));
}

size_t Roster::bytes() const {
  return standings_.capacity() * sizeof(Standing) + joined_.bytes() + with_room_.bytes() +
         holders_.bytes();
}

}  // namespace phoenix::ring
