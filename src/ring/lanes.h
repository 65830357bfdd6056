// Four numbers at once, which every processor has in some way; compared with a sign, as old ones
// can. What is true is all ones.
#pragma once

#include <cstdint>
#include <cstring>

namespace phoenix::ring {

using Four = int32_t __attribute__((vector_size(16)));

inline Four all_of(uint32_t value) {
  const auto same = static_cast<int32_t>(value);
  return Four{same, same, same, same};
}
// The four numbers from there on, wherever that is.
inline Four four_at(const uint32_t* from) {
  Four four;
  std::memcpy(&four, from, sizeof four);
  return four;
}
inline bool any(Four truths) {
  uint64_t halves[2];
  std::memcpy(halves, &truths, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

}  // namespace phoenix::ring
