// The fence: whose word counts, in which order a call is refused, and which answers are kept.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "node/test_stage.h"

namespace phoenix {
namespace {

using testing_node::error_of;
using testing_node::owner_reply;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::StoreMode;
using testing_node::Worker;

// What was handed to the store, but for the log's notes of who was refused.
size_t changes(const Stage& stage) {
  return static_cast<size_t>(
      std::count_if(stage.written.begin(), stage.written.end(), [](const Group& group) {
        return !std::all_of(group.ops.begin(), group.ops.end(),
                            [](const Op& op) { return std::holds_alternative<PutNote>(op); });
      }));
}

constexpr std::array<Call, 6> kCalls = {Call::kStart, Call::kCheckpoint, Call::kComplete,
                                        Call::kFail,  Call::kRelease,    Call::kHandoff};

// A call that would be taken, were it the owner's.
OwnerCall any(Call kind, uint64_t epoch, const std::string& content = "1") {
  OwnerCall call = Stage::owner_call(kind, "p", epoch, content);
  if (kind == Call::kHandoff) call.to = "other";
  return call;
}

class Fence : public testing::TestWithParam<Call> {
 protected:
  Fence() {
    old_ = stage_.join("old", {"a"}, {.lease_seconds = 1});
    stage_.submit("p", {"a"});
    stage_.poll(old_);
    other_ = stage_.join("other", {"a"}, {.lease_seconds = 3600});
  }
  // `other` owns it at epoch 2.
  void lose() {
    stage_.advance(milliseconds(1001));
    ASSERT_EQ(stage_.owner("p"), "other");
    ASSERT_EQ(stage_.epoch("p"), 2U);
  }
  void expect_problem(const ReplyBody& reply, ErrorKind kind, const std::string& owner,
                      Status status) {
    const Error& error = error_of(reply);
    EXPECT_EQ(kind_name(error.kind), kind_name(kind)) << error.detail;
    EXPECT_EQ(error.epoch, stage_.epoch("p"));
    EXPECT_EQ(error.owner, owner);
    EXPECT_EQ(error.packet_status, status_name(status));
  }
  Stage stage_;
  Worker old_;
  Worker other_;
};

TEST_P(Fence, AnOlderEpochIsStale) {
  lose();
  const size_t before = changes(stage_);
  expect_problem(stage_.own(Stage::token(old_), any(GetParam(), 1)), ErrorKind::kStaleEpoch,
                 "other", Status::kAssigned);
  // Also from the present owner.
  expect_problem(stage_.own(Stage::token(other_), any(GetParam(), 1)), ErrorKind::kStaleEpoch,
                 "other", Status::kAssigned);
  EXPECT_EQ(changes(stage_), before);
}

TEST_P(Fence, AnEpochThatWasNeverGrantedIsStale) {
  for (const uint64_t epoch : {uint64_t{0}, uint64_t{2}, ~uint64_t{0}}) {
    expect_problem(stage_.own(Stage::token(old_), any(GetParam(), epoch)), ErrorKind::kStaleEpoch,
                   "old", Status::kAssigned);
  }
}

TEST_P(Fence, TheNewestEpochOfSomebodyElseIsNotOwner) {
  expect_problem(stage_.own(Stage::token(other_), any(GetParam(), 1)), ErrorKind::kNotOwner, "old",
                 Status::kAssigned);
}

TEST_P(Fence, AfterTheOwnerIsGoneToNobodyItIsNotOwner) {
  stage_.order(Order::kEvict, "p");
  stage_.own(other_, Call::kRelease, "p", 2);
  ASSERT_EQ(stage_.status("p"), Status::kPending);
  OwnerCall call = any(GetParam(), 2);
  call.digest = testing_node::digest_of("something else");
  expect_problem(stage_.own(Stage::token(old_), call), ErrorKind::kNotOwner, "", Status::kPending);
}

TEST_P(Fence, ADeadTokenIsNeverUnauthenticated) {
  lose();
  expect_problem(stage_.own(Stage::token(old_), any(GetParam(), 2)), ErrorKind::kNotOwner, "other",
                 Status::kAssigned);
  // Nor half an hour later, nor after a restart of the host.
  stage_.heartbeat(other_);
  stage_.advance(seconds(1800));
  expect_problem(stage_.own(Stage::token(old_), any(GetParam(), 1)), ErrorKind::kStaleEpoch,
                 "other", stage_.status("p"));
  stage_.restart();
  expect_problem(stage_.own(Stage::token(old_), any(GetParam(), 1)), ErrorKind::kStaleEpoch,
                 "other", Status::kAssigned);
}

TEST_P(Fence, AnOlderTokenOfTheOwnerIsNotOwner) {
  stage_.advance(milliseconds(1001));
  stage_.poll(other_);  // else `old` would draw it back
  const Worker before = old_;
  stage_.attach(old_);
  stage_.submit("q", {"a"});
  ASSERT_EQ(stage_.owner("q"), "old");
  OwnerCall call = any(GetParam(), 1);
  call.key = Stage::packet("q");
  EXPECT_EQ(refusal(stage_.own(Stage::token(before), call)), ErrorKind::kNotOwner);
  EXPECT_EQ(stage_.owner("q"), "old");
}

TEST_P(Fence, WithoutATokenNothingIsTold) {
  EXPECT_EQ(refusal(stage_.own(Caller{}, any(GetParam(), 1))), ErrorKind::kUnauthenticated);
  OwnerCall unknown = any(GetParam(), 1);
  unknown.key = Stage::packet("nothing");
  EXPECT_EQ(refusal(stage_.own(Caller{}, unknown)), ErrorKind::kUnauthenticated);
  EXPECT_EQ(refusal(stage_.own(Stage::token(old_), unknown)), ErrorKind::kNotFound);
  // A principal, operator or not, is no owner.
  EXPECT_EQ(refusal(stage_.own(Stage::op(), any(GetParam(), 1))), ErrorKind::kUnauthenticated);
}

TEST_P(Fence, AnEndedPacketRefusesWhoeverDidNotEndIt) {
  stage_.order(Order::kCancel, "p");
  const ReplyBody reply = stage_.own(Stage::token(old_), any(GetParam(), 1));
  expect_problem(reply, ErrorKind::kNotOwner, "", Status::kCanceled);
}

INSTANTIATE_TEST_SUITE_P(EveryCall, Fence, testing::ValuesIn(kCalls),
                         [](const auto& info) { return std::string(call_name(info.param)); });

// --- kept answers ---

class Kept : public testing::TestWithParam<Call> {
 protected:
  Kept() {
    first_ = stage_.join("first", {"a"}, {.lease_seconds = 600});
    stage_.submit("p", {"a"});
    stage_.poll(first_);
    other_ = stage_.join("other", {"a"}, {.lease_seconds = 600});
    answer_ = owner_reply(stage_.own(Stage::token(first_), any(GetParam(), 1)));
  }
  void expect_same(const Worker& who) {
    const OwnerReply again = owner_reply(stage_.own(Stage::token(who), any(GetParam(), 1)));
    EXPECT_EQ(again.id, answer_.id);
    EXPECT_EQ(again.status, answer_.status);
    EXPECT_EQ(again.epoch, answer_.epoch);
    EXPECT_EQ(again.revision, answer_.revision);
  }
  Stage stage_;
  Worker first_;
  Worker other_;
  OwnerReply answer_;
};

TEST_P(Kept, TheSameCallGetsTheSameAnswerAndChangesNothing) {
  const size_t before = stage_.written.size();
  expect_same(first_);
  EXPECT_EQ(stage_.written.size(), before);
  stage_.advance(seconds(2));  // whatever its backoff has made of it
  expect_same(first_);
}

TEST_P(Kept, AnotherCallOfThatEpochIsWrongState) {
  EXPECT_EQ(answer_.id, "p");
  for (const Call kind : kCalls) {
    OwnerCall other = any(kind, 1, "2");
    const std::optional<ErrorKind> kind_of = refusal(stage_.own(Stage::token(first_), other));
    // A handoff to a member has raised the epoch: both refusals mean "stop".
    const bool stale = kind_of == ErrorKind::kStaleEpoch && stage_.epoch("p") > 1;
    EXPECT_TRUE(kind_of == ErrorKind::kWrongState || stale) << call_name(kind);
  }
}

TEST_P(Kept, ItOutlivesTheHostAndTheCallersSession) {
  stage_.restart();
  expect_same(first_);
  const Worker dead = first_;
  stage_.join("first", {"a"}, {.lease_seconds = 600, .replace = true});
  expect_same(dead);
}

TEST_P(Kept, ANewLifeOfTheMemberGetsItToo) {
  stage_.advance(seconds(601));
  stage_.attach(first_);
  expect_same(first_);
}

TEST_P(Kept, NobodyElseGetsIt) {
  const std::optional<ErrorKind> kind =
      refusal(stage_.own(Stage::token(other_), any(GetParam(), 1)));
  ASSERT_TRUE(kind);
  EXPECT_TRUE(*kind == ErrorKind::kStaleEpoch || *kind == ErrorKind::kNotOwner);
}

TEST_P(Kept, ARepeatWaitsForTheSync) {
  Stage stage;
  Worker w = stage.join("w", {"a"});
  stage.join("other", {"b"});
  stage.submit("p", {"a"});
  OwnerCall call = any(GetParam(), 1);
  if (GetParam() == Call::kHandoff) {
    call.to.clear();
    call.required = {{"nobody"}};
  }
  stage.store(StoreMode::kHold);
  const RequestId first = stage.ask(Stage::token(w), OwnerCalls{{call}, true});
  const RequestId second = stage.ask(Stage::token(w), OwnerCalls{{call}, true});
  EXPECT_EQ(stage.answer(first), nullptr);
  EXPECT_EQ(stage.answer(second), nullptr);
  stage.store(StoreMode::kWell);
  ASSERT_NE(stage.answer(second), nullptr);
  EXPECT_EQ(owner_reply(stage.answer(first)->body).revision,
            owner_reply(stage.answer(second)->body).revision);
}

INSTANTIATE_TEST_SUITE_P(EveryFinalCall, Kept,
                         testing::Values(Call::kComplete, Call::kFail, Call::kRelease,
                                         Call::kHandoff),
                         [](const auto& info) { return std::string(call_name(info.param)); });

TEST(KeptAnswers, AreThoseOfTheNewestSixteenEpochs) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 3600});
  stage.submit("p", {"a"});
  const auto release = [&](uint64_t epoch) {
    OwnerCall call = Stage::owner_call(Call::kRelease, "p", epoch);
    call.retry_after_ms = 0;
    return stage.own(Stage::token(w), call);
  };
  for (uint64_t epoch = 1; epoch <= 17; ++epoch) {
    EXPECT_EQ(owner_reply(release(epoch)).epoch, epoch);
    stage.advance(milliseconds(10));
    ASSERT_EQ(stage.epoch("p"), epoch + 1);
  }
  EXPECT_EQ(refusal(release(1)), ErrorKind::kStaleEpoch);
  EXPECT_EQ(owner_reply(release(2)).epoch, 2U);
  EXPECT_EQ(owner_reply(release(17)).epoch, 17U);
  EXPECT_EQ(stage.show("p").head->attempts, 0U);
}

