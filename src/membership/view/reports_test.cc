// What is counted against a host, rule by rule.
#include "membership/view/reports.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace phoenix::gossip {
namespace {

constexpr Instant kStart{seconds(100).ns};

ViewRef view_of(int n, uint64_t number = 1, int without = -1) {
  View out;
  out.number = number;
  for (int i = 0; i < n; ++i) {
    std::string digits = std::to_string(i);
    if (i != without) {
      out.hosts.push_back({"h" + std::string(3 - digits.size(), '0') + digits, 1, 100, 7});
    }
  }
  return make_view(std::move(out));
}

class ReportsTest : public testing::Test {
 protected:
  void use(int n) {
    view = view_of(n);
    reports.adopt(view);
  }
  // The first `count` observers of a host say so.
  void down(HostIndex subject, size_t count, Instant at = kStart) {
    for (size_t i = 0; i < count; ++i) {
      EXPECT_TRUE(reports.note(subject, view->observers(subject)[i], true, at));
    }
  }
  std::vector<HostIndex> cut(Instant at = kStart) { return reports.judge(at).hosts; }
  using List = std::vector<HostIndex>;

  ViewRef view;
  Reports reports;
};

TEST_F(ReportsTest, TakesNothingFromWhoDoesNotObserve) {
  use(30);
  HostIndex stranger = 1;
  while (view->observes(stranger, 0)) ++stranger;
  EXPECT_FALSE(reports.note(0, stranger, true, kStart));
  EXPECT_FALSE(reports.note(0, 0, true, kStart));
  EXPECT_TRUE(reports.empty());
}

TEST_F(ReportsTest, NineOfTenCut) {
  use(30);
  down(0, 8);
  EXPECT_EQ(cut(), List());
  down(0, 9);
  EXPECT_EQ(cut(), List{0});
}

TEST_F(ReportsTest, OneSaysItTwiceAndCountsOnce) {
  use(30);
  down(0, 8);
  down(0, 8, kStart + seconds(1));
  EXPECT_EQ(reports.accusers(0), 8u);
  EXPECT_EQ(cut(kStart + seconds(1)), List());
}

TEST_F(ReportsTest, WithFewHostsAllObserversMustAccuse) {
  use(5);
  down(0, 3);
  EXPECT_EQ(cut(), List());
  down(0, 4);
  EXPECT_EQ(cut(), List{0});
}

TEST_F(ReportsTest, WhatIsSaidLapsesUnlessRenewed) {
  use(30);
  down(0, 9);
  EXPECT_EQ(cut(kStart + milliseconds(9'999)), List{0});
  down(0, 8, kStart + seconds(5));
  EXPECT_EQ(cut(kStart + seconds(10)), List()) << "the ninth has lapsed";
  EXPECT_EQ(reports.unstable().size(), 1u);
  EXPECT_EQ(cut(kStart + seconds(15)), List());
  EXPECT_TRUE(reports.empty());
}

TEST_F(ReportsTest, AnObserverThatIsAccusedCountsForAHostThatIsAccused) {
  use(30);
  const HostIndex sick = view->observers(0)[9];
  down(0, 8);
  down(sick, 2);
  EXPECT_EQ(cut(), List());
  down(sick, 3);
  EXPECT_EQ(cut(), List{0});
}

TEST_F(ReportsTest, AccusedObserversAloneCutNobody) {
  use(30);
  for (const HostIndex observer : view->observers(0)) {
    for (const HostIndex accuser : view->observers(observer)) {
      if (accuser != 0) reports.note(observer, accuser, true, kStart);
    }
  }
  // Two real accusers are below L = 3, however sick the other eight may be.
  down(0, 2);
  const List gone = cut();
  EXPECT_EQ(std::count(gone.begin(), gone.end(), 0u), 0);
  down(0, 3);
  const List more = cut();
  EXPECT_EQ(std::count(more.begin(), more.end(), 0u), 1);
}

TEST_F(ReportsTest, AnAccusedObserverThatReachesItsSubjectVetoes) {
  use(4);  // d = H = 3, L = 1
  const auto observers = view->observers(0);
  down(0, 1);
  reports.note(observers[1], observers[0], true, kStart);
  reports.note(observers[2], observers[0], true, kStart);
  const List before = cut();
  EXPECT_EQ(std::count(before.begin(), before.end(), 0u), 1) << "both others are implied";
  EXPECT_TRUE(reports.undefended(0));
  reports.note(0, observers[1], false, kStart);
  const List after = cut();
  EXPECT_EQ(std::count(after.begin(), after.end(), 0u), 0);
  EXPECT_FALSE(reports.undefended(0));
}

TEST_F(ReportsTest, UpTakesDownBack) {
  use(30);
  down(0, 9);
  reports.note(0, view->observers(0)[0], false, kStart);
  EXPECT_EQ(cut(), List());
  EXPECT_EQ(reports.accusers(0), 8u);
}

TEST_F(ReportsTest, OfTwoHostsOnlyTheStoreDecides) {
  use(2);
  down(1, 1);
  EXPECT_EQ(cut(), List());
  reports.set_lapsed({1});
  EXPECT_EQ(cut(), List{1});
  reports.set_lapsed({0});
  EXPECT_EQ(cut(), List());
}

TEST_F(ReportsTest, AHostThatTheStoreMissesIsCutByThoseThatItDoesNot) {
  use(30);
  down(0, 2);
  List lapsed = {0};
  const auto observers = view->observers(0);
  lapsed.insert(lapsed.end(), observers.begin() + 2, observers.end());
  std::sort(lapsed.begin(), lapsed.end());
  reports.set_lapsed(lapsed);
  EXPECT_EQ(cut(), List{0});
  // One more that lives and does not accuse: no.
  std::erase(lapsed, observers[5]);
  reports.set_lapsed(lapsed);
  EXPECT_EQ(cut(), List());
  // Nor while it is but the store that it lost.
  std::erase(lapsed, HostIndex{0});
  lapsed.push_back(observers[5]);
  std::sort(lapsed.begin(), lapsed.end());
  reports.set_lapsed(lapsed);
  EXPECT_EQ(cut(), List());
}

TEST_F(ReportsTest, ACutSettlesBeforeItIsProposed) {
  use(30);
  down(0, 9);
  EXPECT_EQ(reports.judge(kStart).at, kStart + milliseconds(500));
  EXPECT_EQ(reports.judge(kStart + seconds(2)).at, kStart + milliseconds(500));
}

TEST_F(ReportsTest, ACutThatIsPartlyImpliedSettlesLonger) {
  use(30);
  down(0, 8);
  down(view->observers(0)[9], 3);
  (void)reports.judge(kStart);
  const Cut later = reports.judge(kStart + seconds(2));
  EXPECT_EQ(later.hosts, List{0});
  EXPECT_EQ(later.at, kStart + milliseconds(1'500));
}

TEST_F(ReportsTest, ACutWaitsForThoseThatGainAccusersButNotForEver) {
  use(30);
  down(0, 9);
  (void)reports.judge(kStart);
  down(1, 3, kStart);
  EXPECT_EQ(reports.judge(kStart).at, kStart + seconds(1));
  EXPECT_EQ(reports.judge(kStart + milliseconds(1'100)).at, kStart + milliseconds(500))
      << "it stands still";
  Instant at = kStart + milliseconds(1'100);
  for (size_t accusers = 4; accusers <= 8; ++accusers) {
    at = at + milliseconds(900);
    down(0, 9, at);
    down(1, accusers, at);
    EXPECT_LE(reports.judge(at).at, kStart + seconds(4));
  }
  EXPECT_LE(reports.judge(at).at, at);
}

TEST_F(ReportsTest, UnstableSince) {
  use(30);
  down(0, 3);
  (void)reports.judge(kStart);
  down(0, 4, kStart + seconds(8));
  (void)reports.judge(kStart + seconds(8));
  EXPECT_EQ(reports.unstable(), (std::vector<std::pair<HostIndex, Instant>>{{0, kStart}}));
}

TEST_F(ReportsTest, AnotherViewKeepsWhatStillHolds) {
  use(30);
  down(5, 8);
  down(6, 9);
  const std::string gone = view->host(6).name;
  const ViewRef next = view_of(30, 2, 6);
  size_t still = 0;
  for (size_t i = 0; i < 8; ++i) {
    const HostIndex observer = next->index(view->host(view->observers(5)[i]).name);
    still += observer != kNoHost && next->observes(observer, 5) ? 1 : 0;
  }
  reports.adopt(next);
  EXPECT_EQ(reports.accusers(5), still);
  EXPECT_GE(still, 6u);
  EXPECT_EQ(reports.accusers(6), 0u) << "another host has this index now";
  // Another life of a host is not what was accused.
  View restarted = next->view();
  restarted.number = 3;
  restarted.hosts[5].boot = 8;
  reports.adopt(make_view(restarted));
  EXPECT_TRUE(reports.empty());
}

}  // namespace
}  // namespace phoenix::gossip
