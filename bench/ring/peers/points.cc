#include "bench/ring/peers/points.h"

#include <array>

namespace phoenix::bench {
namespace {

constexpr unsigned kDigitBits = 11;
constexpr size_t kDigits = size_t{1} << kDigitBits;
constexpr unsigned kPasses = 3;

size_t digit(Position position, unsigned pass) {
  return position >> (pass * kDigitBits) & (kDigits - 1);
}

}  // namespace

void radix_sort(Points& points, Points& spare) {
  const size_t size = points.size();
  std::array<std::array<size_t, kDigits>, kPasses> starts{};
  for (const Point& point : points) {
    for (unsigned pass = 0; pass < kPasses; ++pass) ++starts[pass][digit(point.position, pass)];
  }
  for (auto& of_pass : starts) {
    size_t sum = 0;
    for (size_t& start : of_pass) {
      const size_t count = start;
      start = sum;
      sum += count;
    }
  }
  for (unsigned pass = 0; pass < kPasses; ++pass) {
    const Point* from = points.data();
    Point* to = spare.data();
    size_t* next = starts[pass].data();
    for (size_t i = 0; i < size; ++i) to[next[digit(from[i].position, pass)]++] = from[i];
    points.swap(spare);
  }
}

}  // namespace phoenix::bench
