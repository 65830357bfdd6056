#include "membership/timing.h"

#include <gtest/gtest.h>

namespace phoenix::gossip {
namespace {

Timing lan() {
  Timing timing;
  timing.probe_interval = seconds(1);
  timing.suspicion_multiplier = 4;
  timing.retransmit_multiplier = 4;
  return timing;
}

TEST(Timing, SuspicionsGrowWithTheLogarithmOfThePool) {
  const struct {
    size_t n;
    int64_t ms;
  } table[] = {{0, 4000},  {1, 4000},   {3, 4000},     {10, 4000},
               {32, 6020}, {128, 8428}, {1000, 12000}, {10'000, 16'000}};
  for (const auto& [n, ms] : table) EXPECT_EQ(shortest_suspicion(lan(), n).ms(), ms) << n;
}

TEST(Timing, EachConfirmationShortensASuspicion) {
  const struct {
    int64_t shortest, longest;
    int confirmations, expected;
    int64_t ms;
  } table[] = {
      {2000, 30'000, 0, 3, 30'000}, {2000, 30'000, 1, 3, 16'000}, {2000, 30'000, 2, 3, 7810},
      {2000, 30'000, 3, 3, 2000},   {2000, 30'000, 4, 3, 2000},   {4000, 24'000, 0, 2, 24'000},
      {4000, 24'000, 1, 2, 11'381}, {4000, 24'000, 2, 2, 4000},   {4000, 24'000, 0, 0, 4000},
  };
  for (const auto& row : table) {
    EXPECT_EQ(suspicion_length(milliseconds(row.shortest), milliseconds(row.longest),
                               row.confirmations, row.expected)
                  .ms(),
              row.ms)
        << row.confirmations << " of " << row.expected;
  }
}

TEST(Timing, RetransmitsGrowWithTheDigitsOfThePool) {
  const struct {
    size_t n;
    int limit;
  } table[] = {{1, 4},  {4, 4},  {5, 5},    {8, 8},    {9, 8},    {10, 8},
               {32, 8}, {99, 8}, {100, 12}, {128, 12}, {1000, 16}};
  for (const auto& [n, limit] : table) EXPECT_EQ(retransmit_limit(lan(), n), limit) << n;
}

TEST(Timing, PushPullsGetRarerAsThePoolGrows) {
  const struct {
    size_t n;
    int64_t s;
  } table[] = {{1, 30}, {32, 30}, {33, 60}, {64, 60}, {65, 90}, {128, 90}, {1000, 180}};
  for (const auto& [n, s] : table) EXPECT_EQ(push_pull_every(lan(), n), seconds(s)) << n;
}

}  // namespace
}  // namespace phoenix::gossip
