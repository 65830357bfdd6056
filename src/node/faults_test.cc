// A store that refuses, conflicts or cannot tell; and the end of a host.
#include <gtest/gtest.h>

#include <string>

#include "node/test_stage.h"

namespace phoenix {
namespace {

using testing_node::error_of;
using testing_node::MemberOptions;
using testing_node::owner_reply;
using testing_node::packet_reply;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::StoreMode;
using testing_node::text;
using testing_node::Worker;

const MemberOptions kSteady = {.max_load = 2, .lease_seconds = 3600};

TEST(Refused, TellsTheCallerAndLeavesEverythingAsItWas) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.store(StoreMode::kRefuse);
  const ReplyBody submit = stage.submit("q", {"a"});
  EXPECT_EQ(error_of(submit).kind, ErrorKind::kStoreUnreachable);
  EXPECT_TRUE(error_of(submit).retry_after_ms);
  EXPECT_EQ(refusal(stage.own(w, Call::kComplete, "p", 1)), ErrorKind::kStoreUnreachable);
  EXPECT_EQ(refusal(stage.own(w, Call::kCheckpoint, "p", 1)), ErrorKind::kStoreUnreachable);
  EXPECT_EQ(refusal(stage.order(Order::kCancel, "p")), ErrorKind::kStoreUnreachable);
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Drain{Stage::ref(w), {}})),
            ErrorKind::kStoreUnreachable);
  EXPECT_EQ(
      refusal(stage.call(Stage::principal(), stage.registration({Stage::record("x", {"a"})}))),
      ErrorKind::kStoreUnreachable);
  EXPECT_EQ(stage.owner("p"), "w");
  EXPECT_EQ(stage.epoch("p"), 1U);
  EXPECT_EQ(stage.load("w"), 1U);
  EXPECT_EQ(stage.node().live_packets(), 1U);
  EXPECT_FALSE(stage.node().find_member(Stage::member("x")));
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kActive);
  EXPECT_FALSE(stage.node().health(stage.now()).ready);
  EXPECT_NE(stage.node().health(stage.now()).why.find("no space left"), std::string::npos);
  stage.store(StoreMode::kWell);
  EXPECT_EQ(owner_reply(stage.own(w, Call::kComplete, "p", 1)).status, Status::kCompleted);
  EXPECT_TRUE(stage.node().health(stage.now()).ready);
  EXPECT_TRUE(packet_reply(stage.submit("q", {"a"})).created);
}

TEST(Refused, WhatTheHostWantedByItselfIsDoneWhenThereIsRoomAgain) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 2, .lease_seconds = 1});
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.submit("expires", {"z"}, [&](PacketSpec& spec) { spec.deadline = stage.now().wall + 500; });
  stage.store(StoreMode::kRefuse);
  stage.advance(seconds(3));
  EXPECT_EQ(stage.status("expires"), Status::kPending);
  EXPECT_EQ(stage.owner("p"), "w");
  const size_t tries = stage.written.size();
  EXPECT_LT(tries, 200U);  // it does not spin
  stage.store(StoreMode::kWell);
  stage.advance(milliseconds(200));
  EXPECT_EQ(stage.status("expires"), Status::kExpired);
  EXPECT_EQ(stage.status("p"), Status::kPending);
  EXPECT_EQ(stage.show("p").head->losses, 1U);
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kDetached);
}

TEST(Refused, AGrantIsTriedAgain) {
  Stage stage;
  stage.submit("p", {"a"});
  stage.store(StoreMode::kHold);
  const RequestId joins = stage.ask(
      Stage::principal(), stage.registration({Stage::record("w", {"a"}, kSteady)}, kSteady));
  EXPECT_EQ(stage.answer(joins), nullptr);
  EXPECT_FALSE(stage.node().find_member(Stage::member("w")));
  stage.store(StoreMode::kWell);
  EXPECT_EQ(stage.owner("p"), "w");
  stage.submit("q", {"b"});
  PatchMember patch;
  patch.key = Stage::member("w");
  patch.capabilities = {{"a", "b"}};
  stage.store(StoreMode::kHold);
  stage.ask(Stage::op(), patch);
  stage.store(StoreMode::kWell);
  EXPECT_EQ(stage.owner("q"), "w");
}

TEST(Conflict, IsAnsweredAsOneAndNothingIsKept) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.store(StoreMode::kConflict);
  EXPECT_EQ(refusal(stage.own(w, Call::kComplete, "p", 1)), ErrorKind::kConflict);
  EXPECT_EQ(refusal(stage.submit("q", {"a"})), ErrorKind::kConflict);
  EXPECT_TRUE(stage.node().health(stage.now()).ready);
  stage.store(StoreMode::kWell);
  EXPECT_EQ(owner_reply(stage.own(w, Call::kComplete, "p", 1)).status, Status::kCompleted);
  EXPECT_TRUE(packet_reply(stage.submit("q", {"a"})).created);
}

