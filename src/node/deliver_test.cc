// What a session is told, when, how often, and what its acknowledgements mean.
#include <gtest/gtest.h>

#include <string>

#include "node/test_stage.h"

namespace phoenix {
namespace {

using testing_node::MemberOptions;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::StoreMode;
using testing_node::text;
using testing_node::Worker;

const MemberOptions kSteady = {.max_load = 100, .lease_seconds = 60};

DeliveriesReply told(const Stage& stage, RequestId id) {
  const Reply* reply = stage.answer(id);
  if (reply == nullptr || !std::holds_alternative<DeliveriesReply>(reply->body)) {
    ADD_FAILURE() << "no deliveries";
    return {};
  }
  return std::get<DeliveriesReply>(reply->body);
}

TEST(Poll, CarriesTheAssignmentWithItsEpochRunAndLease) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  const DeliveriesReply got = stage.poll(w);
  ASSERT_EQ(got.deliveries.size(), 1U);
  EXPECT_EQ(got.deliveries[0].member, "w");
  EXPECT_EQ(got.deliveries[0].epoch, 1U);
  EXPECT_EQ(got.deliveries[0].packet.head->key, Stage::packet("p"));
  EXPECT_EQ(got.run, 1U);
  EXPECT_EQ(got.lease_ms, 60'000U);
  EXPECT_FALSE(got.drain);
  EXPECT_EQ(got.next.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-"),
            std::string::npos);
  EXPECT_EQ(text(stage.poll(w).deliveries), "");
}

TEST(Poll, CarriesNothingThatIsNotDurable) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.store(StoreMode::kHold);
  stage.ask(Stage::principal(), Stage::single(Stage::item("p", {"a"})));
  EXPECT_EQ(text(stage.poll(w).deliveries), "");
  const RequestId waits = stage.ask(Stage::token(w), Poll{Stage::ref(w), 10, seconds(5), w.after});
  EXPECT_EQ(stage.answer(waits), nullptr);
  stage.store(StoreMode::kWell);
  EXPECT_EQ(text(told(stage, waits).deliveries), "p@1");
}

TEST(Poll, WhatMaxHeldBackIsNotAcknowledged) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  for (const char* id : {"p1", "p2", "p3", "p4", "p5"}) stage.submit(id, {"a"});
  EXPECT_EQ(text(stage.poll(w, 2).deliveries), "p1@1 p2@1");
  EXPECT_EQ(text(stage.poll(w, 2).deliveries), "p3@1 p4@1");
  EXPECT_EQ(text(stage.poll(w, 2).deliveries), "p5@1");
  EXPECT_EQ(text(stage.poll(w, 2).deliveries), "");
}

TEST(Poll, ALostAnswerComesAgain) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.poll(w);
  stage.submit("p1", {"a"});
  const std::optional<std::string> before = w.after;
  EXPECT_EQ(text(stage.poll(w).deliveries), "p1@1");
  w.after = before;  // it never saw that answer
  stage.submit("p2", {"a"});
  // What is new comes first, what is repeated rides along.
  EXPECT_EQ(text(stage.poll(w).deliveries), "p2@1 p1@1");
  EXPECT_EQ(text(stage.poll(w).deliveries), "");
}

TEST(Poll, WithoutAfterARepeatComesEveryThirdOfALease) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p1", {"a"});
  stage.submit("p2", {"a"});
  const auto blind = [&] {
    w.after.reset();
    return text(stage.poll(w).deliveries);
  };
  EXPECT_EQ(blind(), "p1@1 p2@1");
  EXPECT_EQ(blind(), "");
  stage.advance(milliseconds(19'990));
  EXPECT_EQ(blind(), "");
  stage.advance(milliseconds(20));
  EXPECT_EQ(blind(), "p1@1 p2@1");
  EXPECT_EQ(blind(), "");
  stage.own(w, Call::kStart, "p1", 1);  // what was begun is not delivered again
  stage.own(w, Call::kCheckpoint, "p2", 1);
  stage.advance(seconds(21));
  EXPECT_EQ(blind(), "");
}

TEST(Poll, AnAfterThatNobodyKnowsIsNone) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.advance(seconds(21));
  for (const char* after : {"zzz", "", "7-1-0", "1-99-0", "1-1-5", "1-1-0x"}) {
    w.after = after;
    EXPECT_EQ(text(stage.poll(w).deliveries), "p@1") << after;
    stage.advance(seconds(21));
  }
}

