#include "ring/window.h"

#include <gtest/gtest.h>

#include <array>

#include "base/prng.h"

namespace phoenix::ring {
namespace {

constexpr size_t kSize = UsualWindow::kSize;

TEST(UsualWindow, sees_any_two_that_are_the_same_member) {
  const std::vector<Standing> standings(100);
  std::array<MemberIndex, kSize> members;
  for (size_t i = 0; i < kSize; ++i) members[i] = static_cast<MemberIndex>(90 - 7 * i);
  EXPECT_TRUE(UsualWindow(members.data(), standings.data()).distinct());
  for (size_t a = 0; a < kSize; ++a) {
    for (size_t b = 0; b < a; ++b) {
      auto same = members;
      same[a] = same[b];
      EXPECT_FALSE(UsualWindow(same.data(), standings.data()).distinct()) << a << ' ' << b;
    }
  }
}

TEST(UsualWindow, asks_each_for_room) {
  std::vector<Standing> standings(kSize);
  std::array<MemberIndex, kSize> members;
  for (size_t i = 0; i < kSize; ++i) members[i] = static_cast<MemberIndex>(i);
  for (Standing& standing : standings) standing.room = 5;
  const UsualWindow window(members.data(), standings.data());
  EXPECT_TRUE(window.has_room(5));
  EXPECT_FALSE(window.has_room(6));
  for (Standing& standing : standings) {
    for (const int32_t room : {4, 0, -1, kClosedRoom}) {
      standing.room = room;
      EXPECT_FALSE(window.has_room(5));
      EXPECT_EQ(window.has_room(0), room >= 0);
    }
    standing.room = 5;
  }
}

TEST(UsualWindow, tells_the_best_score_or_that_two_may_have_it) {
  Prng prng(3);
  size_t sure = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<Standing> standings(40);
    for (Standing& standing : standings) standing.score = prng.below(30);
    std::array<MemberIndex, kSize> members;
    for (size_t i = 0; i < kSize; ++i) {
      members[i] = static_cast<MemberIndex>(5 * i + prng.below(5));
    }
    uint64_t best = 0;
    for (const MemberIndex member : members) best = std::max(best, standings[member].score);
    const auto having = std::count_if(members.begin(), members.end(), [&](MemberIndex member) {
      return standings[member].score == best;
    });
    UsualWindow window(members.data(), standings.data());
    window.judge();
    EXPECT_EQ(standings[window.best()].score, best);
    EXPECT_TRUE(having == 1 || window.tied());
    sure += window.tied() ? 0 : 1;
  }
  EXPECT_GT(sure, 5'000u);
}

}  // namespace
}  // namespace phoenix::ring
