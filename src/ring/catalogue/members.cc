#include "ring/catalogue/members.h"

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

MemberIndex Members::add(const RingMember& record) {
  MemberIndex index;
  if (free_.empty()) {
    index = static_cast<MemberIndex>(members_.size());
    members_.emplace_back();
    signatures_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  ++size_;
  Member& member = members_[index];
  member.id = record.id;
  member.ns = capabilities_.acquire_namespace(record.ns);
  member.users = 1;
  set_capabilities(index, record);
  set_weight(index, record.weight);
  return index;
}

void Members::remove(MemberIndex index) {
  Member& member = members_[index];
  for (const CapabilityId id : member.capabilities) {
    if (id != member.ns) capabilities_.release(id);
  }
  capabilities_.release(member.ns);
  vnodes_ -= vnode_count(member.weight);
  member = Member{};
  signatures_[index] = 0;
  free_.push_back(index);
  --size_;
}

void Members::set_weight(MemberIndex index, uint32_t weight) {
  Member& member = members_[index];
  if (member.weight != 0) vnodes_ -= vnode_count(member.weight);
  member.weight = weight;
  vnodes_ += vnode_count(weight);
}

void Members::set_capabilities(MemberIndex index, const RingMember& record) {
  Member& member = members_[index];
  std::vector<CapabilityId> next;
  next.reserve(record.capabilities.size() + 1);
  next.push_back(member.ns);
  for (const std::string& name : record.capabilities) {
    next.push_back(capabilities_.acquire_capability(record.ns, name));
  }
  std::sort(next.begin(), next.end());
  for (const CapabilityId id : member.capabilities) {
    if (id != member.ns) capabilities_.release(id);
  }
  uint64_t signature = 0;
  for (const CapabilityId id : next) signature |= capabilities_.signature_bit(id);
  member.capabilities = std::move(next);
  signatures_[index] = signature;
}

bool Members::is(MemberIndex index, const RingMember& record) const {
  const Member& member = members_[index];
  return member.weight == record.weight && member.id == record.id && ns(index) == record.ns &&
         member.capabilities.size() == record.capabilities.size() + 1 &&
         std::ranges::all_of(record.capabilities, [&](const std::string& name) {
           return std::ranges::binary_search(member.capabilities,
                                             capabilities_.find_capability(record.ns, name));
         });
}

void Members::append_vnodes(MemberIndex index, uint32_t first, uint32_t last,
                            std::vector<Vnode>& out) const {
  const VnodePositions positions(key_, ns(index), members_[index].id);
  for (uint32_t replica = first; replica < last; ++replica) {
    out.push_back({positions(replica) & position_mask_, index});
  }
}

std::vector<Vnode> Members::vnodes_of(MemberIndex index) const {
  std::vector<Vnode> vnodes;
  const uint32_t count = vnode_count(members_[index].weight);
  vnodes.reserve(count);
  append_vnodes(index, 0, count, vnodes);
  return vnodes;
}

bool Members::before(MemberIndex a, MemberIndex b) const {
  if (members_[a].ns != members_[b].ns) return ns(a) < ns(b);
  return members_[a].id < members_[b].id;
}

void Members::sort(std::vector<Vnode>& vnodes) const {
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

size_t Members::bytes() const {
  size_t total = members_.size() * sizeof(Member) + signatures_.capacity() * sizeof(uint64_t) +
                 free_.capacity() * sizeof(MemberIndex);
  for (const Member& member : members_) {
    total += member.capabilities.capacity() * sizeof(CapabilityId);
    if (member.id.capacity() > 15) total += member.id.capacity() + 1;
  }
  return total;
}

}  // namespace phoenix::ring
