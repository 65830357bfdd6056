// The view as a value: its encoding, its rings, what follows from changes, and the store's rules.
#include "membership/view/view.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "membership/view/memory_view_store.h"
#include "membership/view/observer_rings.h"
#include "membership/view/proposal.h"

namespace phoenix::gossip {
namespace {

View view_of(int n, uint64_t number = 1) {
  View out;
  out.number = number;
  for (int i = 0; i < n; ++i) {
    std::string digits = std::to_string(i);
    out.hosts.push_back({"h" + std::string(5 - digits.size(), '0') + digits, 1, 100, 7});
  }
  return out;
}

TEST(RankedView, FindsAHostAlsoByAHintThatIsWrong) {
  View view;
  for (const char* name : {"a", "b", "c"}) view.hosts.push_back({name, 1, 100, 1});
  const RankedView ranked(view);
  for (const HostIndex hint : {0U, 1U, 2U, 3U, kNoHost}) {
    EXPECT_EQ(ranked.index("b", hint), 1U) << hint;
    EXPECT_EQ(ranked.index("x", hint), kNoHost) << hint;
  }
}

TEST(View, FindsByName) {
  const View view = view_of(5);
  EXPECT_EQ(view.find("h00003"), &view.hosts[3]);
  EXPECT_EQ(view.find("h00005"), nullptr);
  EXPECT_EQ(view.find(""), nullptr);
}

TEST(View, ReadsWhatItWrote) {
  View view = view_of(300, UINT64_MAX);
  view.hosts[7] = {"h00007", UINT32_MAX, 0, UINT64_MAX};
  view.removed = {{"gone", 3, 2, 17}, {"h00007", 9, 1, 4}};
  View back;
  ASSERT_TRUE(decode(encode(view), back));
  EXPECT_EQ(back, view);
}

TEST(View, RefusesWrongOrderLengthAndWhatFollows) {
  View out;
  View view = view_of(3);
  std::swap(view.hosts[0], view.hosts[1]);
  EXPECT_FALSE(decode(encode(view), out));
  view = view_of(3);
  view.hosts[1].name = view.hosts[0].name;
  EXPECT_FALSE(decode(encode(view), out));
  view.hosts[1].name = std::string(kMaxHostName + 1, 'i');
  EXPECT_FALSE(decode(encode(view), out));
  view = view_of(3, 4);
  view.removed = {{"gone", 3, 0, 4}};
  EXPECT_FALSE(decode(encode(view), out)) << "removed never";
  view.removed = {{"gone", 3, 1, 5}};
  EXPECT_FALSE(decode(encode(view), out)) << "removed by a later view";
  const std::string good = encode(view_of(3));
  EXPECT_FALSE(decode(good + "x", out));
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(decode(good.substr(0, length), out)) << length;
  }
}

TEST(Thresholds, AreThoseOfTheRule) {
  struct Row {
    size_t d, cut, unstable;
  };
  for (const Row& row : {Row{1, 1, 1},
                         {2, 2, 1},
                         {3, 3, 1},
                         {4, 4, 2},
                         {6, 6, 2},
                         {7, 7, 3},
                         {9, 9, 3},
                         {10, 9, 3}}) {
    const Thresholds limits(row.d);
    EXPECT_EQ(limits.cut, row.cut) << row.d;
    EXPECT_EQ(limits.unstable, row.unstable) << row.d;
  }
}

TEST(ObserverRings, GiveEverybodyDistinctObservers) {
  for (const int n : {0, 1, 2, 3, 10, 11, 12, 50, 1'000}) {
    const RankedView view(view_of(n));
    const size_t d = std::min<size_t>(10, static_cast<size_t>(std::max(n, 1)) - 1);
    EXPECT_EQ(view.thresholds().observers, d);
    size_t edges = 0;
    for (HostIndex i = 0; i < view.size(); ++i) {
      const auto all = view.observers(i);
      const std::set<HostIndex> distinct(all.begin(), all.end());
      EXPECT_EQ(distinct.size(), d);
      EXPECT_FALSE(distinct.contains(i));
      for (const HostIndex observer : all) {
        const auto subjects = view.subjects(observer);
        EXPECT_TRUE(std::binary_search(subjects.begin(), subjects.end(), i));
      }
      edges += view.subjects(i).size();
    }
    EXPECT_EQ(edges, d * static_cast<size_t>(n));
    const std::set<HostIndex> judges(view.judges().begin(), view.judges().end());
    EXPECT_EQ(judges.size(), static_cast<size_t>(n));
  }
}

TEST(ObserverRings, ShareTheWork) {
  const RankedView view(view_of(1'000));
  size_t most = 0;
  for (HostIndex i = 0; i < view.size(); ++i) most = std::max(most, view.subjects(i).size());
  EXPECT_LE(most, 30u) << "10 are its share";
}

// One host more or less changes about as many choices as it has observers and subjects.
TEST(ObserverRings, ChangeLittleWithTheView) {
  View less = view_of(500);
  less.hosts.erase(less.hosts.begin() + 250);
  const RankedView before(view_of(500)), after(less);
  size_t changed = 0;
  for (HostIndex i = 0; i < after.size(); ++i) {
    const HostIndex old = before.index(after.host(i).name);
    for (const HostIndex observer : after.observers(i)) {
      changed += before.observes(before.index(after.host(observer).name), old) ? 0 : 1;
    }
  }
  EXPECT_LE(changed, 40u);
  EXPECT_GE(changed, 1u);
}

TEST(ObserverRings, ForeseeTheObserversOfAnOutsider) {
  for (const int n : {2, 8, 12, 100}) {
    View less = view_of(n);
    const std::string name = less.hosts[1].name;
    less.hosts.erase(less.hosts.begin() + 1);
    const RankedView before(less), after(view_of(n));
    std::vector<std::string> foreseen, real;
    for (const HostIndex i : before.observers_of(name)) foreseen.push_back(before.host(i).name);
    for (const HostIndex i : after.observers(1)) real.push_back(after.host(i).name);
    EXPECT_EQ(foreseen, real) << n;
  }
}

// Hosts of different builds must agree on the rings: these were computed once and stay.
TEST(ObserverRings, AreTheSameOnEveryMachine) {
  const RankedView view(view_of(20));
  const auto observers = view.observers(0);
  EXPECT_EQ(std::vector<HostIndex>(observers.begin(), observers.end()),
            (std::vector<HostIndex>{1, 5, 9, 10, 19, 2, 6, 8, 12, 4}));
  const auto judges = view.judges().first(5);
  EXPECT_EQ(std::vector<HostIndex>(judges.begin(), judges.end()),
            (std::vector<HostIndex>{7, 1, 19, 8, 13}));
}

TEST(NextView, DropsAddsAndReplaces) {
  const RankedView base(view_of(4, 9));
  ViewChanges changes;
  changes.cut = {{0, 5}};
  changes.leave = {1};
  changes.enter = {{"h00002", 8, 50, 3}, {"a", 1, 100, 1}};
  const View next = next_view(base, changes);
  EXPECT_EQ(next.number, 10u);
  EXPECT_EQ(next.hosts,
            (std::vector<ViewHost>{{"a", 1, 100, 1}, {"h00002", 8, 50, 3}, {"h00003", 1, 100, 7}}));
  EXPECT_EQ(next.removed, (std::vector<RemovedHost>{{"h00000", 5, 1, 10}}));
}

TEST(NextView, CountsRemovalsAndForgives) {
  View start = view_of(4, 9);
  start.removed = {{"h00000", 7, 3, 2}, {"h00001", 1, 1, 2}, {"old", 1, 1, 2}};
  const RankedView base(start);
  ViewChanges changes;
  changes.cut = {{0, 5}};
  changes.leave = {1};
  changes.forgive = {"old"};
  EXPECT_EQ(next_view(base, changes).removed, (std::vector<RemovedHost>{{"h00000", 7, 4, 10}}));
}

TEST(NextView, KeepsOnlyTheNewestRemovals) {
  View start = view_of(1, 9);
  for (size_t i = 0; i < kMaxRemoved; ++i) {
    std::string digits = std::to_string(i);
    start.removed.push_back({"r" + std::string(5 - digits.size(), '0') + digits, 1, 1, 1 + i % 9});
  }
  ViewChanges changes;
  changes.cut = {{0, 5}};
  const View next = next_view(RankedView(start), changes);
  EXPECT_EQ(next.removed.size(), kMaxRemoved);
  EXPECT_NE(next.find_removed("h00000"), nullptr);
  View back;
  EXPECT_TRUE(decode(encode(next), back)) << "still ordered";
}

TEST(TellChanges, NamesWhoCameWentAndChanged) {
  View before = view_of(5, 9), after = view_of(6, 12);
  after.hosts[2].incarnation = 3;
  after.hosts.erase(after.hosts.begin() + 3);
  after.hosts.erase(after.hosts.begin());
  after.removed = {{"h00000", 4, 2, 11}, {"h00004", 1, 1, 3}, {"h00005", 1, 1, 3}};
  after.hosts.insert(after.hosts.begin(), {"a", 1, 100, 1});
  std::vector<ViewEvent> events;
  tell_changes(before, after, events);
  std::vector<std::pair<ViewEventKind, std::string>> seen;
  for (const ViewEvent& event : events) seen.emplace_back(event.kind, event.name);
  EXPECT_EQ(seen, (std::vector<std::pair<ViewEventKind, std::string>>{
                      {ViewEventKind::kJoined, "a"},
                      {ViewEventKind::kRemoved, "h00000"},
                      {ViewEventKind::kReplaced, "h00002"},
                      {ViewEventKind::kLeft, "h00003"},
                      {ViewEventKind::kReadmitted, "h00005"}}));
  EXPECT_EQ(events[1].incarnation, 4u);
  EXPECT_EQ(events[1].detail, "comes back after 20 s of answered pings");
  events.clear();
  tell_changes(before, before, events);
  EXPECT_TRUE(events.empty());
}

TEST(MemoryViewStore, SwapsOnlyTheExpectedNumber) {
  MemoryViewStore store(seconds(5));
  const Instant start = Instant{} + seconds(100);
  ViewAnswer answer = store.apply("a", {1, true, 0, view_of(2)}, start);
  EXPECT_EQ(answer.status, ViewAnswer::Status::kOk);
  EXPECT_EQ(answer.id, 1u);
  ASSERT_TRUE(answer.newest);
  EXPECT_EQ(answer.newest->view(), view_of(2));
  answer = store.apply("b", {2, true, 0, view_of(3)}, start);
  EXPECT_EQ(answer.status, ViewAnswer::Status::kConflict);
  EXPECT_EQ(answer.newest->view().number, 1u);
  EXPECT_EQ(store.view(), view_of(2));
  EXPECT_FALSE(store.apply("b", {3, false, 1, {}}, start).newest) << "it knows that one";
  EXPECT_TRUE(store.apply("b", {4, false, 0, {}}, start).newest);
}

TEST(MemoryViewStore, NamesThoseWhoseHeartbeatIsOld) {
  MemoryViewStore store(seconds(5));
  const Instant start = Instant{} + seconds(100);
  (void)store.apply("h00000", {1, true, 0, view_of(3)}, start);
  EXPECT_TRUE(store.apply("h00001", {2, false, 1, {}}, start + seconds(4)).lapsed.empty());
  EXPECT_EQ(store.apply("h00001", {3, false, 1, {}}, start + seconds(6)).lapsed,
            (std::vector<std::string>{"h00000", "h00002"}));
  // Who enters has one from then on; who left has none.
  View next = view_of(4, 2);
  next.hosts.erase(next.hosts.begin());
  EXPECT_EQ(store.apply("h00001", {4, true, 1, next}, start + seconds(6)).lapsed,
            (std::vector<std::string>{"h00002"}));
  (void)store.apply("stranger", {5, false, 2, {}}, start + seconds(6));
  EXPECT_EQ(store.apply("h00001", {6, false, 2, {}}, start + seconds(30)).lapsed,
            (std::vector<std::string>{"h00002", "h00003"}));
}

}  // namespace
}  // namespace phoenix::gossip
