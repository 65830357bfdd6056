// Of the suite of pool_conformance_test.cc: slots, scans and reads, and all at once.
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "store/pool_testing.h"

namespace phoenix {
namespace {

using namespace testing_pool;  // NOLINT: the words of the tests

// --- slots ---

TEST_P(PoolConformance, slots_that_nobody_holds_are_claimed) {
  enter_all();
  EXPECT_TRUE(pool_->held_slots()->empty());
  EXPECT_EQ(claim(kA, {4095, 0, 7}).slots, (Slots{0, 7, 4095}));
  EXPECT_EQ(held_by(kA), (Slots{0, 7, 4095}));
  EXPECT_TRUE(claim(kA, {}).slots.empty());
}

TEST_P(PoolConformance, what_another_host_holds_is_not_claimed) {
  enter_all();
  claim(kA, {1, 2, 3});
  const auto claimed = claim(kB, {2, 3, 4});
  EXPECT_FALSE(claimed.fenced);
  EXPECT_EQ(claimed.slots, Slots{4});
  EXPECT_EQ(held_by(kA), (Slots{1, 2, 3}));
  EXPECT_EQ(claim(kA, {1, 4, 5}).slots, (Slots{1, 5})) << "what is mine already counts as mine";
}

TEST_P(PoolConformance, slots_of_a_fenced_holder_are_claimed_not_before) {
  enter_all();
  claim(kA, {1, 2});
  server_->age(seconds(1000));
  EXPECT_TRUE(claim(kB, {1, 2}).slots.empty()) << "silence alone fences nobody";
  ASSERT_EQ(swap(kB, 1, {}, {kA}).outcome, SwapOutcome::kDone);
  EXPECT_EQ(held_by(kA, true), (Slots{1, 2}));
  EXPECT_EQ(claim(kB, {1}).slots, Slots{1});
  EXPECT_EQ(held_by(kA, true), Slots{2});
  EXPECT_EQ(held_by(kB), Slots{1});
}

TEST_P(PoolConformance, a_new_life_of_a_holder_claims_as_any_other) {
  enter_all();
  claim(kA, {1});
  ASSERT_EQ(swap(kB, 1, {kA2}).outcome, SwapOutcome::kDone);
  EXPECT_TRUE(claim(kA2, {1}).slots.empty());
  ASSERT_EQ(swap(kB, 2, {}, {kA}).outcome, SwapOutcome::kDone);
  EXPECT_EQ(claim(kA2, {1}).slots, Slots{1});
}

TEST_P(PoolConformance, a_fenced_host_claims_nothing) {
  enter_all();
  claim(kA, {1});
  ASSERT_EQ(swap(kB, 1, {}, {kA}).outcome, SwapOutcome::kDone);
  const auto claimed = claim(kA, {1, 2});
  EXPECT_TRUE(claimed.fenced);
  EXPECT_TRUE(claimed.slots.empty());
  EXPECT_TRUE(claim(kA2, {2}).fenced) << "nor does one without a row";
  EXPECT_EQ(claim(kB, {1, 2}).slots, (Slots{1, 2}));
}

TEST_P(PoolConformance, only_what_is_mine_is_released) {
  enter_all();
  claim(kA, {1, 2});
  claim(kB, {3});
  release(kA, {2, 3, 4});
  EXPECT_EQ(held_by(kA), Slots{1});
  EXPECT_EQ(held_by(kB), Slots{3});
  release(kA, {2});
  EXPECT_EQ(claim(kB, {2}).slots, Slots{2});
  release(kA, {2});
  EXPECT_EQ(held_by(kB), (Slots{2, 3}));
}

// What a second handle sends is numbered from the beginning, so it is as late as a call whose
// caller had given it up.
TEST_P(PoolConformance, a_call_that_arrives_after_a_later_one_does_nothing) {
  enter_all();
  claim(kA, {1, 2});
  claim(kA, {3});
  auto late = server_->pool();
  ASSERT_TRUE(late->release_slots(kA, Slots{1, 2, 3}));
  EXPECT_EQ(held_by(kA), (Slots{1, 2, 3}));
  const auto claimed = late->claim_slots(kA, Slots{4});
  ASSERT_TRUE(claimed);
  EXPECT_FALSE(claimed->fenced);
  EXPECT_TRUE(claimed->slots.empty());
  EXPECT_EQ(held_by(kA), (Slots{1, 2, 3}));
  EXPECT_EQ(late->claim_slots(kB, Slots{4})->slots, Slots{4}) << "another life's own count";
  ASSERT_TRUE(late->release_slots(kA, Slots{1}));
  EXPECT_EQ(held_by(kA), (Slots{2, 3})) << "its fourth is in order again";
}

TEST_P(PoolConformance, all_slots_at_once) {
  enter_all();
  Slots all(kSlots);
  std::iota(all.begin(), all.end(), SlotId{0});
  EXPECT_EQ(claim(kA, all).slots, all);
  EXPECT_EQ(held_by(kA), all);
  release(kA, all);
  EXPECT_TRUE(pool_->held_slots()->empty());
}

// --- scans and reads ---

TEST_P(PoolConformance, a_scan_finds_what_lives_in_the_slots_with_owners_and_sessions) {
  enter_all();
  Packet owned = assigned(in_slot(5, "owned"), "of-s");
  Packet running = assigned(in_slot(6, "running"), "of-s");
  running.status = Status::kRunning;
  const Packet stray = assigned(in_slot(6, "stray"), "nobody");
  ASSERT_EQ(outcome(kA, {create(owned), create(running), create(stray),
                         create(in_slot(5, "parked")), create(in_slot(7, "elsewhere")),
                         create(ended(in_slot(5, "over"), Status::kCompleted, 9)),
                         PutMember{of("s"), 0, "registered"}, PutSession{at(kA, "s"), 0},
                         PutMember{of("t"), 0, "registered"}, PutSession{at(kB, "t"), 0}}),
            Outcome::kCommitted);
  const auto found = pool_->scan(Slots{5, 6, 9});
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(ids(found->packets), (Ids{"owned", "parked", "running", "stray"}));
  EXPECT_EQ(ids(found->owners), Ids{"of-s"}) << "each once, absent ones left out";
  EXPECT_EQ(ids(found->sessions), Ids{"s"});
  EXPECT_EQ(found->sessions[0].home, kA);
  for (const Packet& packet : found->packets) {
    if (packet.key.id() != "owned") continue;
    EXPECT_EQ(packet.owner, owned.owner);
    EXPECT_EQ(packet.point, owned.point);
    EXPECT_EQ(packet.epoch, 1u);
  }
  EXPECT_TRUE(pool_->scan(Slots{})->packets.empty());
  EXPECT_TRUE(pool_->scan(Slots{8})->packets.empty());
}

TEST_P(PoolConformance, a_scan_sees_what_a_fenced_holder_committed_last) {
  enter_all();
  claim(kA, {5});
  const Packet first = in_slot(5, "p");
  ASSERT_EQ(outcome(kA, {create(first)}), Outcome::kCommitted);
  ASSERT_EQ(pool_->scan(Slots{5})->packets.size(), 1u);
  ASSERT_EQ(outcome(kA, {replace(first, next(assigned(first, "m"))), create(in_slot(5, "q"))}),
            Outcome::kCommitted);
  ASSERT_EQ(swap(kB, 1, {}, {kA}).outcome, SwapOutcome::kDone);
  ASSERT_EQ(claim(kB, {5}).slots, Slots{5});
  const auto found = pool_->scan(Slots{5});
  EXPECT_EQ(ids(found->packets), (Ids{"p", "q"}));
}

TEST_P(PoolConformance, the_live_packets_of_members_are_found_wherever_they_are_kept) {
  enter_all();
  Packet other = assigned(head("other-ns", 1000, "other"), "m1");
  ASSERT_EQ(outcome(kA, {create(assigned(in_slot(1, "p1"), "m1")),
                         create(assigned(in_slot(2, "p2"), "m2")),
                         create(assigned(in_slot(3, "p3"), "m3")),
                         create(ended(assigned(in_slot(4, "p4"), "m1"), Status::kFailed, 9)),
                         create(in_slot(5, "p5")), create(other)}),
            Outcome::kCommitted);
  const std::vector<MemberKey> wanted = {MemberKey("ns", "m1"), MemberKey("ns", "m2"),
                                         MemberKey("ns", "nobody")};
  const auto found = pool_->owned_by(wanted);
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(ids(*found), (Ids{"p1", "p2"}));
  EXPECT_TRUE(pool_->owned_by({})->empty());
}

TEST_P(PoolConformance, the_sessions_of_a_home_are_found_with_their_members) {
  enter_all();
  auto lapsed = at(kA, "lapsed");
  lapsed->state = SessionState::kLapsed;
  ASSERT_EQ(
      outcome(kA, {PutSession{at(kA, "s"), 0}, PutMember{of("s"), 0, ""}, PutSession{lapsed, 0},
                   PutMember{of("lapsed"), 0, ""}, PutSession{at(kB, "t"), 0},
                   PutMember{of("t"), 0, ""}, PutMember{member("manual"), 0, ""}}),
      Outcome::kCommitted);
  const auto found = pool_->at_home(kA);
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(ids(found->sessions), (Ids{"lapsed", "s"}));
  EXPECT_EQ(ids(found->members), (Ids{"of-lapsed", "of-s"}));
  EXPECT_TRUE(pool_->at_home(kA2)->sessions.empty()) << "another life is another home";
  ASSERT_EQ(outcome(kB, {PutSession{at(kB, "s", 2), 1}}), Outcome::kCommitted);
  EXPECT_EQ(ids(pool_->at_home(kA)->sessions), Ids{"lapsed"});
  EXPECT_EQ(ids(pool_->at_home(kB)->members), (Ids{"of-s", "of-t"}));
}

TEST_P(PoolConformance, newest_records_are_read_by_name) {
  enter_all();
  ASSERT_EQ(outcome(kA, {PutSession{at(kA, "s"), 0}, PutMember{of("s"), 0, ""},
                         PutSession{at(kA, "t"), 0}}),
            Outcome::kCommitted);
  ASSERT_EQ(outcome(kB, {PutSession{at(kB, "s", 2), 1}}), Outcome::kCommitted);
  const std::vector<MemberKey> members = {MemberKey("ns", "of-s"), MemberKey("ns", "none")};
  const std::vector<std::string> sessions = {"s", "none"};
  const auto found = pool_->records(members, sessions);
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(ids(found->members), Ids{"of-s"});
  ASSERT_EQ(ids(found->sessions), Ids{"s"});
  EXPECT_EQ(found->sessions[0]->revision, 2u);
  EXPECT_EQ(found->sessions[0]->home, kB);
  const auto none = pool_->records({}, {});
  EXPECT_TRUE(none->members.empty());
  EXPECT_TRUE(none->sessions.empty());
}

TEST_P(PoolConformance, names_and_revisions_are_read_in_pages) {
  enter_all();
  ASSERT_EQ(outcome(kA, {PutSession{at(kA, "s"), 0}, PutMember{of("s"), 0, ""},
                         PutSession{at(kA, "t"), 0}, PutMember{of("t"), 0, ""},
                         PutMember{member("Z"), 0, ""}}),
            Outcome::kCommitted);
  ASSERT_EQ(outcome(kB, {PutSession{at(kB, "s", 2), 1}}), Outcome::kCommitted);
  using Sessions = std::vector<std::pair<std::string, uint64_t>>;
  using Members = std::vector<std::pair<MemberKey, uint64_t>>;
  const auto all = pool_->revisions({}, 10);
  ASSERT_TRUE(all) << all.error().detail;
  EXPECT_EQ(all->sessions, (Sessions{{"s", 2}, {"t", 1}}));
  EXPECT_EQ(all->members, (Members{{MemberKey("ns", "Z"), 1},
                                   {MemberKey("ns", "of-s"), 1},
                                   {MemberKey("ns", "of-t"), 1}}))
      << "by bytes";
  const auto page = pool_->revisions({"s", MemberKey("ns", "Z")}, 1);
  ASSERT_TRUE(page) << page.error().detail;
  EXPECT_EQ(page->sessions, (Sessions{{"t", 1}}));
  EXPECT_EQ(page->members, (Members{{MemberKey("ns", "of-s"), 1}}));
  const auto rest = pool_->revisions({"t", MemberKey("ns", "of-t")}, 1);
  ASSERT_TRUE(rest) << rest.error().detail;
  EXPECT_TRUE(rest->sessions.empty());
  EXPECT_TRUE(rest->members.empty());
}

TEST_P(PoolConformance, a_host_recovers_all_records_but_scans_for_packets) {
  enter_all();
  ASSERT_EQ(
      outcome(kA, {create(in_slot(1, "p")), PutSession{at(kA, "s"), 0}, PutMember{of("s"), 0, ""}}),
      Outcome::kCommitted);
  size_t packets = 0;
  std::vector<MemberRecord> members;
  std::vector<SessionRecord> sessions;
  RecoverSink sink;
  sink.packet = [&](const Packet&) { ++packets; };
  sink.member = [&](MemberRecord record) { members.push_back(std::move(record)); };
  sink.session = [&](SessionRecord record) { sessions.push_back(std::move(record)); };
  ASSERT_TRUE(server_->store(kB)->recover(sink));
  EXPECT_EQ(packets, 0u);
  EXPECT_EQ(ids(members), Ids{"of-s"});
  EXPECT_EQ(ids(sessions), Ids{"s"});
}

// --- all at once ---

// What one of two hosts does that fence each other's lives while they commit, claim and beat.
struct Duelist {
  Duelist(std::string its_name, std::string its_rival)
      : name(std::move(its_name)), rival(std::move(its_rival)) {}

