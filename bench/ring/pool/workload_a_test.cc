// The workloads that figures rest on are the same everywhere and for good.
#include "bench/ring/pool/workload_a.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <set>

namespace phoenix::bench {
namespace {

uint64_t digest(const CapabilityWorkload& workload) {
  uint64_t sum = 0;
  for (const CapabilityMask member : workload.members()) sum = splitmix64(sum) ^ member;
  for (const uint32_t set : workload.packets()) sum = splitmix64(sum) ^ workload.sets()[set];
  return sum;
}

WorkloadShape small(WorkloadShape shape) {
  shape.members = 100;
  shape.packets = 10'000;
  return shape;
}

TEST(CapabilityWorkload, WeightsFallByTheRank) {
  EXPECT_EQ(zipf_weights(ZipfExponent::kOne, 4),
            (std::vector<uint64_t>{1'000'000'000, 500'000'000, 333'333'333, 250'000'000}));
  const auto half = zipf_weights(ZipfExponent::kHalf, 64);
  EXPECT_EQ(half[3], 500'000'000U);
  EXPECT_EQ(half[63], 125'000'000U);
  const auto steep = zipf_weights(ZipfExponent::kSixFifths, 64);
  EXPECT_EQ(steep[0], 1'000'000'000U);
  EXPECT_EQ(steep[31], 15'625'000U);  // 32^1.2 = 2^6
}

TEST(CapabilityWorkload, IsTheSameOnEveryPlatform) {
  EXPECT_EQ(digest(CapabilityWorkload(small(workload_a(1)))), 8975269429485412661U);
  EXPECT_EQ(digest(CapabilityWorkload(small(workload_b(1)))), 12988457465078545971U);
}

TEST(CapabilityWorkload, HasTheSharesThatItSays) {
  CapabilityWorkload workload(small(workload_a(1)));
  std::array<double, 9> held{};
  for (const CapabilityMask member : workload.members()) ++held[std::popcount(member)];
  EXPECT_EQ(held[0], 0);
  for (size_t i = 1; i < held.size(); ++i) EXPECT_NEAR(held[i], 12.5, 12);
  std::array<double, 65> needed{};
  for (const uint32_t set : workload.packets()) ++needed[std::popcount(workload.sets()[set])];
  EXPECT_EQ(needed[1] + needed[2] + needed[3], 10'000);
  // Sets that nobody has are drawn again, and large ones are more often such.
  EXPECT_GT(needed[1], 5'000);
  EXPECT_LT(needed[3], 2'000);
  for (const CapabilityMask set : workload.sets()) {
    bool possible = false;
    for (const CapabilityMask member : workload.members()) {
      possible = possible || (member & set) == set;
    }
    EXPECT_TRUE(possible);
  }
}

TEST(CapabilityWorkload, WhatComesLaterDoesNotChangeWhatIsThere) {
  WorkloadShape longer = small(workload_a(1));
  longer.packets += 5;
  CapabilityWorkload one(small(workload_a(1)));
  CapabilityWorkload other(longer);
  EXPECT_EQ(one.members(), other.members());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(one.sets()[one.more()], other.sets()[other.packets()[10'000 + i]]);
    EXPECT_EQ(one.newcomer(), other.newcomer());
  }
}

TEST(CapabilityWorkload, NamesAreSorted) {
  EXPECT_EQ(capability_names(0b10000000100), (std::vector<std::string>{"cap-10", "cap-2"}));
}

}  // namespace
}  // namespace phoenix::bench
