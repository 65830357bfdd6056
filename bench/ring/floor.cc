#include "bench/ring/floor.h"

namespace phoenix::bench {

namespace {

template <class Answer>
Loop in_batches(const Lines& lines, Answer answer) {
  return [&lines, answer](size_t times) {
    constexpr size_t kBatch = 16;
    uint64_t state = 0;
    uint64_t sum = 0;
    std::array<uint64_t, kBatch> keys{};
    for (size_t i = 0; i < times; i += kBatch) {
      for (uint64_t& key : keys) {
        key = next_key(state);
        __builtin_prefetch(lines.at(key));
      }
      for (const uint64_t key : keys) sum += answer(key);
    }
    keep(sum);
  };
}

}  // namespace

Loop lines_in_batches(const Lines& lines) {
  return in_batches(lines, [&lines](uint64_t key) { return lines.read(key); });
}

Loop comparisons_in_batches(const Lines& lines) {
  return in_batches(lines, [&lines](uint64_t key) { return lines.compare(key); });
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
