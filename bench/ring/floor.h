// What reading alone costs: memory of the same size as a structure's, of which a random line is
// read, and nothing is done with it. No structure of that size that reads one line for its answer
// can be faster here, so the rows tell this beside their figures: the machine has no counters for
// what its caches miss.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "bench/ring/peers/huge_pages.h"
#include "bench/ring/timing.h"
#include "ring/circle/line.h"

namespace phoenix::bench {

class Lines {
 public:
  // At least one line.
  explicit Lines(size_t bytes) : lines_(bytes / sizeof(Line) + 1) {
    uint64_t state = 1;
    for (Line& line : lines_) {
      for (uint32_t& word : line.words) word = static_cast<uint32_t>(next_key(state));
    }
  }

  // Spreads a key's upper half over all lines, as a ring does.
  const uint32_t* at(uint64_t key) const {
    return lines_[(key >> 32) * lines_.size() >> 32].words.data();
  }
  uint32_t* at(uint64_t key) { return const_cast<uint32_t*>(std::as_const(*this).at(key)); }
  uint32_t read(uint64_t key) const { return *at(key); }
  // The same read, and what any ring does with it at least: which of its v-nodes is the first
  // behind the key, by one comparison of them all, and whose that is. Nothing is checked: there are
  // no spills, equal places or moves.
  uint32_t compare(uint64_t key) const {
    const uint64_t product = (key >> 32) * lines_.size();
    const auto& line = *reinterpret_cast<const ring::Line*>(&lines_[product >> 32]);
    return line.word(line.before(ring::Line::place_of(static_cast<uint32_t>(product) >> 8)));
  }

 private:
  struct alignas(64) Line {
    std::array<uint32_t, 16> words;
  };
  HugeVector<Line> lines_;
};

inline Loop independent_lines(const Lines& lines) {
  return independent([&lines](uint64_t key) { return lines.read(key); });
}
inline Loop independent_comparisons(const Lines& lines) {
  return independent([&lines](uint64_t key) { return lines.compare(key); });
}
inline Loop dependent_lines(const Lines& lines) {
  return dependent([&lines](uint64_t key) { return lines.read(key) & 1; });
}
// Sixteen are asked for, then read, or compared.
Loop lines_in_batches(const Lines& lines);
Loop comparisons_in_batches(const Lines& lines);

// A placement's reads: a random line of the circle, and of so many members that it names the half
// line that says how they stand. Which these are is known when the line has come, not before.
Loop placement_reads(const Lines& circle, const Lines& standings, size_t members_read);
// The same reads, and of each member what any choice among distinct ones does at least: was it met
// before, has it room, is it the best so far; then it has been met, and who is the best has one
// packet more.
Loop placement_judgements(const Lines& circle, Lines& standings, size_t members_read);

}  // namespace phoenix::bench
