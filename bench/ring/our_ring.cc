#include "bench/ring/our_ring.h"

#include <fmt/format.h>

#include "base/prng.h"

namespace phoenix::bench {

RingKey bench_key(uint64_t number) {
  RingKey key;
  uint64_t state = number;
  for (uint8_t& byte : key.bytes) byte = static_cast<uint8_t>(splitmix64(state));
  return key;
}

std::string bench_id(size_t number) { return fmt::format("worker-{:08}", number); }

RingMember bench_member(size_t number, uint32_t weight) {
  RingMember member;
  member.ns = "default";
  member.id = bench_id(number);
  member.weight = weight;
  member.max_load = 1000;
  return member;
}

Points OurRing::points() const {
  Points points;
  points.reserve(vnodes());
  std::vector<ring::Vnode> of_one;
  for (MemberIndex index = 0; index < members_.limit(); ++index) {
    if (members_[index].users == 0) continue;
    of_one.clear();
    members_.append_vnodes(index, 0, vnode_count(members_[index].weight), of_one);
    for (const ring::Vnode& vnode : of_one) points.push_back({vnode.position, vnode.member});
  }
  return points;
}

}  // namespace phoenix::bench
