#include "bench/ring/peers/points.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace phoenix::bench {
namespace {

constexpr unsigned kDigitBits = 11;
constexpr size_t kDigits = size_t{1} << kDigitBits;
constexpr unsigned kPasses = 3;

size_t digit(Position position, unsigned pass) {
  return position >> (pass * kDigitBits) & (kDigits - 1);
}

// How many points have each digit, for all passes.
template <class Count>
using Counts = std::array<std::array<Count, kDigits>, kPasses>;

// Where the first point of each digit goes, pass by pass.
template <class Count>
void find_starts(const Points& points, Counts<Count>& starts) {
  for (const Point& point : points) {
    for (unsigned pass = 0; pass < kPasses; ++pass) ++starts[pass][digit(point.position, pass)];
  }
  for (auto& of_pass : starts) {
    Count sum = 0;
    for (Count& start : of_pass) {
      const Count count = start;
      start = sum;
      sum += count;
    }
  }
}

struct alignas(64) Line {
  static constexpr uint32_t kPoints = 8;
  std::array<Point, kPoints> points;

  // Requires: `to` is the start of a line.
  void stream(Point* to) const {
    using Chunk = uint64_t __attribute__((vector_size(16)));
    std::array<Chunk, 4> chunks;
    std::memcpy(chunks.data(), points.data(), sizeof chunks);
    auto* target = reinterpret_cast<Chunk*>(to);
    for (const Chunk& chunk : chunks) __builtin_nontemporal_store(chunk, target++);
  }
};

struct Streams {
  std::vector<Line> lines = std::vector<Line>(kDigits);
  std::vector<uint32_t> first = std::vector<uint32_t>(kDigits);
};

void streaming_pass(const Points& from, Points& into, unsigned pass, uint32_t* next, Streams& out) {
  Line* lines = out.lines.data();
  uint32_t* first = out.first.data();
  Point* to = into.data();
  std::copy(next, next + kDigits, first);
  // What lies in a line that the digit does not own alone is written point by point.
  const auto write = [&](size_t d, uint32_t begin, uint32_t end) {
    for (uint32_t i = begin; i < end; ++i) to[i] = lines[d].points.data()[i % Line::kPoints];
  };
  const Point* points = from.data();
  const size_t size = from.size();
  for (size_t i = 0; i < size; ++i) {
    const size_t d = digit(points[i].position, pass);
    const uint32_t at = next[d]++;
    lines[d].points.data()[at % Line::kPoints] = points[i];
    if (at % Line::kPoints != Line::kPoints - 1) continue;
    const uint32_t start = at + 1 - Line::kPoints;
    if (start >= first[d]) {
      lines[d].stream(to + start);
    } else {
      write(d, first[d], at + 1);
    }
  }
  for (size_t d = 0; d < kDigits; ++d) {
    const uint32_t start = next[d] - next[d] % Line::kPoints;
    write(d, std::max(start, first[d]), next[d]);
  }
}

}  // namespace

void radix_sort(Points& points, Points& spare) {
  const size_t size = points.size();
  Counts<size_t> starts{};
  find_starts(points, starts);
  for (unsigned pass = 0; pass < kPasses; ++pass) {
    const Point* from = points.data();
    Point* to = spare.data();
    size_t* next = starts[pass].data();
    for (size_t i = 0; i < size; ++i) to[next[digit(from[i].position, pass)]++] = from[i];
    points.swap(spare);
  }
}

void streaming_radix_sort(Points& points, Points& spare) {
  Counts<uint32_t> starts{};
  find_starts(points, starts);
  Streams streams;
  for (unsigned pass = 0; pass < kPasses; ++pass) {
    streaming_pass(points, spare, pass, starts[pass].data(), streams);
    points.swap(spare);
  }
}

}  // namespace phoenix::bench
