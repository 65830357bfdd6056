// Members for which keepers on several hosts wait: how their room is shared.
#include "node/remote/shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "node/remote/test_hosts.h"

namespace phoenix {
namespace {

using testing_node::Hosts;
using testing_node::Stage;
using testing_node::Worker;

// Another list each time, as if the view had changed.
Shares::Keepers view_of(const std::vector<Shares::Holding>& holdings) {
  std::vector<HostLife> keepers;
  for (const auto& [keeper, held] : holdings) keepers.push_back(keeper);
  return std::make_shared<const std::vector<HostLife>>(std::move(keepers));
}

void turn(Shares& shares, uint32_t most, const std::vector<Shares::Holding>& holdings,
          Instant now) {
  shares.turn(most, view_of(holdings), holdings, now);
}

// One member of so much room, and keepers that fill what they may as long as they want to.
struct Room {
  uint32_t most = 1;
  std::map<std::string, uint32_t> held;
  std::set<std::string> hungry;
  Shares shares = Shares();
  Instant now = {};
  Shares::Keepers view = nullptr;
  Prng coin = Prng(5);

  static HostLife life(const std::string& name) { return {name, 1}; }
  uint32_t taken() const {
    uint32_t sum = 0;
    for (const auto& [keeper, load] : held) sum += load;
    return sum;
  }
  void turn() {
    std::vector<Shares::Holding> holdings;
    for (const auto& [keeper, load] : held) holdings.push_back({life(keeper), load});
    const auto seen = view_of(holdings);
    if (view == nullptr || *view != *seen || coin.chance(1, 4)) view = seen;
    shares.turn(most, view, holdings, now);
    for (const HostLife& keeper : shares.to_ask()) {
      shares.answered(keeper, held.contains(keeper.host) ? held.at(keeper.host) : 0, now);
    }
    now = now + Shares::kTurn;
    for (auto& [keeper, load] : held) {
      if (hungry.contains(keeper)) load = std::max(load, shares.of(life(keeper)));
    }
    holdings.clear();
    for (const auto& [keeper, load] : held) holdings.push_back({life(keeper), load});
    shares.saw(holdings);
    EXPECT_LE(taken(), most) << "somebody was to be turned away";
  }
};

TEST(Shares, NobodyLosesWhatItHoldsAndTheRestIsGiven) {
  Room room = {.most = 8, .held = {{"a", 3}, {"b", 2}, {"c", 0}}, .hungry = {"a", "b", "c"}};
  room.turn();
  EXPECT_EQ(room.taken(), 8U);
  EXPECT_GE(room.held["c"], 2U) << "who had least";
  EXPECT_GE(room.held["b"], 2U);
}

TEST(Shares, TheRoomOfANewcomerIsSharedAlike) {
  Room room = {.most = 100, .held = {{"a", 0}, {"b", 0}, {"c", 0}}, .hungry = {"a", "b", "c"}};
  room.turn();
  EXPECT_EQ(room.taken(), 100U);
  for (const char* keeper : {"a", "b", "c"}) EXPECT_NEAR(room.held[keeper], 33, 1) << keeper;
}

TEST(Shares, TheSeatThatNobodyOfManyWantsIsNotSharedForEver) {
  Room room = {.most = 1, .held = {}, .hungry = {}};
  for (int i = 0; i < 100; ++i) room.held["k" + std::to_string(100 + i)] = 0;
  int turns = 0;
  do {
    room.turn();
  } while (!room.shares.over() && ++turns < 500);
  EXPECT_LT(turns, 300) << "three turns for each";
}

TEST(Shares, OfAThousandAsManyHaveAPartAsThereIsRoomFor) {
  Room room = {.most = 4, .held = {}, .hungry = {}};
  for (int i = 0; i < 1'000; ++i) room.held["k" + std::to_string(1'000 + i)] = 0;
  room.shares = Shares(false);
  std::set<HostLife> offered;
  for (int turns = 0; turns < 100; ++turns) {
    room.turn();
    const std::vector<HostLife> some = room.shares.with_a_share();
    EXPECT_LE(some.size(), 4U);
    offered.insert(some.begin(), some.end());
  }
  EXPECT_GE(offered.size(), 100U) << "each in its turn";
  EXPECT_FALSE(room.shares.over());
}

TEST(Shares, FewThatWantItOfManyAreOfferedItOftener) {
  Room room = {.most = 1, .held = {}, .hungry = {"k120", "k160"}};
  for (int i = 0; i < 100; ++i) room.held["k" + std::to_string(100 + i)] = 0;
  std::map<std::string, int> turns;
  for (int i = 0; i < 900; ++i) {
    room.turn();
    EXPECT_FALSE(room.shares.over());
    for (auto& [keeper, load] : room.held)
      turns[keeper] += static_cast<int>(std::exchange(load, 0));
  }
  EXPECT_GT(turns["k120"], 50);
  EXPECT_GT(turns["k160"], 50);
}

TEST(Shares, OneSeatGoesRound) {
  Room room = {.most = 1, .held = {{"a", 0}, {"b", 0}, {"c", 0}}, .hungry = {"a", "b", "c"}};
  std::map<std::string, int> turns;
  for (int i = 0; i < 600; ++i) {
    room.turn();
    EXPECT_FALSE(room.shares.over());
    for (auto& [keeper, load] : room.held) {
      turns[keeper] += static_cast<int>(load);
      load = 0;  // done by the next turn
    }
  }
  EXPECT_GE(turns["a"] + turns["b"] + turns["c"], 590);
  for (const char* keeper : {"a", "b", "c"}) EXPECT_NEAR(turns[keeper], 200, 10) << keeper;
}

TEST(Shares, WhatOneLeavesUnusedIsUsedByAnother) {
  Room room = {.most = 6, .held = {{"a", 2}, {"b", 2}, {"c", 2}}, .hungry = {"a", "b"}};
  room.turn();
  room.held["c"] = 0;
  for (int i = 0; i < 4; ++i) room.turn();
  EXPECT_EQ(room.taken(), 6U);
  EXPECT_FALSE(room.shares.over());
}

TEST(Shares, NothingIsSharedWithOnlyOneWhoWants) {
  Room room = {.most = 4, .held = {{"a", 2}, {"b", 1}, {"c", 1}}, .hungry = {"a"}};
  room.turn();
  room.held["b"] = room.held["c"] = 0;
  for (int i = 0; i < 5 && !room.shares.over(); ++i) room.turn();
  EXPECT_TRUE(room.shares.over());
}

// Its placement takes longer than two turns to get through the store.
TEST(Shares, WhatIsOnItsWayIsNotGivenToAnother) {
  for (const bool on_its_way : {true, false}) {
    SCOPED_TRACE(on_its_way);
    Shares shares(false);
    const HostLife a = {"a", 1};
    const HostLife b = {"b", 1};
    Instant now = Instant{} + seconds(1);
    const auto turn = [&](uint32_t held_by_b) {
      phoenix::turn(shares, 2, {{a, 0}, {b, held_by_b}}, now);
      now = now + Shares::kTurn;
    };
    turn(0);
    EXPECT_EQ(shares.of(a) + shares.of(b), 2U) << "nobody knows of it yet, so nobody is asked";
    EXPECT_TRUE(shares.to_ask().empty());
    ASSERT_EQ(shares.of(a), 1U);
    turn(1);
    turn(1);
    ASSERT_EQ(shares.to_ask(), std::vector<HostLife>{a});
    EXPECT_EQ(shares.of(a), 0U) << "it gives nothing from now on";
    for (int i = 0; i < 5; ++i) turn(1);
    EXPECT_EQ(shares.of(b), 1U) << "a may have given it";
    EXPECT_TRUE(shares.to_ask().empty());
    shares.answered(a, on_its_way ? 1 : 0, now);
    EXPECT_EQ(shares.of(a), on_its_way ? 1U : 0U);
    EXPECT_EQ(shares.of(b), on_its_way ? 1U : 2U);
  }
}

// All three take longer than two turns, and want all that they can get.
TEST(Shares, IsNotOverWhileSomebodyIsAskedWhatIsOnItsWay) {
  Shares shares(false);
  const std::vector<HostLife> keepers = {{"a", 1}, {"b", 1}, {"c", 1}};
  const std::vector<Shares::Holding> none = {{keepers[0], 0}, {keepers[1], 0}, {keepers[2], 0}};
  Instant now = Instant{} + seconds(1);
  for (int i = 0; i < 3; ++i) {
    turn(shares, 3, none, now);
    now = now + Shares::kTurn;
  }
  ASSERT_EQ(shares.to_ask().size(), 3U);
  EXPECT_FALSE(shares.over());
  for (const HostLife& keeper : keepers) shares.answered(keeper, 1, now);
  turn(shares, 3, none, now);
  EXPECT_FALSE(shares.over());
  for (const HostLife& keeper : keepers) EXPECT_EQ(shares.of(keeper), 1U) << keeper.host;
}

// What was on its way has come before the answer that says so.
TEST(Shares, WhoHasUsedItsRoomByTheTimeItAnswersGoesOnWanting) {
  Shares shares(false);
  const HostLife a = {"a", 1};
  const HostLife b = {"b", 1};
  Instant now = Instant{} + seconds(1);
  for (int i = 0; i < 3; ++i) {
    turn(shares, 2, {{a, 0}, {b, 0}}, now);
    now = now + Shares::kTurn;
  }
  ASSERT_EQ(shares.to_ask().size(), 2U);
  shares.saw({{a, 1}, {b, 1}});
  for (const HostLife& keeper : {a, b}) shares.answered(keeper, 1, now);
  turn(shares, 2, {{a, 1}, {b, 1}}, now);
  EXPECT_FALSE(shares.over());
  shares.saw({{a, 0}, {b, 0}});
  EXPECT_EQ(shares.of(a) + shares.of(b), 2U);
  EXPECT_EQ(shares.of(a), 1U);
}

TEST(Shares, WhoDoesNotAnswerLosesItsShareAfterAWhile) {
  Shares shares(true);
  const HostLife a = {"a", 1};
  const HostLife b = {"b", 1};
  Instant now = Instant{} + seconds(1);
  turn(shares, 2, {{a, 0}, {b, 0}}, now);
  EXPECT_EQ(shares.to_ask().size(), 2U);
  shares.answered(b, 0, now);
  EXPECT_EQ(shares.of(b), 0U) << "a may have given it";
  EXPECT_FALSE(shares.over());
  turn(shares, 2, {{a, 0}, {b, 0}}, now + Shares::kPatience);
  EXPECT_EQ(shares.of(a) + shares.of(b), 2U);
}

// Also though somebody is asked for the room that was offered to it in vain, at each turn.
TEST(Shares, WhatNobodyWantsIsSharedNoMore) {
  Room room = {.most = 4, .held = {{"a", 0}, {"b", 0}, {"c", 0}}, .hungry = {}};
  int turns = 0;
  while (turns < 25) {
    ++turns;
    room.turn();
    if (room.shares.over()) break;
  }
  EXPECT_LT(turns, 25);
}

TEST(Shares, HostsComeAndGo) {
  Room room = {.most = 4, .held = {{"a", 2}, {"b", 2}}, .hungry = {"a", "b", "c"}};
  room.turn();
  room.held.erase("b");
  room.held["c"] = 0;
  for (int i = 0; i < 3; ++i) room.turn();
  EXPECT_EQ(room.taken(), 4U);
  EXPECT_GE(room.held["c"], 1U);
  room.most = 2;
  room.held["a"] = 1;
  room.held["c"] = 1;
  room.turn();
  EXPECT_LE(room.taken(), 2U);
}

// --- among hosts ----------------------------------------------------------------------------

// Workers that take and complete, and keepers each of which has more than they can hold.
class Crowd {
 public:
  explicit Crowd(uint32_t max_load) : max_load_(max_load), hosts_({"a", "b", "c"}) {
    for (const char* home : {"a", "b", "c", "a", "b", "c"}) come(home);
    hosts_.advance(milliseconds(40));
    hosts_.lag = [this] { return microseconds(rng_.between(100, 4'000)); };
  }

  // So often, one of the workers leaves, and another comes at the next host.
  std::optional<Duration> churn_every;

  // In virtual time. wanting: who keeps packets that wait, all the time.
  void run(Duration length, const std::vector<std::string>& wanting) {
    const Instant end = hosts_.now().mono + length;
    while (hosts_.now().mono < end) {
      for (const std::string& keeper : wanting) {
        while (waiting_[keeper] < 60) submit(keeper);
      }
      if (churn_every && hosts_.now().mono >= next_churn_) {
        next_churn_ = hosts_.now().mono + *churn_every;
        churn();
      }
      for (At& worker : workers_) act(worker);
      hosts_.advance(milliseconds(20));
    }
  }
  // Placements take so long to get through the store.
  void slow_down(int64_t from_ms, int64_t to_ms) {
    hosts_.store_lag = [this, from_ms, to_ms] {
      return milliseconds(rng_.between(from_ms, to_ms));
    };
  }
  size_t turned_away(std::optional<TurnReason> why = std::nullopt) {
    size_t sum = 0;
    for (const char* from : {"a", "b", "c"}) {
      for (const char* to : {"a", "b", "c"}) {
        for (const Turned& turned : hosts_.messages<Turned>(from, to)) {
          sum += !why || turned.why == *why ? 1 : 0;
        }
      }
    }
    return sum;
  }
  std::map<std::string, size_t> completed;
  size_t left = 0;  // of the workers

 private:
  struct At {
    std::string id;
    std::string home;
    RequestId joining = 0;  // until it is there
    Worker worker = {};
    RequestId poll = 0;
    std::vector<std::pair<Instant, Delivery>> held = {};  // with when each is done
  };
  void come(const std::string& home) {
    At at{.id = "w" + std::to_string(++named_), .home = home};
    Register wanted;
    wanted.single = true;
    wanted.members = {Stage::record(at.id, {"a"}, {.max_load = max_load_, .lease_seconds = 60})};
    wanted.lease_seconds = 60;
    wanted.session_id = "s" + at.id;
    at.joining = hosts_.ask(home, Stage::principal(), wanted);
    workers_.push_back(std::move(at));
  }
  void churn() {
    const At& leaver = workers_.front();
    hosts_.ask(leaver.home, Stage::op(), Retire{{"default", leaver.id, ""}});
    const std::string next = leaver.home == "a" ? "b" : leaver.home == "b" ? "c" : "a";
    workers_.erase(workers_.begin());
    ++left;
    come(next);
  }
  void submit(const std::string& keeper) {
    const std::string id = hosts_.id_at(keeper);
    keeper_of_[id] = keeper;
    ++waiting_[keeper];
    hosts_.ask(keeper, Stage::principal(), Stage::single(Stage::item(id, {"a"})));
  }
  void act(At& at) {
    if (at.joining != 0) {
      if (hosts_.answer(at.joining) == nullptr) return;
      at.worker = Stage::joined(at.id, *hosts_.answer(at.joining));
      at.joining = 0;
    }
    if (at.poll != 0 && hosts_.answer(at.poll) != nullptr) {
      const auto& reply = std::get<DeliveriesReply>(*hosts_.answer(at.poll));
      at.worker.after = reply.next;
      for (const Delivery& delivery : reply.deliveries) {
        at.held.emplace_back(hosts_.now().mono + milliseconds(rng_.between(20, 200)), delivery);
      }
      at.poll = 0;
    }
    std::erase_if(at.held, [&](const auto& entry) {
      if (entry.first > hosts_.now().mono) return false;
      const std::string id(entry.second.packet.head->key.id());
      const std::string& keeper = keeper_of_.at(id);
      hosts_.ask(keeper, Stage::token(at.worker),
                 OwnerCalls{{Stage::owner_call(Call::kComplete, id, entry.second.epoch)}, true});
      ++completed[keeper];
      --waiting_[keeper];
      return true;
    });
    if (at.poll == 0) {
      at.poll = hosts_.ask(at.home, Stage::token(at.worker),
                           Poll{Stage::ref(at.worker), 100, seconds(1), at.worker.after});
    }
  }

  Prng rng_{7};
  uint32_t max_load_;
  Hosts hosts_;
  std::vector<At> workers_;
  size_t named_ = 0;
  Instant next_churn_;
  std::map<std::string, std::string> keeper_of_;
  std::map<std::string, size_t> waiting_;
};

TEST(SharesAmongHosts, FewAreTurnedAwayFromFullMembersAndEveryKeeperGetsItsPart) {
  for (const uint32_t max_load : {1U, 3U, 8U}) {
    SCOPED_TRACE(max_load);
    Crowd crowd(max_load);
    crowd.run(seconds(20), {"a", "b", "c"});
    size_t all = 0;
    for (const auto& [keeper, count] : crowd.completed) all += count;
    EXPECT_LE(crowd.turned_away() * 50, all) << "more than 2 %";
    for (const auto& [keeper, count] : crowd.completed) EXPECT_GT(count * 5, all) << keeper;
  }
}

// What was turned away when all of them began to want the same is over by then.
TEST(SharesAmongHosts, FewAreTurnedAwayFromMembersThatComeWhileOthersGo) {
  for (const uint32_t max_load : {1U, 3U, 8U}) {
    SCOPED_TRACE(max_load);
    Crowd crowd(max_load);
    crowd.run(seconds(2), {"a", "b", "c"});
    crowd.completed.clear();
    const size_t before = crowd.turned_away();
    crowd.churn_every = milliseconds(400);
    crowd.run(seconds(10), {"a", "b", "c"});
    size_t all = 0;
    for (const auto& [keeper, count] : crowd.completed) all += count;
    EXPECT_GT(all, 300U);
    EXPECT_LE((crowd.turned_away() - before) * 100, all) << "more than 1 %";
    for (const auto& [keeper, count] : crowd.completed) EXPECT_GT(count * 5, all) << keeper;
  }
}

// Placements are on their way for longer than shares stand, also when their owner begins to leave:
// only what had left its keeper by then may come too late.
TEST(SharesAmongHosts, FewAreTurnedAwayWhereTheStoreIsSlow) {
  for (const uint32_t max_load : {1U, 2U, 4U}) {
    SCOPED_TRACE(max_load);
    Crowd crowd(max_load);
    crowd.slow_down(20, 250);
    crowd.run(seconds(2), {"a", "b", "c"});
    crowd.completed.clear();
    const size_t full = crowd.turned_away(TurnReason::kFull);
    const size_t before = crowd.turned_away();
    crowd.churn_every = milliseconds(400);
    crowd.run(seconds(10), {"a", "b", "c"});
    size_t all = 0;
    for (const auto& [keeper, count] : crowd.completed) all += count;
    EXPECT_GT(all, 100U);
    EXPECT_LE((crowd.turned_away(TurnReason::kFull) - full) * 50, all) << "more than 2 %";
    EXPECT_LE((crowd.turned_away() - before) * 2, crowd.left * max_load);
  }
}

// Whatever was told of a member's load by a home or a link that is no more counts no longer.
TEST(SharesAmongHosts, NobodyGoesOnBelievingInLoadThatIsGone) {
  Hosts hosts({"a", "b", "c"});
  const Worker w = hosts.join("a", "w", {.max_load = 4, .lease_seconds = 60});
  const std::string id = hosts.id_at("b");
  hosts.call("b", Stage::principal(), Stage::single(Stage::item(id, {"a"})));
  hosts.advance(milliseconds(50));
  ASSERT_EQ(hosts.load("c", "w"), 1U);
  hosts.cut_both("a", "c");
  hosts.call("b", Stage::op(),
             OrderPacket{Order::kCancel, Stage::packet(id), "", "", std::nullopt});
  hosts.advance(milliseconds(50));
  EXPECT_EQ(hosts.load("a", "w"), 0U);
  EXPECT_EQ(hosts.load("c", "w"), 1U) << "it cannot know";
  hosts.heal();
  hosts.advance(milliseconds(50));
  EXPECT_EQ(hosts.load("c", "w"), 0U);
}

// A view may leave a host out and take it back, while links to it stand.
TEST(SharesAmongHosts, WhoComesBackIntoTheViewIsToldOfLoadThatIsGone) {
  Hosts hosts({"a", "b", "c"});
  hosts.join("a", "w", {.max_load = 4, .lease_seconds = 60});
  const std::string id = hosts.submit("b");
  hosts.advance(milliseconds(50));
  ASSERT_EQ(hosts.load("c", "w"), 1U);
  const auto view_of_a = [&](const std::vector<HostLife>& lives) {
    hosts.node("a").view(hosts.now(), lives, {}, [](const std::string&) { return true; });
    hosts.advance(milliseconds(50));
  };
  view_of_a({hosts.life("a"), hosts.life("b")});
  hosts.call("b", Stage::op(),
             OrderPacket{Order::kCancel, Stage::packet(id), "", "", std::nullopt});
  hosts.advance(milliseconds(50));
  ASSERT_EQ(hosts.load("a", "w"), 0U);
  ASSERT_EQ(hosts.load("c", "w"), 1U) << "it was not told";
  view_of_a({hosts.life("a"), hosts.life("b"), hosts.life("c")});
  EXPECT_EQ(hosts.load("c", "w"), 0U);
}

TEST(SharesAmongHosts, OneKeeperAloneHasAllOfTheRoomAfterwards) {
  Crowd crowd(2);
  crowd.run(seconds(4), {"a", "b", "c"});
  crowd.run(seconds(4), {"a"});  // what waited at the others is done meanwhile
  crowd.completed.clear();
  crowd.run(seconds(10), {"a"});
  const size_t alone = crowd.completed["a"];
  Crowd fresh(2);
  fresh.run(seconds(4), {"a"});
  fresh.completed.clear();
  fresh.run(seconds(10), {"a"});
  EXPECT_GT(alone * 10, fresh.completed["a"] * 9);
}

}  // namespace
}  // namespace phoenix
