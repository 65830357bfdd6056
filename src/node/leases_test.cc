// Leases, graces, the host's own pauses and restarts: whom silence costs what.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "node/test_stage.h"

namespace phoenix {
namespace {

using testing_node::error_of;
using testing_node::MemberOptions;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::StoreMode;
using testing_node::text;
using testing_node::Worker;

bool alive(Stage& stage, const std::string& id) {
  const MemberStatus status = stage.member_status(id);
  return status == MemberStatus::kActive || status == MemberStatus::kDraining;
}

TEST(Lease, CountsFromTheArrivalOfTheLastCall) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 3});
  stage.advance(milliseconds(2999));
  EXPECT_TRUE(alive(stage, "w"));
  stage.heartbeat(w);
  stage.advance(milliseconds(2999));
  EXPECT_TRUE(alive(stage, "w"));
  stage.advance(milliseconds(1));
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kDetached);
  EXPECT_EQ(stage.node().find_member(Stage::member("w"))->record->reason, "lease");
}

TEST(Lease, EveryCallWithTheTokenRenewsItAlsoARefusedOne) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 3});
  stage.submit("p", {"a"});
  const auto renews = [&](const char* what, const auto& call) {
    stage.heartbeat(w);
    stage.advance(milliseconds(2500));
    call();
    stage.advance(milliseconds(2500));
    EXPECT_TRUE(alive(stage, "w")) << what;
  };
  renews("poll", [&] { stage.poll(w); });
  renews("start", [&] { stage.own(w, Call::kStart, "p", 1); });
  renews("checkpoint", [&] { stage.own(w, Call::kCheckpoint, "p", 1); });
  renews("a stale call", [&] { stage.own(w, Call::kComplete, "p", 9); });
  renews("an unknown packet", [&] { stage.own(w, Call::kComplete, "nothing", 1); });
  renews("attach", [&] { stage.attach(w); });
  renews("complete", [&] { stage.own(w, Call::kComplete, "p", 1); });
}

TEST(Lease, NeitherAWaitingPollNorAStreamRenewsIt) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 2});
  stage.ask(Stage::token(w), OpenStream{Stage::ref(w), {}});
  stage.advance(milliseconds(1500));
  stage.submit("p", {"a"});  // its delivery by the stream neither
  stage.advance(milliseconds(501));
  EXPECT_FALSE(alive(stage, "w"));
}

TEST(Lease, AnOlderTokenRenewsNothing) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  const Worker before = w;
  stage.attach(w);
  stage.advance(milliseconds(900));
  EXPECT_TRUE(refusal(stage.call(Stage::token(before), Heartbeat{Stage::ref(w), {}})));
  stage.advance(milliseconds(101));
  EXPECT_FALSE(alive(stage, "w"));
}

TEST(LeaseEnd, TakesAllMembersAndPacketsInOneCommit) {
  Stage stage;
  Worker w = stage.join_all({"w1", "w2", "w3"}, {"a"}, {.max_load = 2, .lease_seconds = 1});
  Worker x = stage.join("x", {"b"}, {.max_load = 10, .lease_seconds = 60});
  for (const char* id : {"p1", "p2", "p3", "p4", "p5", "p6"}) stage.submit(id, {"a"});
  ASSERT_EQ(stage.load("w1") + stage.load("w2") + stage.load("w3"), 6U);
  const size_t before = stage.written.size();
  stage.advance(milliseconds(1001));
  ASSERT_EQ(stage.written.size(), before + 1);
  size_t members = 0;
  size_t sessions = 0;
  size_t packets = 0;
  for (const Op& op : stage.written.back().ops) {
    members += std::holds_alternative<PutMember>(op);
    sessions += std::holds_alternative<PutSession>(op);
    packets += std::holds_alternative<PutPacket>(op);
  }
  EXPECT_EQ(members, 3U);
  EXPECT_EQ(sessions, 1U);
  EXPECT_EQ(packets, 6U);
  for (const char* id : {"p1", "p2", "p3", "p4", "p5", "p6"}) {
    EXPECT_EQ(stage.parked(id), ParkReason::kNoCapableMember) << id;
  }
}

TEST(LeaseEnd, ItsEndIsDurableBeforeAnybodyHearsOfIt) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.store(StoreMode::kHold);
  stage.advance(milliseconds(1001));
  const RequestId beat = stage.ask(Stage::token(w), Heartbeat{Stage::ref(w), w.after});
  const RequestId done =
      stage.ask(Stage::token(w), OwnerCalls{{Stage::owner_call(Call::kComplete, "p", 1)}, true});
  EXPECT_EQ(stage.answer(beat), nullptr);
  EXPECT_EQ(stage.answer(done), nullptr);
  stage.store(StoreMode::kWell);
  ASSERT_NE(stage.answer(beat), nullptr);
  EXPECT_EQ(refusal(stage.answer(beat)->body), ErrorKind::kSessionLapsed);
  EXPECT_EQ(refusal(stage.answer(done)->body), ErrorKind::kNotOwner);
}

