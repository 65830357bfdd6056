#include "ring/score.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace phoenix {
namespace {

// Below 0, 0, above 0: by cross-multiplication, as the score is defined.
int compare(uint32_t merit_a, uint32_t resistance_a, uint32_t merit_b, uint32_t resistance_b) {
  const uint64_t left = uint64_t{merit_a} * resistance_b;
  const uint64_t right = uint64_t{merit_b} * resistance_a;
  return left < right ? -1 : left > right ? 1 : 0;
}

int compare_numbers(uint64_t a, uint64_t b) { return a < b ? -1 : a > b ? 1 : 0; }

// Of a merit against each resistance, the merits whose fractions are nearest to its own.
void expect_order(uint32_t merit, uint32_t resistance, uint32_t other) {
  const uint64_t nearest = uint64_t{merit} * other / resistance;
  for (uint64_t near = nearest > 1 ? nearest - 1 : 0; near <= nearest + 2; ++near) {
    if (near > merit_of(65'535, 65'535)) return;
    const auto m = static_cast<uint32_t>(near);
    ASSERT_EQ(compare_numbers(score_of(merit, resistance), score_of(m, other)),
              compare(merit, resistance, m, other))
        << merit << '/' << resistance << ' ' << m << '/' << other;
  }
}

TEST(Score, numbers_are_in_the_order_of_the_fractions_where_there_is_room) {
  for (uint32_t resistance = 1000; resistance <= 2000; ++resistance) {
    for (uint32_t other = 1000; other <= 2000; ++other) {
      ASSERT_NO_FATAL_FAILURE(expect_order(1'000'000, resistance, other));
      ASSERT_NO_FATAL_FAILURE(expect_order(merit_of(65'535, 65'535), resistance, other));
    }
  }
  Prng prng(1);
  for (int i = 0; i < 200'000; ++i) {
    const auto merit = static_cast<uint32_t>(prng.next() >> (32 + prng.below(32)));
    ASSERT_NO_FATAL_FAILURE(expect_order(merit, 1000 + static_cast<uint32_t>(prng.below(1001)),
                                         1000 + static_cast<uint32_t>(prng.below(1001))));
  }
}

TEST(Score, a_member_that_is_not_over_its_limit_resists_with_2000_at_most) {
  for (const uint32_t max_load : {1u, 2u, 3u, 7u, 999u, 1001u, 1'000'000u, ~0u}) {
    EXPECT_EQ(resistance_of(0, max_load), 1000u);
    EXPECT_EQ(resistance_of(max_load, max_load), 2000u);
    EXPECT_LE(resistance_of(max_load - 1, max_load), 2000u);
  }
  EXPECT_EQ(resistance_of(~0u, 1), ~0u);  // cut, not wrapped
}

}  // namespace
}  // namespace phoenix
