#include "bench/ring/floor.h"

namespace phoenix::bench {

Loop lines_in_batches(const Lines& lines) {
  return [&lines](size_t times) {
    constexpr size_t kBatch = 16;
    uint64_t state = 0;
    uint64_t sum = 0;
    std::array<const uint32_t*, kBatch> at{};
    for (size_t i = 0; i < times; i += kBatch) {
      for (const uint32_t*& one : at) {
        one = lines.at(next_key(state));
        __builtin_prefetch(one);
      }
      for (const uint32_t* one : at) sum += *one;
    }
    keep(sum);
  };
}

Loop placement_reads(const Lines& circle, const Lines& standings, size_t members_read) {
  return independent([&circle, &standings, members_read](uint64_t key) {
    const uint32_t* const words = circle.at(key);
    uint32_t sum = 0;
    for (size_t i = 0; i < members_read; ++i) {
      // Sixteen words stand for any number of members.
      const uint64_t member = (words[i % 16] + i / 16) * uint64_t{0x9e3779b97f4a7c15};
      sum += standings.read(member);
    }
    return sum;
  });
}

}  // namespace phoenix::bench