TEST(LeaseEnd, AWaitingPollIsToldAndLaterCallsToo) {
  Stage stage;
  Worker w = stage.join_all({"w1", "w2"}, {"a"}, {.lease_seconds = 2});
  stage.advance(milliseconds(1));
  stage.advance(milliseconds(2000));
  for (const char* id : {"w1", "w2"}) {
    EXPECT_EQ(refusal(stage.call(Stage::token(w), Poll{{"default", id, ""}, 1, seconds(1), {}})),
              ErrorKind::kSessionLapsed);
    EXPECT_EQ(refusal(stage.call(Stage::token(w), Heartbeat{{"default", id, ""}, {}})),
              ErrorKind::kSessionLapsed);
  }
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Heartbeat{{"default", "", w.session}, {}})),
            ErrorKind::kSessionLapsed);
}

// --- losses ---

TEST(Losses, CountOnlyWhatHadBeenDelivered) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 2, .lease_seconds = 1});
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.submit("q", {"a"});
  stage.advance(milliseconds(1001));
  EXPECT_EQ(stage.show("p").head->losses, 1U);
  EXPECT_EQ(stage.show("q").head->losses, 0U);
}

TEST(Losses, TheFirstTwoAreReplacedAtOnceLaterOnesWait) {
  Stage stage;
  stage.submit("p", {"a"}, [](PacketSpec& spec) { spec.max_losses = 11; });
  const std::array<int64_t, 10> waits = {0,    0,      1000,   2000,   4000,
                                         8000, 16'000, 32'000, 60'000, 60'000};
  for (size_t i = 0; i < waits.size(); ++i) {
    const std::string id = "w" + std::to_string(i);
    Worker w = stage.join(id, {"a"}, {.lease_seconds = 1});
    ASSERT_EQ(stage.owner("p"), id) << i;
    stage.poll(w);
    stage.advance(milliseconds(1000));
    ASSERT_EQ(stage.show("p").head->losses, i + 1);
    if (waits[i] == 0) {
      EXPECT_EQ(stage.parked("p"), ParkReason::kNoCapableMember) << i;
    } else {
      EXPECT_EQ(stage.parked("p"), ParkReason::kBackoff) << i;
      EXPECT_EQ(stage.show("p").parked->until, stage.now().wall + waits[i]);
      stage.advance(milliseconds(waits[i]));
    }
  }
  Worker last = stage.join("last", {"a"}, {.lease_seconds = 1});
  stage.poll(last);
  stage.advance(milliseconds(1001));
  EXPECT_EQ(stage.status("p"), Status::kFailed);
  EXPECT_EQ(stage.show("p").head->last_error->code, "owners-lost");
  EXPECT_EQ(stage.show("p").head->attempts, 0U);
}

TEST(Losses, ACheckpointSetsThemBack) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.advance(milliseconds(1001));
  Worker x = stage.join("x", {"a"}, {.lease_seconds = 1});
  ASSERT_EQ(stage.show("p").head->losses, 1U);
  stage.own(x, Call::kCheckpoint, "p", 2);
  EXPECT_EQ(stage.show("p").head->losses, 0U);
}

// --- grace ---

RequestId stream(Stage& stage, const Worker& w) {
  return stage.ask(Stage::token(w), OpenStream{Stage::ref(w), {}});
}

TEST(Grace, ABrokenStreamEndsItAfterTwiceTheGrace) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 60, .grace_ms = 200});
  const RequestId id = stream(stage, w);
  stage.advance(seconds(1));
  stage.close_stream(id, true);
  stage.advance(milliseconds(399));
  EXPECT_TRUE(alive(stage, "w"));
  stage.advance(milliseconds(1));
  EXPECT_FALSE(alive(stage, "w"));
  EXPECT_EQ(stage.node().find_member(Stage::member("w"))->record->reason, "disconnected");
}

TEST(Grace, CallsAfterTheBreakPutItOff) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 60, .grace_ms = 200});
  stage.close_stream(stream(stage, w), true);
  for (int i = 0; i < 5; ++i) {
    stage.advance(milliseconds(390));
    EXPECT_TRUE(alive(stage, "w"));
    stage.heartbeat(w);
  }
  stage.advance(milliseconds(400));
  EXPECT_FALSE(alive(stage, "w"));
}

