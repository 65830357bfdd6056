// Attaching again: in time, too late, repeated, taken over, after a restart of the host.
#include <gtest/gtest.h>

#include <string>

#include "node/test_stage.h"

namespace phoenix {
namespace {

using testing_node::error_of;
using testing_node::MemberOptions;
using testing_node::owner_reply;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::StoreMode;
using testing_node::text;
using testing_node::Worker;

std::string held(const AttachReply& reply) {
  std::string out;
  for (const auto& [id, epoch] : reply.held) {
    out += (out.empty() ? "" : " ") + id + "@" + std::to_string(epoch);
  }
  return out;
}

TEST(AttachInTime, KeepsEverythingAndIsRepeatable) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 5, .lease_seconds = 3});
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.own(w, Call::kStart, "p", 1);
  stage.advance(milliseconds(2900));
  for (int i = 0; i < 3; ++i) {
    const AttachReply reply = stage.attach(w);
    EXPECT_EQ(reply.session.id, w.session);
    EXPECT_EQ(reply.session.generation, 1U);
    EXPECT_EQ(reply.incarnation, 1U);
    EXPECT_EQ(reply.lease_ms, 3000U);
    EXPECT_EQ(held(reply), "p@1");
    stage.advance(milliseconds(2900));
  }
  EXPECT_EQ(stage.owner("p"), "w");
}

TEST(AttachInTime, PutsAllThatIsHeldUpAgainAlsoWhatWasBegun) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 5, .lease_seconds = 30});
  for (const char* id : {"p1", "p2", "p3"}) stage.submit(id, {"a"});
  stage.poll(w);
  stage.own(w, Call::kStart, "p1", 1);
  stage.own(w, Call::kCheckpoint, "p2", 1);
  const std::optional<std::string> before = w.after;
  const AttachReply reply = stage.attach(w);
  EXPECT_EQ(reply.held.size(), 3U);
  // An acknowledgement from before says nothing of the new positions.
  w.after = before;
  const DeliveriesReply got = stage.poll(w);
  EXPECT_EQ(got.deliveries.size(), 3U);
  for (const Delivery& delivery : got.deliveries) {
    const bool saved = delivery.packet.head->key == Stage::packet("p2");
    EXPECT_EQ(delivery.packet.head->content(ContentKind::kCheckpoint).present, saved);
  }
  EXPECT_EQ(text(stage.poll(w).deliveries), "");
}

TEST(AttachInTime, FromThenOnOnlyAfterAcknowledges) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 30});
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.attach(w);
  stage.own(w, Call::kStart, "p", 1);
  EXPECT_EQ(text(stage.poll(w).deliveries), "p@1");
}

TEST(AttachInTime, ListsRevocationsThatWereNotAcknowledged) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 5, .lease_seconds = 30});
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.order(Order::kCancel, "p");
  stage.call(Stage::token(w), Heartbeat{Stage::ref(w), w.after});  // its answer is lost
  const AttachReply reply = stage.attach(w);
  EXPECT_EQ(text(reply.revoked), "p@1:canceled");
  EXPECT_EQ(held(reply), "");
  EXPECT_EQ(text(stage.heartbeat(w).revoked), "");
}

TEST(AttachInTime, AnswersThePollsThatWait) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 30});
  const RequestId poll = stage.ask(Stage::token(w), Poll{Stage::ref(w), 1, seconds(10), {}});
  stage.attach(w);
  ASSERT_NE(stage.answer(poll), nullptr);
  EXPECT_TRUE(std::get<DeliveriesReply>(stage.answer(poll)->body).deliveries.empty());
  stage.submit("p", {"a"});
  EXPECT_EQ(text(stage.poll(w).deliveries), "p@1");
}

TEST(AttachInTime, ListsNothingThatIsNotDurableYet) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 5, .lease_seconds = 30});
  stage.submit("p", {"a"});
  stage.store(StoreMode::kHold);
  stage.ask(Stage::principal(), Stage::single(Stage::item("q", {"a"})));
  EXPECT_EQ(held(stage.attach(w)), "p@1");
  stage.store(StoreMode::kWell);
  EXPECT_EQ(text(stage.poll(w).deliveries), "p@1 q@1");
}

