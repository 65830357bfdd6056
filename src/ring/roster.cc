#include "ring/roster.h"

#include <algorithm>
#include <utility>

namespace phoenix::ring {

namespace {

// Copies them in the order of the eleven bits of their position from `shift` on, else in the order
// given. Requires: `to` is as long, and not the same memory.
constexpr unsigned kScatterBits = 11;
void scatter(std::span<const Vnode> from, std::span<Vnode> to, unsigned shift) {
  constexpr size_t kParts = size_t{1} << kScatterBits;
  const auto part = [shift](const Vnode& v) { return v.position >> shift & (kParts - 1); };
  std::vector<uint32_t> ends(kParts, 0);
  for (const Vnode& v : from) ++ends[part(v)];
  uint32_t sum = 0;
  for (uint32_t& end : ends) sum += std::exchange(end, sum);
  for (const Vnode& v : from) to[ends[part(v)]++] = v;
}

}  // namespace

MemberIndex Roster::add(const RingMember& record) {
  MemberIndex index;
  if (free_.empty()) {
    index = static_cast<MemberIndex>(members_.size());
    members_.emplace_back();
    standings_.emplace_back();
    signatures_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  ++size_;
  Member& member = members_[index];
  member.id = record.id;
  member.ns = capabilities_.acquire_namespace(record.ns);
  member.joined = true;
  set_capabilities(index, record);
  standings_[index].room = 0;  // open
  set_figures(index, record);
  set_id_word(index);
  return index;
}

void Roster::remove(MemberIndex index) {
  Member& member = members_[index];
  for (const CapabilityId id : member.capabilities) {
    capabilities_[id].holders.remove(index);
    if (id != member.ns) capabilities_.release(id);
  }
  capabilities_.release(member.ns);
  vnodes_ -= vnode_count(member.weight);
  member = Member{};
  standings_[index] = Standing{.room = kClosedRoom};
  signatures_[index] = 0;
  with_room_.set(index, false);
  free_.push_back(index);
  --size_;
}

void Roster::set_figures(MemberIndex index, const RingMember& record) {
  Member& member = members_[index];
  if (member.weight != 0) vnodes_ -= vnode_count(member.weight);
  member.weight = record.weight;
  vnodes_ += vnode_count(member.weight);
  standings_[index].max_load = record.max_load;
  standings_[index].merit = merit_of(record.reliability, record.trust);
  refresh(index, open(index));
}

void Roster::set_capabilities(MemberIndex index, const RingMember& record) {
  Member& member = members_[index];
  std::vector<CapabilityId> next;
  next.reserve(record.capabilities.size() + 1);
  next.push_back(member.ns);
  for (const std::string& name : record.capabilities) {
    next.push_back(capabilities_.acquire_capability(record.ns, name));
  }
  std::sort(next.begin(), next.end());
  for (const CapabilityId id : member.capabilities) {
    capabilities_[id].holders.remove(index);
    if (id != member.ns) capabilities_.release(id);
  }
  uint64_t signature = 0;
  for (const CapabilityId id : next) {
    capabilities_[id].holders.add(index, limit());
    signature |= capabilities_.signature_bit(id);
  }
  member.capabilities = std::move(next);
  signatures_[index] = signature;
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
    for (MemberIndex other = 0; other < limit(); ++other) {
      if (!members_[other].joined) continue;
      standings_[other].id_word = word(std::string_view(members_[other].id).substr(common_.size()));
    }
  }
  standings_[index].id_word = word(std::string_view(id).substr(common_.size()));
}

void Roster::append_vnodes(MemberIndex index, uint32_t first, uint32_t last,
                           std::vector<Vnode>& out) const {
  const VnodePositions positions(key_, ns(index), members_[index].id);
  for (uint32_t replica = first; replica < last; ++replica) {
    out.push_back({positions(replica) & position_mask_, index});
  }
}

std::vector<Vnode> Roster::vnodes_of(MemberIndex index, uint32_t first, uint32_t last) const {
  std::vector<Vnode> vnodes;
  vnodes.reserve(last - first);
  append_vnodes(index, first, last, vnodes);
  return vnodes;
}

bool Roster::before(MemberIndex a, MemberIndex b) const {
  if (members_[a].ns != members_[b].ns) return ns(a) < ns(b);
  return members_[a].id < members_[b].id;
}

void Roster::sort(std::vector<Vnode>& vnodes) const {
  const auto by_all = [this](const Vnode& a, const Vnode& b) { return before(a, b); };
  if (vnodes.size() < 512) return std::sort(vnodes.begin(), vnodes.end(), by_all);
  // By position, eleven bits at a time, then those that share one.
  std::vector<Vnode> scattered(vnodes.size());
  for (unsigned shift = 0; shift < 32; shift += kScatterBits) {
    scatter(vnodes, scattered, shift);
    vnodes.swap(scattered);
  }
  for (auto from = vnodes.begin(); from != vnodes.end();) {
    const auto to = std::find_if(from, vnodes.end(),
                                 [from](const Vnode& v) { return v.position != from->position; });
    if (to - from > 1) std::sort(from, to, by_all);
    from = to;
  }
}

size_t Roster::bytes() const {
  size_t total = members_.size() * sizeof(Member) +
                 standings_.capacity() * (sizeof(Standing) + sizeof(uint64_t)) +
                 with_room_.bytes() + free_.capacity() * sizeof(MemberIndex);
  for (const Member& member : members_) {
    total += member.capabilities.capacity() * sizeof(CapabilityId);
    if (member.id.capacity() > 15) total += member.id.capacity() + 1;
  }
  return total;
}

}  // namespace phoenix::ring