TEST(Poll, IsBoundedByBytesButBringsOneAtLeast) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  const std::string mebibyte(1 << 20, '1');
  for (const char* id : {"p1", "p2", "p3", "p4", "p5"}) stage.submit(id, {"a"}, {}, mebibyte);
  const size_t first = stage.poll(w).deliveries.size();
  EXPECT_GE(first, 3U);
  EXPECT_LE(first, 4U);
  EXPECT_EQ(stage.poll(w).deliveries.size(), 5 - first);
  stage.submit("huge", {"a"}, {}, std::string(5 << 20, '1'));
  EXPECT_EQ(text(stage.poll(w).deliveries), "huge@1");
}

TEST(Poll, WaitsForNewsHalfALeaseAtMost) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 4});
  const RequestId id = stage.ask(Stage::token(w), Poll{Stage::ref(w), 1, seconds(30), w.after});
  stage.advance(milliseconds(1999));
  EXPECT_EQ(stage.answer(id), nullptr);
  stage.advance(milliseconds(7));
  EXPECT_EQ(text(told(stage, id).deliveries), "");
}

TEST(Poll, RepeatsWakeNobodyRevocationsDo) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  w.after.reset();
  const RequestId id = stage.ask(Stage::token(w), Poll{Stage::ref(w), 10, seconds(30), w.after});
  stage.advance(milliseconds(25'000));
  EXPECT_EQ(stage.answer(id), nullptr);
  stage.order(Order::kCancel, "p");
  EXPECT_EQ(text(told(stage, id).revoked), "p@1:canceled");
}

TEST(Poll, OneWhoWentAwayTakesNothingAlong) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  const RequestId gone = stage.ask(Stage::token(w), Poll{Stage::ref(w), 10, seconds(20), w.after});
  const RequestId here = stage.ask(Stage::token(w), Poll{Stage::ref(w), 10, seconds(20), w.after});
  stage.abandon(gone);
  stage.submit("p", {"a"});
  EXPECT_EQ(stage.answer(gone), nullptr);
  EXPECT_EQ(text(told(stage, here).deliveries), "p@1");
}

TEST(Poll, TooManyThatWaitAreRefused) {
  NodeConfig config;
  config.max_waiting = 2;
  Stage stage(config);
  Worker w = stage.join("w", {"a"}, kSteady);
  for (int i = 0; i < 2; ++i) {
    stage.ask(Stage::token(w), Poll{Stage::ref(w), 10, seconds(20), w.after});
  }
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Poll{Stage::ref(w), 10, seconds(20), w.after})),
            ErrorKind::kTooManyRequests);
  stage.poll(w);  // one that does not wait is answered
}

TEST(Heartbeat, NeverPassesADelivery) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.poll(w);
  stage.submit("p", {"a"});
  const DeliveriesReply beat = stage.heartbeat(w);
  EXPECT_EQ(text(beat.deliveries), "");
  EXPECT_EQ(text(stage.poll(w).deliveries), "p@1");
}

TEST(Heartbeat, BringsRevocations) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.submit("q", {"a"});
  stage.poll(w);
  stage.order(Order::kCancel, "p");
  EXPECT_EQ(text(stage.heartbeat(w).revoked), "p@1:canceled");
  EXPECT_EQ(text(stage.heartbeat(w).revoked), "");
  stage.order(Order::kEvict, "q");
  EXPECT_EQ(text(stage.heartbeat(w).revoked), "q@1:evicted");
}

