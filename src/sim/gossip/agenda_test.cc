// That what is to happen comes in the order of its time, then of its entry, however near or far.
#include "sim/gossip/agenda.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/prng.h"

namespace phoenix::hostsim {
namespace {

using Expected = std::map<std::pair<int64_t, uint64_t>, uint32_t>;

// From nothing at all to an hour ahead, and much of it at the same times.
Duration some_wait(Prng& prng) {
  constexpr std::array<Duration, 6> kLongest = {Duration{0},     microseconds(100),
                                                milliseconds(2), milliseconds(500),
                                                seconds(2),      seconds(3'600)};
  const int64_t wait = prng.between(0, kLongest[prng.below(kLongest.size())].ns);
  return Duration{wait / 1'000 * 1'000};
}

void play(uint64_t seed, size_t most) {
  Prng prng(seed);
  Agenda agenda;
  Expected expected;
  uint64_t added = 0;
  for (uint32_t i = 0; i < 20'000; ++i) {
    const bool adds = expected.empty() || (expected.size() < most && prng.chance(1, 2));
    if (adds) {
      // Some are late: they come now.
      const Duration late = prng.chance(1, 20) ? milliseconds(1) : Duration{0};
      const Instant when = agenda.now() + some_wait(prng) - late;
      agenda.add({.when = when, .host = i});
      expected[{std::max(when, agenda.now()).ns, added++}] = i;
    } else {
      const auto first = expected.begin();
      ASSERT_EQ(agenda.next().ns, first->first.first);
      const Entry entry = agenda.take();
      ASSERT_EQ(entry.host, first->second) << "seed " << seed << ", step " << i;
      ASSERT_EQ(agenda.now().ns, first->first.first);
      expected.erase(first);
    }
    ASSERT_EQ(agenda.empty(), expected.empty());
  }
}

TEST(Agenda, KeepsTheOrderOfFewAndOfMany) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    play(seed, 3);
    play(seed, 100);
    play(seed, 10'000);
  }
}

TEST(Agenda, ShowsWhoComes) {
  Agenda agenda;
  EXPECT_EQ(agenda.coming(0), nullptr);
  EXPECT_EQ(agenda.next(), kNever);
  agenda.add({.when = Instant{} + seconds(7'200), .host = 2});
  agenda.add({.when = Instant{} + seconds(1), .host = 1});
  ASSERT_NE(agenda.coming(0), nullptr);
  EXPECT_EQ(agenda.coming(0)->host, 1U);
  EXPECT_EQ(agenda.take().host, 1U);
  EXPECT_EQ(agenda.take().host, 2U);
  EXPECT_EQ(agenda.taken(), 2U);
  EXPECT_TRUE(agenda.empty());
}

}  // namespace
}  // namespace phoenix::hostsim