// --- :complete ---

TEST(CompleteMany, AnswersItemByItemInOneCommit) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.max_load = 10});
  Worker other = stage.join("other", {"b"});
  for (const char* id : {"p1", "p2", "p3"}) stage.submit(id, {"a"});
  stage.submit("q", {"b"});
  OwnerCalls many;
  many.items.emplace_back(Stage::owner_call(Call::kComplete, "p1", 1));
  many.items.emplace_back(Stage::owner_call(Call::kComplete, "p2", 7));
  many.items.emplace_back(Stage::owner_call(Call::kComplete, "q", 1));
  many.items.emplace_back(Stage::owner_call(Call::kComplete, "nothing", 1));
  many.items.emplace_back(invalid("/4/id", "it is missing"));
  many.items.emplace_back(Stage::owner_call(Call::kComplete, "p3", 1));
  const size_t before = changes(stage);
  for (int round = 0; round < 2; ++round) {
    const ReplyBody reply = stage.call(Stage::token(w), many);
    const auto& items = std::get<BatchReply>(reply).items;
    ASSERT_EQ(items.size(), 6U);
    EXPECT_EQ(std::get<OwnerReply>(items[0]).status, Status::kCompleted);
    EXPECT_EQ(std::get<OwnerReply>(items[0]).revision, 2U);
    EXPECT_EQ(std::get<Error>(items[1]).kind, ErrorKind::kStaleEpoch);
    EXPECT_EQ(std::get<Error>(items[2]).kind, ErrorKind::kNotOwner);
    EXPECT_EQ(std::get<Error>(items[3]).kind, ErrorKind::kNotFound);
    EXPECT_EQ(std::get<Error>(items[4]).kind, ErrorKind::kInvalidRequest);
    EXPECT_EQ(std::get<OwnerReply>(items[5]).status, Status::kCompleted);
    // The repeat gets the kept answers and writes nothing.
    EXPECT_EQ(changes(stage), before + 1);
  }
}