TEST(Grace, ANewStreamOrAnotherOpenOneCallsItOff) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 60, .grace_ms = 200});
  stage.close_stream(stream(stage, w), true);
  stage.advance(milliseconds(300));
  const RequestId first = stream(stage, w);
  stream(stage, w);
  stage.advance(milliseconds(500));
  EXPECT_TRUE(alive(stage, "w"));
  stage.close_stream(first, true);  // the last one is still open
  stage.advance(milliseconds(500));
  EXPECT_TRUE(alive(stage, "w"));
}

TEST(Grace, WithoutOneOrIfTheHostClosedItOnlyTheLeaseCounts) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 5});
  Worker x = stage.join("x", {"a"}, {.lease_seconds = 5, .grace_ms = 100});
  stage.close_stream(stream(stage, w), true);
  stage.close_stream(stream(stage, x), false);
  stage.advance(milliseconds(4900));
  EXPECT_TRUE(alive(stage, "w"));
  EXPECT_TRUE(alive(stage, "x"));
}

// --- the host's own faults ---

TEST(Pause, OfMoreThanAQuarterLeaseGivesAWholeOne) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 4});
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.freeze(seconds(30));
  stage.tick();
  stage.advance(milliseconds(3990));
  EXPECT_TRUE(alive(stage, "w"));
  EXPECT_EQ(stage.epoch("p"), 1U);
  stage.advance(milliseconds(20));
  EXPECT_FALSE(alive(stage, "w"));
}

TEST(Pause, AShortOneIsTheMembersOwn) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 4});
  stage.freeze(milliseconds(990));
  stage.tick();
  stage.advance(milliseconds(3020));
  EXPECT_FALSE(alive(stage, "w"));
}

TEST(Pause, PutsOffAttemptTimeouts) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 60});
  stage.submit("p", {"a"}, [](PacketSpec& spec) { spec.attempt_timeout_seconds = 2; });
  stage.poll(w);
  stage.advance(seconds(1));
  stage.freeze(seconds(10));
  stage.tick();
  EXPECT_EQ(stage.epoch("p"), 1U);
  EXPECT_EQ(stage.status("p"), Status::kAssigned);
  stage.advance(milliseconds(990));
  EXPECT_EQ(stage.status("p"), Status::kAssigned);
  stage.advance(milliseconds(20));
  EXPECT_EQ(stage.status("p"), Status::kPending);
}

TEST(Restart, EverySessionHasAWholeLeaseAndItsToken) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 2, .lease_seconds = 3});
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.advance(milliseconds(2900));
  stage.restart();
  stage.advance(milliseconds(2900));
  EXPECT_TRUE(alive(stage, "w"));
  const DeliveriesReply beat = stage.heartbeat(w);
  EXPECT_EQ(beat.run, 2U);
  EXPECT_EQ(stage.epoch("p"), 1U);
  EXPECT_EQ(stage.owner("p"), "w");
  const AttachReply back = stage.attach(w);
  EXPECT_EQ(back.run, 2U);
  ASSERT_EQ(back.held.size(), 1U);
  EXPECT_EQ(back.held[0], (std::pair<std::string, uint64_t>("p", 1)));
}

TEST(Restart, NothingIsPlacedBeforeTheFirstCall) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 5, .lease_seconds = 3});
  stage.restart();
  stage.submit("p", {"a"});
  EXPECT_EQ(stage.status("p"), Status::kPending);
  stage.heartbeat(w);
  EXPECT_EQ(stage.owner("p"), "w");
}

TEST(Restart, WhoStaysSilentEndsUncharged) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 5, .lease_seconds = 1});
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.restart();
  stage.advance(milliseconds(1001));
  EXPECT_FALSE(alive(stage, "w"));
  EXPECT_EQ(stage.show("p").head->losses, 0U);
}

TEST(Restart, WhoHasCalledAgainCountsAllItHoldsAsDelivered) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 5, .lease_seconds = 1});
  stage.submit("p", {"a"});
  stage.restart();
  stage.heartbeat(w);
  stage.advance(milliseconds(1001));
  EXPECT_EQ(stage.show("p").head->losses, 1U);
}

TEST(Restart, AManualMemberNeedsNoCall) {
  Stage stage;
  stage.join_manual("carol", {"a"}, 5);
  stage.submit("p", {"a"});
  stage.restart();
  EXPECT_EQ(stage.owner("p"), "carol");
  stage.submit("q", {"a"});
  EXPECT_EQ(stage.owner("q"), "carol");
  stage.advance(seconds(600));
  EXPECT_EQ(stage.epoch("p"), 1U);
}

}  // namespace
}  // namespace phoenix