TEST(Heartbeat, OfAnotherIsNotAccepted) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  Worker x = stage.join("x", {"a"}, kSteady);
  EXPECT_EQ(refusal(stage.call(Stage::token(x), Heartbeat{Stage::ref(w), {}})),
            ErrorKind::kForbidden);
  EXPECT_EQ(refusal(stage.call(Stage::op(), Heartbeat{Stage::ref(w), {}})),
            ErrorKind::kUnauthenticated);
  EXPECT_EQ(refusal(stage.call(Stage::op(), Poll{Stage::ref(w), 1, {}, {}})),
            ErrorKind::kUnauthenticated);
  EXPECT_EQ(refusal(stage.call(Caller{}, Poll{Stage::ref(w), 1, {}, {}})),
            ErrorKind::kUnauthenticated);
}

// --- streams ---

std::string streamed(Stage& stage, RequestId stream) {
  std::string out;
  for (const StreamPortion& portion : std::exchange(stage.portions, {})) {
    if (portion.stream != stream) continue;
    const std::string items = text(portion.portion.deliveries) + text(portion.portion.revoked);
    out += (out.empty() ? "" : " ") + items + (portion.end ? "end" : "");
  }
  return out;
}

TEST(Stream, SaysWhatThereIsAndThenWhatComes) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p1", {"a"});
  const RequestId stream = stage.ask(Stage::token(w), OpenStream{Stage::ref(w), {}});
  ASSERT_NE(stage.answer(stream), nullptr);
  EXPECT_TRUE(std::holds_alternative<StreamOpened>(stage.answer(stream)->body));
  EXPECT_EQ(streamed(stage, stream), "p1@1");
  stage.submit("p2", {"a"});
  EXPECT_EQ(streamed(stage, stream), "p2@1");
  stage.order(Order::kCancel, "p1");
  EXPECT_EQ(streamed(stage, stream), "p1@1:canceled");
}

TEST(Stream, ResumesBehindWhatItsAfterSays) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p1", {"a"});
  const RequestId first = stage.ask(Stage::token(w), OpenStream{Stage::ref(w), {}});
  const std::string next = stage.portions.at(0).portion.next;
  stage.close_stream(first, true);
  stage.submit("p2", {"a"});
  stage.portions.clear();
  const RequestId second = stage.ask(Stage::token(w), OpenStream{Stage::ref(w), next});
  EXPECT_EQ(streamed(stage, second), "p2@1");
}

TEST(Stream, EndsWithItsSession) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  const RequestId stream = stage.ask(Stage::token(w), OpenStream{Stage::ref(w), {}});
  stage.portions.clear();
  stage.advance(milliseconds(1001));  // an open stream renews nothing
  EXPECT_EQ(streamed(stage, stream), "end");
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kDetached);
}

// --- what was not taken ---

TEST(NotTaken, GoesToOthersAfterALeaseUncharged) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 2});
  stage.submit("p", {"a"});
  Worker x = stage.join("x", {"a"}, kSteady);
  stage.advance(seconds(1));
  stage.heartbeat(w);
  stage.advance(milliseconds(990));
  EXPECT_EQ(stage.owner("p"), "w");
  stage.advance(milliseconds(20));
  EXPECT_EQ(stage.owner("p"), "x");
  EXPECT_EQ(stage.show("p").head->losses, 0U);
  EXPECT_EQ(stage.show("p").head->attempts, 0U);
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kActive);
  EXPECT_EQ(text(stage.poll(w).deliveries), "");
  EXPECT_EQ(text(stage.poll(x).deliveries), "p@2");
}

TEST(NotTaken, StaysWithTheOnlyOneWhoCanTakeIt) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 2});
  stage.submit("p", {"a"});
  for (int i = 0; i < 5; ++i) {
    stage.advance(seconds(1));
    stage.heartbeat(w);
  }
  EXPECT_EQ(stage.owner("p"), "w");
  EXPECT_EQ(stage.load("w"), 1U);
  EXPECT_EQ(text(stage.poll(w).deliveries).substr(0, 2), "p@");
}

}  // namespace
}  // namespace phoenix
