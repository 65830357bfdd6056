// What the owner's calls do to a packet: start, checkpoint, complete, fail, release, hand off; the
// attempts and backoffs that follow.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "node/test_stage.h"

namespace phoenix {
namespace {

using testing_node::error_of;
using testing_node::json;
using testing_node::MemberOptions;
using testing_node::owner_reply;
using testing_node::packet_reply;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::StoreMode;
using testing_node::text;
using testing_node::Worker;

const MemberOptions kSteady = {.max_load = 10, .lease_seconds = 3600};

TEST(Start, IsSoft) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  const size_t before = stage.written.size();
  const OwnerReply reply = owner_reply(stage.own(w, Call::kStart, "p", 1));
  EXPECT_EQ(reply.status, Status::kRunning);
  EXPECT_EQ(reply.revision, 1U);
  EXPECT_EQ(owner_reply(stage.own(w, Call::kStart, "p", 1)).status, Status::kRunning);
  EXPECT_EQ(stage.written.size(), before);
  EXPECT_EQ(stage.status("p"), Status::kRunning);
  stage.restart();
  EXPECT_EQ(stage.status("p"), Status::kAssigned);
  EXPECT_EQ(owner_reply(stage.own(w, Call::kComplete, "p", 1)).status, Status::kCompleted);
}

TEST(Checkpoint, IsDurableWhenAnsweredAndRuns) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.store(StoreMode::kHold);
  const RequestId id = stage.ask(
      Stage::token(w), OwnerCalls{{Stage::owner_call(Call::kCheckpoint, "p", 1, "[1]")}, true});
  EXPECT_EQ(stage.answer(id), nullptr);
  EXPECT_EQ(stage.status("p"), Status::kAssigned);
  stage.store(StoreMode::kWell);
  ASSERT_NE(stage.answer(id), nullptr);
  EXPECT_EQ(owner_reply(stage.answer(id)->body).status, Status::kRunning);
  EXPECT_EQ(owner_reply(stage.answer(id)->body).revision, 2U);
  EXPECT_EQ(stage.status("p"), Status::kRunning);
  EXPECT_TRUE(stage.show("p").head->content(ContentKind::kCheckpoint).present);
  EXPECT_EQ(stage.show("p").head->content(ContentKind::kCheckpoint).size, 3U);
}

TEST(Checkpoint, ASequenceThatDoesNotGrowReplacesNothing) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  const auto save = [&](uint64_t epoch, std::optional<uint64_t> seq) {
    OwnerCall call = Stage::owner_call(Call::kCheckpoint, "p", epoch);
    call.seq = seq;
    return owner_reply(stage.own(Stage::token(w), call)).revision;
  };
  EXPECT_EQ(save(1, 5), 2U);
  EXPECT_EQ(save(1, 5), 2U);
  EXPECT_EQ(save(1, 4), 2U);
  EXPECT_EQ(save(1, 6), 3U);
  EXPECT_EQ(save(1, std::nullopt), 4U);
  EXPECT_EQ(save(1, 6), 4U);
  // It grows within an epoch: the next one counts anew.
  stage.own(w, Call::kRelease, "p", 1);
  stage.advance(milliseconds(1010));
  ASSERT_EQ(stage.epoch("p"), 2U);
  const uint64_t now = stage.show("p").head->revision;
  EXPECT_EQ(save(2, 1), now + 1);
}

TEST(Checkpoint, GoesToEveryLaterOwner) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.own(w, Call::kCheckpoint, "p", 1, "[1,2]");
  Worker x = stage.join("x", {"a"}, kSteady);
  stage.hand_to(w, "p", 1, "x");
  const DeliveriesReply got = stage.poll(x);
  ASSERT_EQ(text(got.deliveries), "p@2");
  EXPECT_TRUE(got.deliveries[0].packet.head->content(ContentKind::kCheckpoint).present);
}

TEST(Complete, IsTheSecondDurableChange) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  const size_t before = stage.written.size();
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.own(w, Call::kStart, "p", 1);
  const OwnerReply reply = owner_reply(stage.own(w, Call::kComplete, "p", 1, "\"x\""));
  EXPECT_EQ(reply.id, "p");
  EXPECT_EQ(reply.status, Status::kCompleted);
  EXPECT_EQ(reply.epoch, 1U);
  EXPECT_EQ(reply.revision, 2U);
  EXPECT_EQ(stage.written.size(), before + 2);
  const Packet& stored = stage.records.packets.at(Stage::packet("p"));
  EXPECT_EQ(stored.status, Status::kCompleted);
  EXPECT_TRUE(stored.content(ContentKind::kResult).present);
  EXPECT_EQ(stored.ended_at, stage.now().wall);
  EXPECT_FALSE(stored.owner);
  EXPECT_EQ(stage.load("w"), 0U);
  EXPECT_EQ(stage.node().live_packets(), 0U);
}

