// 20: identities without end, all of them invented. What one host keeps of them is bounded.
#include <gtest/gtest.h>
#include <malloc.h>

#include <fmt/format.h>

#include "membership/wire/messages.h"
#include "sim/gossip/pool.h"

namespace phoenix::hostsim {
namespace {

constexpr size_t kIdentities = 1'000'000;
constexpr size_t kTogether = 10;  // in one datagram

std::string alive_then_dead(size_t first) {
  std::vector<std::string> messages;
  const auto versions = gossip::encode(gossip::Versions{});
  for (size_t i = first; i < first + kTogether; ++i) {
    const std::string name = fmt::format("ghost{}", i);
    const std::string ip = {10, 9, static_cast<char>(i >> 8), static_cast<char>(i | 1)};
    messages.push_back(gossip::encode(
        gossip::Alive{1, name, ip, 7946, "some tags of it", {versions.data(), versions.size()}}));
    messages.push_back(gossip::encode(gossip::Dead{1, name, "h0001"}));
  }
  std::vector<std::string_view> views(messages.begin(), messages.end());
  return gossip::encode_compound(views);
}

TEST(Churn, Case20MemoryStaysFlatUnderAMillionDeadIdentities) {
  Pool pool(seeded(20));
  pool.add(2);
  pool.start(0);
  pool.start(1, {0});
  pool.run(seconds(5));
  // A million in ten minutes.
  const Duration between = seconds(600) / static_cast<int64_t>(kIdentities / kTogether);
  size_t after_a_tenth = 0;
  for (size_t i = 0; i < kIdentities; i += kTogether) {
    pool.inject(0, alive_then_dead(i), pool.endpoint(1));
    pool.run(between);
    if (i == kIdentities / 10) after_a_tenth = mallinfo2().uordblks;
  }
  const size_t at_the_end = mallinfo2().uordblks;
  EXPECT_LT(at_the_end, after_a_tenth + (4U << 20U));
  EXPECT_LT(at_the_end, 64U << 20U);
  EXPECT_LT(pool.core(0).hosts().size(), 20'000U);
  // And nobody real was forgotten for it.
  EXPECT_EQ(pool.core(0).view().hosts.size(), 2U);
  EXPECT_GE(pool.core(0).alive(), 2U);
}

}  // namespace
}  // namespace phoenix::hostsim
