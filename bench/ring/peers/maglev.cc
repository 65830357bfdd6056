#include "bench/ring/peers/maglev.h"

#include "base/siphash.h"

namespace phoenix::bench {

Maglev::Maglev(const std::vector<std::string>& members) {
  constexpr uint32_t kFree = ~uint32_t{0};
  RingKey second;
  second.bytes[0] = 1;
  // Each member's own order of all entries: at, at + step, at + 2 step ...
  std::vector<uint32_t> at;
  std::vector<uint32_t> step;
  for (const std::string& member : members) {
    at.push_back(static_cast<uint32_t>(siphash13({}, member) % kEntries));
    step.push_back(static_cast<uint32_t>(siphash13(second, member) % (kEntries - 1)) + 1);
  }
  table_.assign(kEntries, kFree);
  for (uint32_t filled = 0;;) {
    for (uint32_t i = 0; i < members.size(); ++i) {
      while (table_[at[i]] != kFree) at[i] = (at[i] + step[i]) % kEntries;
      table_[at[i]] = i;
      if (++filled == kEntries) return;
    }
  }
}

}  // namespace phoenix::bench