TEST(Complete, ItsRoomIsFreeOnlyWithTheCommit) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 3600});
  stage.submit("p", {"a"});
  stage.submit("q", {"a"});
  stage.store(StoreMode::kHold);
  stage.ask(Stage::token(w), OwnerCalls{{Stage::owner_call(Call::kComplete, "p", 1)}, true});
  EXPECT_EQ(stage.status("p"), Status::kAssigned);
  EXPECT_EQ(stage.status("q"), Status::kPending);
  stage.store(StoreMode::kWell);
  EXPECT_EQ(stage.owner("q"), "w");
}

// --- fail ---

TEST(Fail, AttemptsWaitLongerAndLongerUntilTheLastOne) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"}, [](PacketSpec& spec) { spec.max_attempts = 9; });
  const std::vector<int64_t> waits = {1000, 2000, 4000, 8000, 16'000, 32'000, 60'000, 60'000};
  for (size_t i = 0; i < waits.size(); ++i) {
    const OwnerReply reply = owner_reply(stage.own(w, Call::kFail, "p", i + 1));
    EXPECT_EQ(reply.status, Status::kPending);
    EXPECT_EQ(reply.epoch, i + 1);
    EXPECT_EQ(stage.show("p").head->attempts, i + 1);
    EXPECT_EQ(stage.parked("p"), ParkReason::kBackoff);
    EXPECT_EQ(stage.show("p").parked->until, stage.now().wall + waits[i]);
    stage.advance(milliseconds(waits[i] - 1));
    EXPECT_EQ(stage.status("p"), Status::kPending) << i;
    stage.advance(milliseconds(2));
    ASSERT_EQ(stage.epoch("p"), i + 2);
  }
  EXPECT_EQ(owner_reply(stage.own(w, Call::kFail, "p", 9)).status, Status::kFailed);
  const PacketView ended = stage.show("p");
  EXPECT_EQ(ended.head->attempts, 9U);
  ASSERT_TRUE(ended.head->last_error);
  EXPECT_EQ(ended.head->last_error->code, "tester");
  EXPECT_EQ(ended.head->last_error->message, "it failed");
}

TEST(Fail, ByItsOwnWordThereIsNoOtherAttempt) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  OwnerCall call = Stage::owner_call(Call::kFail, "p", 1);
  call.retry = false;
  EXPECT_EQ(owner_reply(stage.own(Stage::token(w), call)).status, Status::kFailed);
  EXPECT_EQ(stage.show("p").head->attempts, 1U);
}

TEST(Fail, MayNameItsOwnBackoff) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  OwnerCall call = Stage::owner_call(Call::kFail, "p", 1);
  call.retry_after_ms = 7000;
  stage.own(Stage::token(w), call);
  stage.advance(milliseconds(6999));
  EXPECT_EQ(stage.status("p"), Status::kPending);
  stage.advance(milliseconds(2));
  EXPECT_EQ(stage.epoch("p"), 2U);
}

TEST(Fail, ABackoffBeginsAnewWhenTheHostDoes) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  OwnerCall call = Stage::owner_call(Call::kFail, "p", 1);
  call.retry_after_ms = 2000;
  stage.own(Stage::token(w), call);
  stage.advance(milliseconds(1500));
  stage.restart();
  stage.heartbeat(w);
  stage.advance(milliseconds(1900));
  EXPECT_EQ(stage.status("p"), Status::kPending);
  stage.advance(milliseconds(150));
  EXPECT_EQ(stage.epoch("p"), 2U);
}

TEST(Fail, TheBackoffDoesNotFollowTheWallClock) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.own(w, Call::kFail, "p", 1);
  stage.jump(seconds(3600));
  stage.advance(milliseconds(990));
  EXPECT_EQ(stage.status("p"), Status::kPending);
  stage.jump(seconds(-7200));
  stage.advance(milliseconds(20));
  EXPECT_EQ(stage.epoch("p"), 2U);
}

TEST(PassedOver, WhoFailedItLastGetsItOnlyIfNobodyElseCan) {
  for (const Call kind : {Call::kFail, Call::kRelease}) {
    Stage stage;
    Worker w = stage.join("w", {"a"}, kSteady);
    stage.submit("p", {"a"});
    Worker x = stage.join("x", {"a"}, kSteady);
    stage.own(w, kind, "p", 1);
    stage.advance(milliseconds(1010));
    EXPECT_EQ(stage.owner("p"), "x") << call_name(kind);
    stage.call(Stage::token(w), Drain{Stage::ref(w), {}});
    stage.own(x, kind, "p", 2);
    stage.advance(milliseconds(2010));
    EXPECT_EQ(stage.owner("p"), "x") << call_name(kind);
    EXPECT_EQ(stage.epoch("p"), 3U);
  }
}