TEST(AttachLate, IsANewLifeWithNothingInHand) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.advance(milliseconds(1001));
  const Worker before = w;
  const AttachReply reply = stage.attach(w);
  EXPECT_EQ(reply.session.id, before.session);
  EXPECT_EQ(reply.session.generation, 2U);
  EXPECT_EQ(reply.incarnation, 2U);
  EXPECT_EQ(held(reply), "");
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kActive);
  // It may get the packet anew, under another epoch.
  EXPECT_EQ(text(stage.poll(w).deliveries), "p@2");
  EXPECT_EQ(refusal(stage.own(w, Call::kComplete, "p", 1)), ErrorKind::kStaleEpoch);
}

TEST(AttachLate, ARepeatGetsTheSameUntilTheNewTokenIsUsed) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  const Worker before = w;
  const AttachReply first = stage.attach(w);
  stage.submit("p", {"a"});
  Worker again = before;
  const AttachReply second = stage.attach(again);
  EXPECT_EQ(second.session.generation, first.session.generation);
  EXPECT_EQ(second.incarnation, first.incarnation);
  // For this call alone: the old token does nothing else.
  EXPECT_TRUE(refusal(stage.call(Stage::token(before), Poll{Stage::ref(w), 1, {}, {}})));
  stage.poll(w);
  EXPECT_EQ(refusal(stage.call(Stage::token(before), Attach{Stage::ref(w)})),
            ErrorKind::kSessionReplaced);
}

// On a slow day its answers come too late time and again, and its lease is over each time.
TEST(AttachLate, WhoGetsNoAnswerMayAskAgainByTheOldTokenHoweverOften) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  const Worker before = w;
  for (uint64_t life = 2; life < 5; ++life) {
    stage.advance(milliseconds(1001));
    Worker again = before;
    const AttachReply reply = stage.attach(again);
    EXPECT_EQ(reply.session.generation, 2U);
    EXPECT_EQ(reply.incarnation, life);
    w = again;
  }
  // The answer came at last, and too late.
  stage.advance(milliseconds(1001));
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Poll{Stage::ref(w), 1, {}, {}})),
            ErrorKind::kSessionLapsed);
  stage.attach(w);
  stage.poll(w);
  EXPECT_EQ(refusal(stage.call(Stage::token(before), Attach{Stage::ref(w)})),
            ErrorKind::kSessionReplaced);
}

TEST(AttachLate, ATokenOnceUsedClosesTheOneBeforeOverARestartToo) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  const Worker before = w;
  stage.attach(w);
  stage.poll(w);
  stage.restart();
  EXPECT_EQ(refusal(stage.call(Stage::token(before), Attach{Stage::ref(w)})),
            ErrorKind::kSessionReplaced);
  EXPECT_EQ(stage.attach(w).session.generation, 2U);
}

TEST(AttachLate, ATokenNotYetUsedIsFetchedAgainAfterARestart) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  Worker again = w;
  stage.attach(w);
  stage.restart();
  EXPECT_EQ(stage.attach(again).session.generation, 2U);
  stage.submit("p", {"a"});
  EXPECT_EQ(text(stage.poll(again).deliveries), "p@1");
}

TEST(AttachLate, TheFirstUseIsAnsweredWhenItIsDurable) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  const Worker before = w;
  stage.attach(w);
  stage.store(StoreMode::kHold);
  const RequestId first = stage.ask(Stage::token(w), Poll{Stage::ref(w), 1, {}, {}});
  const RequestId old = stage.ask(Stage::token(before), Attach{Stage::ref(w)});
  EXPECT_EQ(stage.answer(first), nullptr);
  EXPECT_EQ(stage.answer(old), nullptr);
  stage.store(StoreMode::kWell);
  ASSERT_NE(stage.answer(first), nullptr);
  EXPECT_TRUE(std::holds_alternative<DeliveriesReply>(stage.answer(first)->body));
  ASSERT_NE(stage.answer(old), nullptr);
  EXPECT_EQ(refusal(stage.answer(old)->body), ErrorKind::kSessionReplaced);
  // Only the first: the next ones write nothing.
  const size_t written = stage.written.size();
  stage.heartbeat(w);
  EXPECT_EQ(stage.written.size(), written);
}

TEST(AttachLate, AUseThatTheStoreRefusedCountsWhileTheHostLivesAndIsTriedAgain) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  const Worker before = w;
  stage.attach(w);
  stage.store(StoreMode::kRefuse);
  stage.heartbeat(w);
  EXPECT_EQ(refusal(stage.call(Stage::token(before), Attach{Stage::ref(w)})),
            ErrorKind::kSessionReplaced);
  stage.store(StoreMode::kWell);
  stage.heartbeat(w);
  stage.restart();
  EXPECT_EQ(refusal(stage.call(Stage::token(before), Attach{Stage::ref(w)})),
            ErrorKind::kSessionReplaced);
}