class Unknown : public testing::TestWithParam<bool> {};

TEST_P(Unknown, IsFoundOutBeforeAnybodyIsAnswered) {
  const bool applied = GetParam();
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.resolution = Resolution::kUnknown;
  stage.store(StoreMode::kUnknown);
  const RequestId submit = stage.ask(Stage::principal(), Stage::single(Stage::item("p", {"a"})));
  EXPECT_EQ(stage.answer(submit), nullptr);
  ASSERT_EQ(stage.asked_to_resolve.size(), 1U);
  const uint64_t batch = stage.asked_to_resolve[0];
  EXPECT_EQ(text(stage.poll(w).deliveries), "");
  // Still unknown: it asks again.
  stage.node().resolved(stage.now(), batch, Resolution::kUnknown);
  EXPECT_EQ(stage.node().take_output().resolves, std::vector<uint64_t>{batch});
  stage.store(StoreMode::kWell);
  stage.resolution = applied ? Resolution::kApplied : Resolution::kNotApplied;
  stage.resolve_now(batch);
  ASSERT_NE(stage.answer(submit), nullptr);
  if (applied) {
    EXPECT_TRUE(packet_reply(stage.answer(submit)->body).created);
    EXPECT_EQ(text(stage.poll(w).deliveries), "p@1");
  } else {
    EXPECT_EQ(refusal(stage.answer(submit)->body), ErrorKind::kStoreUnreachable);
    EXPECT_EQ(stage.load("w"), 0U);
    EXPECT_TRUE(packet_reply(stage.submit("p", {"a"})).created);
  }
}

INSTANTIATE_TEST_SUITE_P(BothWays, Unknown, testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "applied" : "not_applied");
});

TEST(Silence, OfTheStoreShowsInTheHealth) {
  Stage stage;
  stage.store(StoreMode::kHold);
  stage.ask(Stage::principal(), Stage::single(Stage::item("p", {"a"})));
  stage.advance(seconds(4));
  EXPECT_TRUE(stage.node().health(stage.now()).ready);
  EXPECT_EQ(stage.node().health(stage.now()).writes_in_flight, 1U);
  stage.advance(seconds(2));
  EXPECT_FALSE(stage.node().health(stage.now()).ready);
  EXPECT_GE(stage.node().health(stage.now()).oldest_write, seconds(6));
  stage.store(StoreMode::kWell);
  EXPECT_TRUE(stage.node().health(stage.now()).ready);
}

TEST(Crash, WhatWasNotSyncedHasNeverHappened) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.store(StoreMode::kHold);
  const RequestId done =
      stage.ask(Stage::token(w), OwnerCalls{{Stage::owner_call(Call::kComplete, "p", 1)}, true});
  EXPECT_EQ(stage.answer(done), nullptr);
  stage.restart();
  EXPECT_EQ(stage.status("p"), Status::kAssigned);
  EXPECT_EQ(owner_reply(stage.own(w, Call::kComplete, "p", 1)).status, Status::kCompleted);
}

TEST(ShutDown, AnswersWhoWaitsAndTakesNoNewPackets) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  const RequestId poll = stage.ask(Stage::token(w), Poll{Stage::ref(w), 1, seconds(20), w.after});
  const RequestId packet =
      stage.ask(Stage::principal(), AwaitPacket{Stage::packet("p"), seconds(20)});
  const RequestId member =
      stage.ask(Stage::principal(), AwaitMember{Stage::member("w"), seconds(20)});
  const RequestId stream = stage.ask(Stage::token(w), OpenStream{Stage::ref(w), w.after});
  stage.portions.clear();
  stage.shut_down();
  for (const RequestId id : {poll, packet, member}) EXPECT_NE(stage.answer(id), nullptr);
  ASSERT_EQ(stage.portions.size(), 1U);
  EXPECT_EQ(stage.portions[0].stream, stream);
  EXPECT_TRUE(stage.portions[0].end);
  EXPECT_EQ(refusal(stage.submit("q", {"a"})), ErrorKind::kDraining);
  EXPECT_FALSE(stage.node().health(stage.now()).ready);
  // Nobody is made to wait, and owners may still report.
  EXPECT_NE(stage.answer(stage.ask(Stage::token(w), Poll{Stage::ref(w), 1, seconds(20), w.after})),
            nullptr);
  EXPECT_EQ(owner_reply(stage.own(w, Call::kComplete, "p", 1)).status, Status::kCompleted);
}

TEST(ShutDown, PacketsStayWithTheirOwners) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.shut_down();
  stage.restart();
  EXPECT_EQ(stage.owner("p"), "w");
  EXPECT_EQ(stage.epoch("p"), 1U);
}

}  // namespace
}  // namespace phoenix
