#include "base/prng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace phoenix {
namespace {

// From a separate implementation of splitmix64 and xoshiro256** in Python.
TEST(Prng, gives_the_same_numbers_on_every_platform) {
  Prng zero(0);
  EXPECT_EQ(zero.next(), 0x99ec5f36cb75f2b4u);
  EXPECT_EQ(zero.next(), 0xbf6e1f784956452au);
  Prng one(1);
  EXPECT_EQ(one.next(), 0xb3f2af6d0fc710c5u);
  EXPECT_EQ(one.next(), 0x853b559647364ceau);
  EXPECT_EQ(one.next(), 0x92f89756082a4514u);
  EXPECT_EQ(one.next(), 0x642e1c7bc266a3a7u);
}

TEST(Prng, draws_below_a_bound_without_bias_and_as_recorded) {
  Prng dice(7);
  for (const uint64_t expected : {4u, 1u, 5u, 5u, 5u, 5u, 0u, 0u, 2u, 0u, 3u, 4u}) {
    EXPECT_EQ(dice.below(6), expected);
  }
  // A bound just above 3/4 of the range: a quarter of the draws must be thrown away.
  Prng wide(7);
  const uint64_t bound = (uint64_t{3} << 62) + 1;
  EXPECT_EQ(wide.below(bound), 3856539442751087005u);
  EXPECT_EQ(wide.below(bound), 11616294679869479729u);
  EXPECT_EQ(wide.below(bound), 13573543983486883248u);
  EXPECT_EQ(wide.below(bound), 13708609482328572498u);
}

TEST(Prng, below_covers_its_range_evenly) {
  Prng prng(11);
  std::array<int, 10> counts{};
  for (int i = 0; i < 100000; ++i) ++counts[prng.below(10)];
  // Five standard deviations of a binomial with n = 100,000 and p = 1/10 are 475.
  for (const int count : counts) EXPECT_NEAR(count, 10000, 475);
  EXPECT_EQ(prng.below(0), 0u);
  EXPECT_EQ(prng.below(1), 0u);
}

TEST(Prng, between_includes_both_ends) {
  Prng prng(3);
  bool first = false, last = false;
  for (int i = 0; i < 200; ++i) {
    const int64_t value = prng.between(-2, 3);
    ASSERT_GE(value, -2);
    ASSERT_LE(value, 3);
    first |= value == -2;
    last |= value == 3;
  }
  EXPECT_TRUE(first && last);
  EXPECT_EQ(prng.between(5, 5), 5);
  prng.between(INT64_MIN, INT64_MAX);
}

TEST(Prng, chance_is_never_at_zero_and_always_at_one) {
  Prng prng(5);
  int hits = 0;
  for (int i = 0; i < 10000; ++i) {
    EXPECT_FALSE(prng.chance(0, 7));
    EXPECT_TRUE(prng.chance(7, 7));
    if (prng.chance(1, 4)) ++hits;
  }
  EXPECT_NEAR(hits, 2500, 217);  // five standard deviations
}

TEST(Prng, shuffle_keeps_every_item_and_changes_the_order) {
  Prng prng(9);
  std::vector<int> items(100);
  std::iota(items.begin(), items.end(), 0);
  const std::vector<int> before = items;
  prng.shuffle(items);
  EXPECT_NE(items, before);
  std::sort(items.begin(), items.end());
  EXPECT_EQ(items, before);
}

TEST(Prng, a_fork_does_not_repeat_its_parent) {
  Prng parent(1);
  Prng child = parent.fork();
  EXPECT_NE(child.next(), parent.next());
}

}  // namespace
}  // namespace phoenix
