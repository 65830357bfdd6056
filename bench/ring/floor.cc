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

// Sixteen words stand for any number of members.
uint64_t member_of(const uint32_t* words, size_t i) {
  return (words[i % 16] + i / 16) * uint64_t{0x9e3779b97f4a7c15};
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
    for (size_t i = 0; i < members_read; ++i) sum += standings.read(member_of(words, i));
    return sum;
  });
}

Loop placement_judgements(const Lines& circle, Lines& standings, size_t members_read) {
  enum Word { kSeen, kRoom, kScore, kLoad };
  return independent([&circle, &standings, members_read](uint64_t key) {
    const uint32_t* const words = circle.at(key);
    const auto number = static_cast<uint32_t>(key);
    uint32_t* best = nullptr;
    uint32_t best_score = 0;
    for (size_t i = 0; i < members_read; ++i) {
      uint32_t* const standing = standings.at(member_of(words, i));
      if (standing[kSeen] == number || standing[kRoom] == 0) [[unlikely]]
        continue;
      standing[kSeen] = number;
      const bool better = standing[kScore] >= best_score;
      best = better ? standing : best;
      best_score = better ? standing[kScore] : best_score;
    }
    if (best != nullptr) ++best[kLoad];
    return best_score;
  });
}

}  // namespace phoenix::bench
