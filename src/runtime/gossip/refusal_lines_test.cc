#include "runtime/gossip/refusal_lines.h"

#include <gtest/gtest.h>

namespace phoenix::gossip {
namespace {

Endpoint at(uint8_t last_byte, uint16_t port = 7946) {
  const char ip[] = {10, 0, 0, static_cast<char>(last_byte)};
  return endpoint_of({ip, sizeof ip}, port);
}
constexpr Instant kStart{seconds(5).ns};

TEST(RefusalLines, AnAddressIsToldOnceAMinuteForEachReason) {
  RefusalLines lines;
  EXPECT_TRUE(lines.is_due(Drop::kKey, at(1), kStart));
  EXPECT_FALSE(lines.is_due(Drop::kKey, at(1), kStart));
  EXPECT_FALSE(lines.is_due(Drop::kKey, at(1, 40'000), kStart + seconds(59)));
  EXPECT_TRUE(lines.is_due(Drop::kLabel, at(1), kStart));
  EXPECT_TRUE(lines.is_due(Drop::kKey, at(1), kStart + seconds(60)));
  EXPECT_FALSE(lines.is_due(Drop::kKey, at(1), kStart + seconds(61)));
}

TEST(RefusalLines, OneAddressDoesNotHideAnother) {
  RefusalLines lines;
  for (uint16_t port = 1; port < 1'000; ++port) lines.is_due(Drop::kKey, at(1, port), kStart);
  EXPECT_TRUE(lines.is_due(Drop::kKey, at(2), kStart));
}

TEST(RefusalLines, ManyAddressesFillNoLog) {
  RefusalLines lines;
  size_t told = 0;
  for (int round = 0; round < 2; ++round) {
    for (int n = 0; n < 200; ++n) {
      told += lines.is_due(Drop::kMalformed, at(static_cast<uint8_t>(n)), kStart) ? 1 : 0;
    }
  }
  EXPECT_EQ(told, RefusalLines::kAddresses);
  EXPECT_TRUE(lines.is_due(Drop::kMalformed, at(250), kStart + seconds(60)));
}

}  // namespace
}  // namespace phoenix::gossip