TEST(Release, IsNotCharged) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"}, [](PacketSpec& spec) { spec.max_attempts = 1; });
  stage.poll(w);
  EXPECT_EQ(owner_reply(stage.own(w, Call::kRelease, "p", 1)).status, Status::kPending);
  EXPECT_EQ(stage.show("p").head->attempts, 0U);
  EXPECT_EQ(stage.show("p").head->losses, 0U);
  EXPECT_EQ(stage.show("p").parked->until, stage.now().wall + 1000);
}

// --- hand off ---

TEST(HandOff, IsOneCommitAndUncharged) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  Worker x = stage.join("x", {"a"}, kSteady);
  const size_t before = stage.written.size();
  OwnerCall call = Stage::owner_call(Call::kHandoff, "p", 1);
  call.to = "x";
  call.content = json("{\"half\":true}");
  call.reason = "the rest is yours";
  const OwnerReply reply = owner_reply(stage.own(Stage::token(w), call));
  EXPECT_EQ(reply.status, Status::kAssigned);
  EXPECT_EQ(reply.epoch, 2U);
  EXPECT_EQ(reply.revision, 2U);
  EXPECT_EQ(stage.written.size(), before + 1);
  const PacketView shown = stage.show("p");
  EXPECT_EQ(shown.head->owner->id, "x");
  EXPECT_EQ(shown.head->attempts + shown.head->losses, 0U);
  EXPECT_TRUE(shown.head->content(ContentKind::kContext).present);
  EXPECT_EQ(stage.load("w"), 0U);
  EXPECT_EQ(stage.load("x"), 1U);
  EXPECT_EQ(stage.records.history.back().from, "w");
  EXPECT_EQ(stage.records.history.back().to, "x");
  EXPECT_EQ(stage.records.history.back().reason, "the rest is yours");
  EXPECT_EQ(text(stage.poll(x).deliveries), "p@2");
  // The one that gave it away knows: it is not told to stop.
  EXPECT_EQ(text(stage.poll(w).revoked), "");
}

TEST(HandOff, ToOneThatCannotTakeItChangesNothing) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  Worker full = stage.join("full", {"f"}, {.lease_seconds = 3600});
  stage.submit("q", {"f"});
  PatchMember patch;
  patch.key = Stage::member("full");
  patch.capabilities = {{"a"}};
  stage.call(Stage::op(), patch);
  stage.join("other", {"b"}, kSteady);
  Worker leaver = stage.join("leaver", {"a", "x"}, kSteady);
  stage.submit("x", {"x"});
  stage.poll(leaver);
  stage.call(Stage::token(leaver), Drain{Stage::ref(leaver), {}});
  stage.join("lost", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  const size_t before = stage.written.size();
  for (const char* to : {"nobody", "full", "other", "leaver", "lost", "w"}) {
    const ReplyBody reply = stage.hand_to(w, "p", 1, to);
    EXPECT_EQ(error_of(reply).kind, ErrorKind::kNotEligible) << to;
    EXPECT_EQ(error_of(reply).epoch, 1U);
  }
  EXPECT_EQ(stage.written.size(), before);
  EXPECT_EQ(stage.owner("p"), "w");
  EXPECT_EQ(stage.load("w"), 1U);
  EXPECT_EQ(owner_reply(stage.own(w, Call::kComplete, "p", 1)).status, Status::kCompleted);
}

TEST(HandOff, ByCapabilitiesReplacesThemAndMayPark) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  const Position slot = stage.show("p").head->point;
  OwnerCall call = Stage::owner_call(Call::kHandoff, "p", 1);
  call.required = {{"b", "c"}};
  const OwnerReply reply = owner_reply(stage.own(Stage::token(w), call));
  EXPECT_EQ(reply.status, Status::kPending);
  EXPECT_EQ(reply.epoch, 1U);
  EXPECT_EQ(stage.parked("p"), ParkReason::kNoCapableMember);
  EXPECT_EQ(stage.show("p").head->required, (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(stage.show("p").head->point, slot);  // its slot is fixed at create
  Worker x = stage.join("x", {"b", "c"}, kSteady);
  EXPECT_EQ(stage.owner("p"), "x");
  EXPECT_EQ(text(stage.poll(x).deliveries), "p@2");
  // From now on only those who have them are eligible.
  EXPECT_EQ(refusal(stage.hand_to(x, "p", 2, "w")), ErrorKind::kNotEligible);
}

TEST(HandOff, RefusedByTheStoreLeavesTheOwnerAndTheRoom) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.join("x", {"a"}, {.lease_seconds = 3600});
  stage.store(StoreMode::kRefuse);
  EXPECT_EQ(refusal(stage.hand_to(w, "p", 1, "x")), ErrorKind::kStoreUnreachable);
  EXPECT_EQ(stage.owner("p"), "w");
  stage.store(StoreMode::kWell);
  stage.advance(milliseconds(200));
  EXPECT_EQ(stage.load("x"), 0U);
  EXPECT_EQ(owner_reply(stage.hand_to(w, "p", 1, "x")).epoch, 2U);
}

}  // namespace
}  // namespace phoenix
