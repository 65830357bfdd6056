// What befalls a packet without its owner's word: cancel, assign, evict, retry; deadlines,
// notBefore, attempt timeouts; waiting for room, and who gets it.
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

const MemberOptions kSteady = {.max_load = 10, .lease_seconds = 3600};

TEST(Cancel, IsFinalAndRepeatable) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.own(w, Call::kStart, "p", 1);
  EXPECT_EQ(packet_reply(stage.order(Order::kCancel, "p")).packet.status, Status::kCanceled);
  EXPECT_EQ(text(stage.heartbeat(w).revoked), "p@1:canceled");
  EXPECT_EQ(packet_reply(stage.order(Order::kCancel, "p")).packet.status, Status::kCanceled);
  EXPECT_EQ(stage.show("p").head->revision, 2U);
  EXPECT_EQ(stage.load("w"), 0U);
  stage.submit("q", {"a"});
  stage.own(w, Call::kComplete, "q", 1);
  EXPECT_EQ(refusal(stage.order(Order::kCancel, "q")), ErrorKind::kWrongState);
  EXPECT_EQ(refusal(stage.order(Order::kCancel, "nothing")), ErrorKind::kNotFound);
}

TEST(Cancel, MindsIfMatch) {
  Stage stage;
  stage.submit("p", {"a"});
  OrderPacket cancel;
  cancel.key = Stage::packet("p");
  cancel.if_revision = 2;
  const ReplyBody refused = stage.call(Stage::principal(), cancel);
  EXPECT_EQ(error_of(refused).kind, ErrorKind::kPreconditionFailed);
  EXPECT_EQ(error_of(refused).revision, 1U);
  cancel.if_revision = 1;
  EXPECT_EQ(packet_reply(stage.call(Stage::principal(), cancel)).packet.status, Status::kCanceled);
}

TEST(Retry, BringsDeadLettersBackWithCountersAtZero) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"}, [](PacketSpec& spec) { spec.max_attempts = 1; });
  EXPECT_EQ(refusal(stage.order(Order::kRetry, "p")), ErrorKind::kWrongState);
  stage.own(w, Call::kFail, "p", 1);
  ASSERT_EQ(stage.status("p"), Status::kFailed);
  EXPECT_EQ(packet_reply(stage.order(Order::kRetry, "p")).packet.status, Status::kPending);
  EXPECT_EQ(stage.owner("p"), "w");
  EXPECT_EQ(stage.epoch("p"), 2U);  // epochs go on
  EXPECT_EQ(stage.show("p").head->attempts, 0U);
  EXPECT_EQ(stage.show("p").head->losses, 0U);
  stage.own(w, Call::kComplete, "p", 2);
  EXPECT_EQ(refusal(stage.order(Order::kRetry, "p")), ErrorKind::kWrongState);
}

TEST(WastedWork, IsWhatALossTookSinceTheLastCheckpoint) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 2, .lease_seconds = 10});
  stage.submit("saved", {"a"});
  stage.submit("unsaved", {"a"});
  stage.poll(w);
  stage.advance(seconds(4));
  stage.own(w, Call::kCheckpoint, "saved", 1);
  stage.advance(seconds(2));
  EXPECT_EQ(stage.node().stats().work.ms(), 4000);
  stage.order(Order::kEvict, "saved");
  stage.order(Order::kEvict, "unsaved");
  EXPECT_EQ(stage.node().stats().work.ms(), 12'000);
  EXPECT_EQ(stage.node().stats().wasted_work.ms(), 8000);
  stage.own(w, Call::kComplete, "unsaved", 2);
  EXPECT_EQ(stage.node().stats().wasted_work.ms(), 8000);
}