TEST(CompleteMany, OfAPacketTwiceOneAloneCounts) {
  Stage stage;
  Worker w = stage.join("w", {"a"});
  stage.submit("p", {"a"});
  OwnerCalls many;
  many.items.emplace_back(Stage::owner_call(Call::kComplete, "p", 1, "good"));
  many.items.emplace_back(Stage::owner_call(Call::kComplete, "p", 1, "other"));
  many.items.emplace_back(Stage::owner_call(Call::kComplete, "p", 1, "good"));
  const ReplyBody reply = stage.call(Stage::token(w), many);
  const auto& items = std::get<BatchReply>(reply).items;
  ASSERT_TRUE(std::holds_alternative<OwnerReply>(items[0]));
  ASSERT_TRUE(std::holds_alternative<Error>(items[1]));
  EXPECT_EQ(std::get<Error>(items[1]).kind, ErrorKind::kWrongState);
  ASSERT_TRUE(std::holds_alternative<OwnerReply>(items[2]));  // the same call: the same answer
  EXPECT_EQ(std::get<OwnerReply>(items[2]).revision, 2U);
  EXPECT_EQ(stage.show("p").head->revision, 2U);
}

// --- in the name of a manual member ---

TEST(As, ItsRegistrarAndOperatorsSpeakForAManualMember) {
  Stage stage;
  stage.join_manual("carol", {"a"}, 10);
  Worker w = stage.join("w", {"b"});
  for (const char* id : {"p1", "p2", "p3"}) stage.submit(id, {"a"});
  const auto complete = [](const char* id) { return Stage::owner_call(Call::kComplete, id, 1); };
  EXPECT_EQ(refusal(stage.own(Stage::as("carol", "stranger"), complete("p1"))),
            ErrorKind::kForbidden);
  EXPECT_EQ(refusal(stage.own(Stage::as("nobody"), complete("p1"))), ErrorKind::kNotFound);
  EXPECT_EQ(refusal(stage.own(Stage::as("w"), complete("p1"))), ErrorKind::kForbidden);
  EXPECT_EQ(refusal(stage.own(Stage::token(w), complete("p1"))), ErrorKind::kNotOwner);
  EXPECT_EQ(owner_reply(stage.own(Stage::as("carol"), complete("p1"))).status, Status::kCompleted);
  Caller op = Stage::op();
  op.as_member = "carol";
  EXPECT_EQ(owner_reply(stage.own(op, complete("p2"))).status, Status::kCompleted);
  op.as_member = "w";
  EXPECT_EQ(refusal(stage.own(op, complete("p3"))), ErrorKind::kForbidden);
}

}  // namespace
}  // namespace phoenix