  std::string name;
  std::string rival;
  uint64_t entered = 0;
  std::vector<std::string> troubles;

  void fight(PoolServer& server, uint64_t rounds) {
    auto pool = server.pool();
    for (uint64_t round = 1; round <= rounds; ++round) {
      const HostLife self{name, round};
      auto store = server.store(self);
      enter(*pool, self, {rival, round});
      const std::vector<Group> groups = {{1, {create(head(name + std::to_string(round)))}}};
      const CommitResult result = store->commit(round, groups);
      const auto claimed = pool->claim_slots(self, Slots{3, 2, 1});
      const auto beat = pool->beat(self, 0);
      if (result.outcomes[0] == Outcome::kUnknown) troubles.push_back("commit: " + result.why);
      if (!claimed) troubles.push_back("claim: " + claimed.error().detail);
      if (!beat) troubles.push_back("beat: " + beat.error().detail);
      if (claimed && result.fenced && !claimed->fenced) troubles.push_back("claims when fenced");
      if (claimed && beat && claimed->fenced && !beat->fenced) troubles.push_back("back to life");
    }
  }
  // Enters and fences the rival's life of this round, unless that is faster.
  void enter(PoolStore& pool, const HostLife& self, const HostLife& other) {
    uint64_t number = 0;
    for (int tries = 0; tries < 50; ++tries) {
      const auto answer = pool.swap_view({self, number, name, {self}, {other}});
      if (!answer) {
        troubles.push_back("swap: " + answer.error().detail);
        continue;
      }
      number = answer->newest.number;
      if (answer->outcome == SwapOutcome::kDone) ++entered;
      if (answer->outcome != SwapOutcome::kBehind) return;
    }
    troubles.push_back("never enters");
  }
};

TEST_P(PoolConformance, hosts_that_fence_each_other_get_on) {
  constexpr uint64_t kRounds = 12;
  Duelist x("x", "y");
  Duelist y("y", "x");
  std::thread other([&] { y.fight(*server_, kRounds); });
  x.fight(*server_, kRounds);
  other.join();
  EXPECT_EQ(x.troubles, std::vector<std::string>{});
  EXPECT_EQ(y.troubles, std::vector<std::string>{});
  EXPECT_GE(x.entered + y.entered, kRounds) << "of each round one at least";
  EXPECT_EQ(beat(kA).newest.number, x.entered + y.entered) << "each change counts once";
}

}  // namespace
}  // namespace phoenix