TEST(Explain, SaysWhyAMemberTakesNothingNew) {
  Stage stage;
  Worker bob = stage.join("bob", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(bob);
  const auto why = [&] {
    const Explanation explained = *stage.node().explain(Stage::packet("p"));
    for (const CandidateView& seen : explained.walk.candidates) {
      if (seen.member == "bob") return seen.reason;
    }
    return std::string("not met");
  };
  EXPECT_EQ(why(), "");
  stage.restart();
  EXPECT_EQ(why(), "no call since the host's restart");
  stage.heartbeat(bob);
  EXPECT_EQ(why(), "");
  stage.join("eve", {"a"}, kSteady);
  stage.call(Stage::op(), Drain{Stage::ref(bob), 60});
  EXPECT_EQ(why(), "draining");
  stage.submit("q", {"a"});
  const ReplyBody refused = stage.order(Order::kAssign, "q", "bob");
  EXPECT_EQ(error_of(refused).kind, ErrorKind::kNotEligible);
  EXPECT_NE(error_of(refused).detail.find("draining"), std::string::npos)
      << error_of(refused).detail;
}

TEST(Retry, IsCountedOnceByState) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  const auto count = [&](Status status) {
    const Stats& stats = stage.node().stats();
    return static_cast<int64_t>(stats.packets_now[static_cast<size_t>(status)]) +
           stats.packets_ended[static_cast<size_t>(status)];
  };
  stage.submit("p", {"a"}, [](PacketSpec& spec) { spec.max_attempts = 1; });
  stage.submit("done", {"a"});
  stage.own(w, Call::kFail, "p", 1);
  stage.own(w, Call::kComplete, "done", 1);
  stage.restart();
  EXPECT_EQ(count(Status::kCompleted), 1);
  EXPECT_EQ(count(Status::kFailed), 1);
  stage.store(StoreMode::kRefuse);
  stage.order(Order::kRetry, "p");
  EXPECT_EQ(count(Status::kFailed), 1);
  stage.store(StoreMode::kWell);
  stage.order(Order::kRetry, "p");
  EXPECT_EQ(count(Status::kFailed), 0);
  stage.order(Order::kCancel, "p");
  EXPECT_EQ(count(Status::kFailed), 0);
  EXPECT_EQ(count(Status::kCanceled), 1);
  EndedCounts buried{};
  buried[static_cast<size_t>(Status::kCompleted)] = 1;
  stage.node().swept(buried);
  EXPECT_EQ(count(Status::kCompleted), 0);
  EXPECT_EQ(count(Status::kCanceled), 1);
}

TEST(Retry, CanceledAndExpiredOnesToo) {
  Stage stage;
  stage.submit("p", {"a"});
  stage.order(Order::kCancel, "p");
  EXPECT_EQ(packet_reply(stage.order(Order::kRetry, "p")).packet.status, Status::kPending);
  stage.join("w", {"a"}, kSteady);
  EXPECT_EQ(stage.owner("p"), "w");
  // Its deadline stays where it was: it would expire at once.
  stage.submit("q", {"z"}, [&](PacketSpec& spec) { spec.deadline = stage.now().wall + 1000; });
  stage.advance(milliseconds(1010));
  ASSERT_EQ(stage.status("q"), Status::kExpired);
  EXPECT_EQ(refusal(stage.order(Order::kRetry, "q")), ErrorKind::kWrongState);
}

TEST(Assign, NamesTheOwner) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  Worker x = stage.join("x", {"a"}, kSteady);
  stage.join("other", {"b"}, kSteady);
  for (const char* to : {"other", "nobody", "w"}) {
    EXPECT_EQ(refusal(stage.order(Order::kAssign, "p", to)), ErrorKind::kNotEligible) << to;
  }
  EXPECT_EQ(packet_reply(stage.order(Order::kAssign, "p", "x")).packet.head->owner->id, "x");
  EXPECT_EQ(text(stage.heartbeat(w).revoked), "p@1:evicted");
  EXPECT_EQ(text(stage.poll(x).deliveries), "p@2");
  EXPECT_EQ(stage.show("p").head->losses, 0U);
}

TEST(Evict, TakesItAwayUncharged) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.order(Order::kEvict, "p");
  // Nobody else can take it: it does not go straight back.
  EXPECT_EQ(stage.status("p"), Status::kPending);
  EXPECT_EQ(refusal(stage.order(Order::kEvict, "p")), ErrorKind::kWrongState);
  EXPECT_EQ(stage.show("p").head->losses, 0U);
  EXPECT_EQ(stage.show("p").head->attempts, 0U);
  stage.join("x", {"a"}, kSteady);
  stage.advance(milliseconds(1010));
  EXPECT_EQ(stage.owner("p"), "x");
}

// --- wall clock ---

TEST(Deadline, ExpiresItWhoeverHasIt) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  const auto soon = [&](PacketSpec& spec) { spec.deadline = stage.now().wall + 2000; };
  for (const char* id : {"assigned", "running", "backoff"}) stage.submit(id, {"a"}, soon);
  stage.submit("parked", {"z"}, soon);
  stage.submit("later", {"a"}, [&](PacketSpec& spec) {
    spec.deadline = stage.now().wall + 2000;
    spec.not_before = stage.now().wall + 5000;
  });
  stage.poll(w);
  stage.own(w, Call::kStart, "running", 1);
  OwnerCall failed = Stage::owner_call(Call::kFail, "backoff", 1);
  failed.retry_after_ms = 60'000;
  stage.own(Stage::token(w), failed);
  stage.advance(milliseconds(1999));
  for (const char* id : {"assigned", "running", "backoff", "parked", "later"}) {
    EXPECT_FALSE(is_terminal(stage.status(id))) << id;
  }
  stage.advance(milliseconds(1));
  for (const char* id : {"assigned", "running", "backoff", "parked", "later"}) {
    EXPECT_EQ(stage.status(id), Status::kExpired) << id;
  }
  EXPECT_EQ(text(stage.heartbeat(w).revoked), "assigned@1:expired running@1:expired");
  EXPECT_EQ(refusal(stage.own(w, Call::kComplete, "running", 1)), ErrorKind::kNotOwner);
  EXPECT_EQ(stage.load("w"), 0U);
}

