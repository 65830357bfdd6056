#include "bench/ring/our_ring.h"

#include "base/prng.h"

namespace phoenix::bench {

RingKey bench_key(uint64_t number) {
  RingKey key;
  uint64_t state = number;
  for (uint8_t& byte : key.bytes) byte = static_cast<uint8_t>(splitmix64(state));
  return key;
}

RingMember bench_member(size_t number, uint32_t weight) {
  RingMember member;
  member.ns = "default";
  member.id = "worker-" + std::to_string(number);
  member.weight = weight;
  member.max_load = 1000;
  return member;
}

}  // namespace phoenix::bench
