// One filter by itself, the world played by the test. Whole pools: view_pool_test.cc.
#include "membership/view/view_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "membership/view/alerts.h"
#include "membership/view/memory_view_store.h"
#include "membership/view/observer_rings.h"

namespace phoenix::gossip {
namespace {

std::string name_of(int i) { return "h" + std::to_string(100 + i); }
Endpoint endpoint_of_host(int i) {
  Endpoint out;
  out.size = 4;
  out.ip = {10, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
  out.port = 7946;
  return out;
}
View view_of(int n, uint64_t number = 1) {
  View out;
  out.number = number;
  for (int i = 0; i < n; ++i) out.hosts.push_back({name_of(i), 1, 100, 1});
  return out;
}

// Host 0 of a pool whose store is at hand.
class ViewFilterTest : public testing::Test {
 protected:
  void start(int n) {
    (void)store.apply("", {1, true, 0, view_of(n)}, mono);
    start_without_view(n);
  }
  void start_without_view(int n) {
    for (int i = 0; i < n; ++i) see(i);
    filter.start(now(), out);
    serve();
  }
  Now now() const { return {mono, 0}; }
  void see(int i, SwimState state = SwimState::kAlive, uint32_t incarnation = 1,
           bool compatible = true, uint32_t weight = 100, uint64_t boot = 1) {
    const std::string name = name_of(i);
    filter.seen({name, endpoint_of_host(i), incarnation, state, true, compatible, weight, boot},
                now(), out);
  }
  // Answers what is asked of the store, until nothing more is.
  void serve() {
    while (!out.requests.empty()) {
      const std::vector<ViewRequest> requests = std::exchange(out.requests, {});
      for (const ViewRequest& request : requests) {
        asked.push_back(mono);
        if (request.propose) proposals.push_back(request.proposed);
        ViewAnswer answer{request.id, ViewAnswer::Status::kUnreachable, nullptr, {}};
        if (reachable) answer = store.apply(name_of(0), request, mono);
        if (reachable) {
          for (int i = 1; i < others; ++i) (void)store.apply(name_of(i), {1, false, 0, {}}, mono);
        }
        filter.answered(answer, now(), out);
      }
    }
  }
  // Ticks when it wants to be ticked; every ping is answered but those of `silent`.
  void run(Duration length) {
    const Instant end = mono + length;
    while (filter.next_wake() <= end) {
      mono = std::max(mono, filter.next_wake());
      filter.tick(now(), out);
      serve();
      for (const ViewProbe& probe : std::exchange(out.probes, {})) {
        ++pings[probe.name];
        if (refusing.contains(probe.name)) {
          filter.probed(probe.name, PingEnd::kRefused, now(), out);
        } else if (!silent.contains(probe.name)) {
          filter.probed(probe.name, PingEnd::kAnswered, now(), out);
        }
      }
      serve();
    }
    mono = end;
  }
  void receive(const std::string& bytes, int from) {
    filter.received(bytes, endpoint_of_host(from), now(), out);
  }
  std::string alert(uint64_t number, int from, int subject, AlertKind kind = AlertKind::kDown) {
    const std::string sender = name_of(from), host = name_of(subject);
    return encode_alerts({number, sender, {{host, kind}}})[0];
  }
  bool told(ViewEventKind kind) const {
    return std::any_of(out.events.begin(), out.events.end(),
                       [&](const ViewEvent& event) { return event.kind == kind; });
  }

  Instant mono = Instant{} + seconds(1'000);
  MemoryViewStore store;
  bool reachable = true;
  int others = 200;  // whose heartbeats the store has
  ViewFilter filter{{name_of(0), seconds(1)}, Prng(1)};
  ViewEffects out;
  std::vector<Instant> asked;
  std::vector<View> proposals;
  std::map<std::string, int> pings;
  std::set<std::string> silent;
  std::set<std::string> refusing;
};

TEST_F(ViewFilterTest, PingsEachSubjectTwiceASecondAndTheStoreOnce) {
  start(30);
  run(seconds(100));
  const RankedView view(view_of(30));
  EXPECT_EQ(pings.size(), view.subjects(0).size());
  for (const auto& [name, count] : pings) EXPECT_NEAR(count, 200, 2) << name;
  EXPECT_NEAR(static_cast<double>(asked.size()), 105, 6);
  EXPECT_TRUE(out.messages.empty()) << "nobody is accused";
  EXPECT_TRUE(proposals.empty());
}

TEST_F(ViewFilterTest, AsksAnUnreachableStoreEverLessOften) {
  start(3);
  reachable = false;
  asked.clear();
  run(seconds(60));
  EXPECT_GE(asked.size(), 8u);
  EXPECT_LE(asked.size(), 20u);
  EXPECT_GE(filter.stats().unreachable, 8u);
  reachable = true;
  run(seconds(10));
  asked.clear();
  run(seconds(10));
  EXPECT_GE(asked.size(), 9u);
}

TEST_F(ViewFilterTest, AlertsItsOtherObserversAndTheJudgesAndRenews) {
  start(30);
  run(seconds(6));
  const RankedView view(view_of(30));
  const HostIndex subject = view.subjects(0)[0];
  silent.insert(view.host(subject).name);
  run(milliseconds(1'400));
  EXPECT_TRUE(out.messages.empty()) << "three misses are not enough";
  run(milliseconds(1'200));
  std::set<Endpoint> told_to;
  for (const ViewMessage& message : out.messages) {
    EXPECT_TRUE(told_to.insert(message.to).second) << "twice";
    DecodedMessage decoded;
    ASSERT_TRUE(decode(message.bytes, decoded));
    EXPECT_EQ(std::get<AlertMessage>(decoded).alerts,
              (std::vector<Alert>{{view.host(subject).name, AlertKind::kDown}}));
  }
  EXPECT_GE(told_to.size(), 9u);
  EXPECT_LE(told_to.size(), 14u);
  for (const HostIndex observer : view.observers(subject)) {
    EXPECT_EQ(told_to.contains(endpoint_of_host(static_cast<int>(observer))), observer != 0);
  }
  EXPECT_FALSE(told_to.contains(endpoint_of_host(static_cast<int>(subject))));
  const size_t once = out.messages.size();
  run(seconds(9));
  EXPECT_EQ(out.messages.size(), once * 4);
}

TEST_F(ViewFilterTest, AnswersAnOlderNumberWithTheNewestView) {
  start(5);
  receive(alert(0, 1, 2), 1);
  ASSERT_EQ(out.messages.size(), 1u);
  EXPECT_EQ(out.messages[0].to, endpoint_of_host(1));
  EXPECT_EQ(out.messages[0].bytes, encode_newest(view_of(5)));
  EXPECT_EQ(filter.stats().outdated, 1u);
}

TEST_F(ViewFilterTest, KeepsAnAlertOfALaterViewUntilItHasThatView) {
  start(3);
  (void)store.apply("", {1, true, 1, view_of(4)}, mono);
  receive(alert(2, 1, 2), 1);
  receive(alert(2, 3, 2), 3);
  EXPECT_EQ(filter.stats().alerts_in, 0u);
  run(milliseconds(200));
  EXPECT_EQ(filter.view().number, 2u) << "asked for at once";
  EXPECT_EQ(filter.stats().alerts_in, 2u);
  EXPECT_EQ(filter.stats().refused, 0u);
}

TEST_F(ViewFilterTest, ALiarAboutNumbersCannotMakeItFloodTheStore) {
  start(3);
  asked.clear();
  for (int i = 0; i < 1'000; ++i) {
    receive(alert(1'000'000, 1, 2), 1);
    run(milliseconds(10));
  }
  EXPECT_LE(asked.size(), 105u);
}

TEST_F(ViewFilterTest, BelievesAPeersViewOnlyWhileTheStoreIsSilent) {
  start(3);
  receive(encode_newest(view_of(2, 9)), 1);
  EXPECT_EQ(filter.view().number, 1u);
  reachable = false;
  run(seconds(3));
  receive(encode_newest(view_of(2, 9)), 77);
  EXPECT_EQ(filter.view().number, 1u) << "from a stranger";
  receive(encode_newest(view_of(2, 9)), 1);
  EXPECT_EQ(filter.view().number, 9u);
  reachable = true;
  run(seconds(20));
  EXPECT_EQ(filter.view(), view_of(3)) << "the store knows better";
}

TEST_F(ViewFilterTest, RefusesReportsFromOutsideAndAboutOutsiders) {
  start(3);
  receive("\xe0nonsense", 1);
  EXPECT_EQ(filter.stats().refused, 1u);
  receive(alert(1, 50, 2), 1);
  EXPECT_EQ(filter.stats().refused, 2u);
  receive(alert(1, 1, 50), 1);
  EXPECT_EQ(filter.stats().refused, 3u);
  receive(alert(1, 0, 2), 1);
  EXPECT_EQ(filter.stats().refused, 4u) << "in our own name";
  receive(alert(1, 2, 1), 2);
  EXPECT_EQ(filter.stats().refused, 4u);
}

TEST_F(ViewFilterTest, ProposesANewcomerOnlyOnceItAnswers) {
  start_without_view(1);
  run(seconds(2));
  ASSERT_EQ(store.view().hosts.size(), 1u);
  silent = {name_of(1), name_of(2)};
  see(1);
  see(2, SwimState::kAlive, 1, false);
  run(seconds(300));
  EXPECT_EQ(store.view().hosts.size(), 1u);
  EXPECT_GE(pings[name_of(1)], 10);
  EXPECT_LE(pings[name_of(1)], 75) << "seldom, after a while";
  EXPECT_EQ(pings[name_of(2)], 0) << "it is not compatible";
  silent.clear();
  run(seconds(10));
  EXPECT_NE(store.view().find(name_of(1)), nullptr);
  EXPECT_EQ(store.view().find(name_of(2)), nullptr);
  EXPECT_TRUE(told(ViewEventKind::kJoined));
}

TEST_F(ViewFilterTest, NeverHoldsMoreThanItsLimitOfInventedHosts) {
  start_without_view(1);
  run(seconds(2));
  for (int i = 1; i <= 20'000; ++i) {
    const std::string name = "invented-" + std::to_string(i);
    silent.insert(name);
    filter.seen({name, endpoint_of_host(1), 1, SwimState::kAlive, true, true, 100, 1}, now(), out);
  }
  EXPECT_FALSE(filter.has_room_again());
  run(seconds(20));
  EXPECT_LE(pings.size(), 4'096u);
  EXPECT_EQ(store.view().hosts.size(), 1u);
  for (int i = 1; i <= 20'000; ++i) {
    filter.forgotten("invented-" + std::to_string(i), now(), out);
  }
  EXPECT_TRUE(filter.has_room_again());
  EXPECT_FALSE(filter.has_room_again()) << "once";
}

TEST_F(ViewFilterTest, AHostThatCameBackIncompatibleIsMissed) {
  start(30);
  run(seconds(2));
  const RankedView view(view_of(30));
  const HostIndex subject = view.subjects(0)[0];
  see(static_cast<int>(subject), SwimState::kAlive, 2, false, 100, 2);
  run(seconds(4));
  EXPECT_FALSE(out.messages.empty());
  EXPECT_EQ(store.view(), view_of(30)) << "its entry is not replaced";
}

TEST_F(ViewFilterTest, WhoDiffersFromMostProposesNothing) {
  start(5);
  for (int i = 1; i < 5; ++i) see(i, SwimState::kAlive, 2, i == 1, 100, 1);
  see(9);
  run(seconds(60));
  EXPECT_TRUE(proposals.empty());
}

TEST_F(ViewFilterTest, ReplacesItsOwnEntryWhenItsWeightChanges) {
  start(30);
  run(seconds(1));
  see(0, SwimState::kAlive, 5, true, 0);
  run(milliseconds(200));
  EXPECT_EQ(*store.view().find(name_of(0)), (ViewHost{name_of(0), 5, 0, 1}));
  EXPECT_TRUE(told(ViewEventKind::kReplaced));
  // A refutation raises the incarnation as well, but changes nothing.
  see(0, SwimState::kAlive, 9, true, 0);
  run(seconds(5));
  EXPECT_EQ(store.view().number, 2u);
}

TEST_F(ViewFilterTest, IsToldOnceThatItWasRemovedAndUnderWhichIncarnation) {
  start(3);
  run(seconds(1));
  View next = view_of(3);
  next.hosts.erase(next.hosts.begin());
  next.removed = {{name_of(0), 4, 1, 2}};
  (void)store.apply("", {1, true, 1, next}, mono);
  run(seconds(10));
  size_t removals = 0;
  for (const ViewEvent& event : out.events) {
    if (event.kind != ViewEventKind::kSelfRemoved) continue;
    ++removals;
    EXPECT_EQ(event.incarnation, 4u);
    EXPECT_EQ(event.detail, "removed; comes back after 10 s of answered pings");
  }
  EXPECT_EQ(removals, 1u);
  EXPECT_FALSE(filter.in_view());
  EXPECT_TRUE(proposals.empty()) << "others let it in";
}

// An earlier life of ours entered the view under an incarnation that we have lost.
TEST_F(ViewFilterTest, IsToldOfAnEarlierLifeWithAHigherIncarnation) {
  View view = view_of(1);
  view.hosts[0].incarnation = 40;
  view.hosts[0].boot = 9;
  (void)store.apply("", {1, true, 0, view}, mono);
  start_without_view(1);
  run(seconds(3));
  ASSERT_TRUE(told(ViewEventKind::kSelfRemoved));
  EXPECT_TRUE(proposals.empty());
  see(0, SwimState::kAlive, 41);
  run(seconds(2));
  EXPECT_EQ(*store.view().find(name_of(0)), (ViewHost{name_of(0), 41, 100, 1}));
  EXPECT_TRUE(filter.in_view());
}

// The view has one of two hosts with one name. Were each to take the other's place, with the store
// in reach of both, there would be a new view every other second.
TEST_F(ViewFilterTest, DoesNotTakeItsPlaceBackFromANamesake) {
  start(3);
  run(seconds(1));
  View next = view_of(3);
  next.hosts[0] = {name_of(0), 9, 100, 2};
  (void)store.apply("", {1, true, 1, next}, mono);
  run(seconds(1));
  ASSERT_FALSE(filter.in_view());
  size_t told_so = 0;
  for (const ViewEvent& event : out.events) {
    if (event.kind != ViewEventKind::kSelfRemoved) continue;
    ++told_so;
    EXPECT_EQ(event.detail, "another host of this name has taken its place in the view");
    EXPECT_EQ(event.incarnation, 1u);
  }
  EXPECT_EQ(told_so, 1u);
  see(0, SwimState::kAlive, 20);
  run(seconds(30));
  EXPECT_TRUE(proposals.empty());
}

// A pool that was restarted at once, at addresses that nobody knows. Were each host to take its
// place in the view, all would keep what none of the others could reach.
TEST_F(ViewFilterTest, KnownToNobodyItDoesNotTakeItsPlaceBesideThoseThatGoOn) {
  store.set_vital();
  (void)store.apply("", {1, true, 0, view_of(3)}, mono);
  see(0, SwimState::kAlive, 2, true, 100, 2);
  filter.start(now(), out);
  serve();
  run(seconds(30));
  EXPECT_TRUE(proposals.empty());
  see(2);
  run(seconds(1));
  EXPECT_TRUE(filter.in_view()) << "now it knows one";
}

TEST_F(ViewFilterTest, KnownToNobodyItTakesItsPlaceBesideTheDead) {
  store.set_vital();
  others = 0;
  (void)store.apply("", {1, true, 0, view_of(3)}, mono);
  see(0, SwimState::kAlive, 2, true, 100, 2);
  filter.start(now(), out);
  serve();
  run(seconds(8));
  EXPECT_TRUE(filter.in_view());
}

TEST_F(ViewFilterTest, AnswersThatWaitBehindALateTickAreNotMissed) {
  start(30);
  run(seconds(10));
  for (int i = 0; i < 20; ++i) {
    // The tick comes 700 ms late, and only then do we get to the answers.
    mono = filter.next_wake() + milliseconds(700);
    filter.tick(now(), out);
    serve();
    for (const ViewProbe& probe : std::exchange(out.probes, {})) {
      filter.probed(probe.name, PingEnd::kAnswered, now(), out);
    }
  }
  EXPECT_TRUE(out.messages.empty());
}

TEST_F(ViewFilterTest, SuspicionMakesItPingAtOnce) {
  start(30);
  run(seconds(3));
  const RankedView view(view_of(30));
  const HostIndex subject = view.subjects(0)[0];
  see(static_cast<int>(subject), SwimState::kSuspect);
  EXPECT_LE(filter.next_wake(), mono);
  filter.tick(now(), out);
  const bool pinged =
      std::any_of(out.probes.begin(), out.probes.end(),
                  [&](const ViewProbe& probe) { return probe.name == view.host(subject).name; });
  EXPECT_TRUE(pinged);
}

// Between 0.75 and 1.25 s; of one that is silent, two seconds after it was last heard.
TEST_F(ViewFilterTest, WhoRefusesIsAccusedSooner) {
  start(30);
  run(seconds(10));
  const RankedView view(view_of(30));
  const std::string subject = view.host(view.subjects(0)[0]).name;
  refusing.insert(subject);
  run(milliseconds(700));
  EXPECT_TRUE(out.messages.empty()) << "it may start again";
  run(milliseconds(600));
  ASSERT_FALSE(out.messages.empty());
  DecodedMessage message;
  ASSERT_TRUE(decode(out.messages[0].bytes, message));
  const auto* alerts = std::get_if<AlertMessage>(&message);
  ASSERT_NE(alerts, nullptr);
  ASSERT_EQ(alerts->alerts.size(), 1u);
  EXPECT_EQ(alerts->alerts[0].host, subject);
  EXPECT_EQ(alerts->alerts[0].kind, AlertKind::kDown);
}

}  // namespace
}  // namespace phoenix::gossip