TEST(AttachLate, ARepeatBeforeTheSyncWaitsForIt) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  stage.store(StoreMode::kHold);
  const RequestId first = stage.ask(Stage::token(w), Attach{Stage::ref(w)});
  const RequestId second = stage.ask(Stage::token(w), Attach{Stage::ref(w)});
  EXPECT_EQ(stage.answer(first), nullptr);
  EXPECT_EQ(stage.answer(second), nullptr);
  stage.store(StoreMode::kWell);
  ASSERT_NE(stage.answer(second), nullptr);
  EXPECT_EQ(std::get<AttachReply>(stage.answer(first)->body).session.generation, 2U);
  EXPECT_EQ(std::get<AttachReply>(stage.answer(second)->body).session.generation, 2U);
}

TEST(AttachLate, WorksAfterARestartToo) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  stage.restart();
  EXPECT_EQ(stage.attach(w).session.generation, 2U);
  stage.submit("p", {"a"});
  EXPECT_EQ(stage.owner("p"), "w");
}

TEST(AttachLate, WhoWasTakenOverStopsForGood) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  const Worker next = stage.join("w", {"a"}, {.lease_seconds = 60});
  EXPECT_EQ(next.incarnation, 2U);
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Attach{Stage::ref(w)})),
            ErrorKind::kSessionReplaced);
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Poll{Stage::ref(w), 1, {}, {}})),
            ErrorKind::kSessionReplaced);
  stage.restart();
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Attach{Stage::ref(w)})),
            ErrorKind::kSessionReplaced);
}

TEST(AttachLate, OfManyOnlyThoseThatNobodyTookComeBack) {
  Stage stage;
  Worker w = stage.join_all({"w1", "w2"}, {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  stage.join("w1", {"b"}, {.lease_seconds = 60});
  // The one that was taken over is told so; the other attaches.
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Heartbeat{{"default", "w1", ""}, {}})),
            ErrorKind::kSessionReplaced);
  Worker other = w;
  other.id = "w2";
  EXPECT_EQ(stage.attach(other).session.generation, 2U);
  EXPECT_EQ(stage.member_status("w2"), MemberStatus::kActive);
  EXPECT_EQ(stage.node().find_member(Stage::member("w2"))->record->incarnation, 2U);
  stage.submit("p", {"b"});
  EXPECT_EQ(stage.owner("p"), "w1");
}

TEST(Attach, WhoRetiredIsGone) {
  Stage stage;
  Worker w = stage.join("w", {"a"});
  stage.call(Stage::token(w), Retire{Stage::ref(w)});
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Attach{Stage::ref(w)})), ErrorKind::kGone);
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Heartbeat{Stage::ref(w), {}})), ErrorKind::kGone);
}

TEST(AttachLate, WhoHadRetiredAloneStaysSo) {
  Stage stage;
  Worker w = stage.join_all({"w1", "w2"}, {"a"}, {.lease_seconds = 1});
  stage.call(Stage::op(), Retire{{"default", "w2", ""}});
  EXPECT_EQ(stage.member_status("w2"), MemberStatus::kRetired);
  stage.advance(milliseconds(1001));
  EXPECT_EQ(stage.member_status("w1"), MemberStatus::kDetached);
  EXPECT_EQ(stage.member_status("w2"), MemberStatus::kRetired);
  stage.attach(w);
  EXPECT_EQ(stage.member_status("w1"), MemberStatus::kActive);
  EXPECT_EQ(stage.member_status("w2"), MemberStatus::kRetired);
}

TEST(Attach, NeedsItsOwnToken) {
  Stage stage;
  Worker w = stage.join("w", {"a"});
  Worker x = stage.join("x", {"a"});
  EXPECT_EQ(refusal(stage.call(Stage::token(x), Attach{Stage::ref(w)})), ErrorKind::kForbidden);
  EXPECT_EQ(refusal(stage.call(Caller{}, Attach{Stage::ref(w)})), ErrorKind::kUnauthenticated);
  EXPECT_EQ(refusal(stage.call(Stage::op(), Attach{Stage::ref(w)})), ErrorKind::kUnauthenticated);
  Worker unknown = w;
  unknown.session = "s99";
  EXPECT_EQ(refusal(stage.call(Stage::token(unknown), Attach{Stage::ref(w)})),
            ErrorKind::kUnauthenticated);
}

}  // namespace
}  // namespace phoenix