TEST(Deadline, FollowsTheWallClockAndARestart) {
  Stage stage;
  stage.submit("p", {"a"}, [&](PacketSpec& spec) { spec.deadline = stage.now().wall + 60'000; });
  stage.submit("q", {"a"}, [&](PacketSpec& spec) { spec.deadline = stage.now().wall + 60'000; });
  stage.jump(seconds(61));
  stage.tick();
  EXPECT_EQ(stage.status("p"), Status::kExpired);
  stage.submit("r", {"a"}, [&](PacketSpec& spec) { spec.deadline = stage.now().wall + 1000; });
  stage.crash();
  stage.freeze(seconds(5));
  stage.start();
  stage.tick();
  EXPECT_EQ(stage.status("r"), Status::kExpired);
}

TEST(NotBefore, WaitsUntilThen) {
  Stage stage;
  stage.join("w", {"a"}, kSteady);
  const WallMs then = stage.now().wall + 3000;
  const PacketReply made =
      packet_reply(stage.submit("p", {"a"}, [&](PacketSpec& spec) { spec.not_before = then; }));
  EXPECT_EQ(made.packet.head->epoch, 0U);
  ASSERT_TRUE(made.packet.parked);
  EXPECT_EQ(made.packet.parked->reason, ParkReason::kNotBefore);
  EXPECT_EQ(made.packet.parked->until, then);
  stage.advance(milliseconds(2999));
  EXPECT_EQ(stage.status("p"), Status::kPending);
  stage.advance(milliseconds(1));
  EXPECT_EQ(stage.owner("p"), "w");
}

TEST(NotBefore, HoldsAlsoAfterAnEviction) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.submit("p", {"a"}, [&](PacketSpec& spec) { spec.not_before = stage.now().wall + 1; });
  stage.advance(milliseconds(2));
  ASSERT_EQ(stage.owner("p"), "w");
  stage.jump(seconds(-3600));  // somebody set the clock back
  stage.join("x", {"a"}, kSteady);
  stage.advance(milliseconds(1001));
  EXPECT_EQ(stage.parked("p"), ParkReason::kNotBefore);
}

// --- attempt timeouts ---

const auto kTwoSeconds = [](PacketSpec& spec) {
  spec.attempt_timeout_seconds = 2;
  spec.max_attempts = 2;
};

TEST(AttemptTimeout, CountsFromTheFirstDeliveryOfTheEpoch) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"}, kTwoSeconds);
  stage.advance(seconds(3));
  EXPECT_EQ(stage.status("p"), Status::kAssigned);
  stage.poll(w);
  stage.advance(milliseconds(1500));
  stage.own(w, Call::kCheckpoint, "p", 1);  // puts nothing off
  stage.attach(w);                          // nor does a second delivery
  stage.poll(w);
  stage.advance(milliseconds(499));
  EXPECT_EQ(stage.status("p"), Status::kRunning);
  stage.advance(milliseconds(2));
  EXPECT_EQ(stage.parked("p"), ParkReason::kBackoff);
  EXPECT_EQ(stage.show("p").head->attempts, 1U);
  EXPECT_EQ(text(stage.heartbeat(w).revoked), "p@1:timeout");
  stage.advance(milliseconds(1010));
  ASSERT_EQ(stage.epoch("p"), 2U);
  stage.poll(w);
  stage.advance(milliseconds(2001));
  EXPECT_EQ(stage.status("p"), Status::kFailed);
  EXPECT_EQ(stage.show("p").head->attempts, 2U);
}

TEST(AttemptTimeout, OfManualMembersFromTheGrant) {
  Stage stage;
  stage.join_manual("carol", {"a"});
  stage.submit("p", {"a"}, kTwoSeconds);
  stage.advance(milliseconds(1999));
  EXPECT_EQ(stage.status("p"), Status::kAssigned);
  stage.advance(milliseconds(2));
  EXPECT_EQ(stage.status("p"), Status::kPending);
}

TEST(AttemptTimeout, ACallShowsThatItWasDelivered) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"}, kTwoSeconds);
  stage.own(w, Call::kStart, "p", 1);
  stage.advance(milliseconds(2001));
  EXPECT_EQ(stage.status("p"), Status::kPending);
}

// --- waiting for room ---

TEST(Parking, RoomGoesByPriorityThenDeadlineThenAge) {
  Stage stage;
  Worker w = stage.join("w", {"a", "b"}, {.lease_seconds = 3600});
  stage.submit("first", {"a"});
  const WallMs now = stage.now().wall;
  stage.submit("old", {"a"});
  stage.submit("young", {"b"});
  stage.submit("late", {"a"}, [&](PacketSpec& spec) { spec.deadline = now + 900'000; });
  stage.submit("soon", {"b"}, [&](PacketSpec& spec) { spec.deadline = now + 600'000; });
  stage.submit("high", {"a"}, [](PacketSpec& spec) { spec.priority = 5; });
  stage.submit("low", {"b"}, [&](PacketSpec& spec) {
    spec.priority = -5;
    spec.deadline = now + 100'000;
  });
  std::string order;
  std::string having = "first";
  while (!having.empty()) {
    order += having + " ";
    stage.own(w, Call::kComplete, having, 1);
    having.clear();
    for (const PacketView& live : stage.node().live()) {
      if (live.head->owner) having = live.head->key.id();
    }
  }
  EXPECT_EQ(order, "first high soon late old young low ");
}

TEST(Parking, ASmallOneMayGoWhereALargeOneDoesNotFit) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 4, .lease_seconds = 3600});
  const auto load = [](uint32_t units) { return [units](PacketSpec& spec) { spec.load = units; }; };
  stage.submit("p1", {"a"}, load(3));
  stage.submit("large", {"a"}, load(2));
  EXPECT_EQ(stage.status("large"), Status::kPending);
  stage.submit("small", {"a"}, load(1));
  EXPECT_EQ(stage.owner("small"), "w");
  EXPECT_EQ(stage.load("w"), 4U);
  stage.own(w, Call::kComplete, "p1", 1);
  EXPECT_EQ(stage.owner("large"), "w");
  EXPECT_EQ(stage.load("w"), 3U);
}

TEST(Parking, SaysWhyAsThingsAreNow) {
  Stage stage;
  stage.submit("p", {"a"});
  EXPECT_EQ(stage.parked("p"), ParkReason::kNoCapableMember);
  Worker w = stage.join("w", {"a"}, {.max_load = 1, .lease_seconds = 60});
  stage.submit("q", {"a"});
  EXPECT_EQ(stage.parked("q"), ParkReason::kAllAtCapacity);
  stage.call(Stage::token(w), Retire{Stage::ref(w)});
  EXPECT_EQ(stage.parked("p"), ParkReason::kNoCapableMember);
  EXPECT_EQ(stage.parked("q"), ParkReason::kNoCapableMember);
}

TEST(Parking, WhatIsAboutToExpireIsNotGivenAway) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.restart();  // nothing is placed on w before its first call
  stage.submit("p", {"a"}, [&](PacketSpec& spec) { spec.deadline = stage.now().wall + 1000; });
  ASSERT_EQ(stage.status("p"), Status::kPending);
  stage.store(StoreMode::kHold);
  stage.advance(milliseconds(1001));
  ASSERT_EQ(stage.held(), 1U);
  stage.heartbeat(w);
  EXPECT_EQ(stage.held(), 1U);
  stage.store(StoreMode::kWell);
  EXPECT_EQ(stage.status("p"), Status::kExpired);
}

TEST(Parking, AnyOfItsCapabilitiesWillDoIfItSaysSo) {
  Stage stage;
  stage.join("w", {"b"}, kSteady);
  stage.submit("all", {"a", "b"});
  EXPECT_EQ(stage.status("all"), Status::kPending);
  stage.submit("any", {"a", "b"}, [](PacketSpec& spec) { spec.match = CapabilityMatch::kAny; });
  EXPECT_EQ(stage.owner("any"), "w");
  stage.submit("none", {});
  EXPECT_EQ(stage.owner("none"), "w");
}

TEST(Parking, AMemberWorksOnlyForItsNamespace) {
  Stage stage;
  stage.join("w", {"a"}, kSteady);
  SubmitItem item = Stage::item("p", {"a"});
  item.key = PacketKey("elsewhere", "p");
  EXPECT_EQ(packet_reply(stage.call(Stage::principal(), Stage::single(item))).packet.status,
            Status::kPending);
}

}  // namespace
}  // namespace phoenix
