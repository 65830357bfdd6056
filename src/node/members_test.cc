// Members: registering, taking over, changing, draining, retiring, being forgotten.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "node/test_stage.h"

namespace phoenix {
namespace {

using testing_node::digest_of;
using testing_node::error_of;
using testing_node::MemberOptions;
using testing_node::owner_reply;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::StoreMode;
using testing_node::text;
using testing_node::Worker;

const MemberOptions kSteady = {.max_load = 10, .lease_seconds = 600};

MemberView view(Stage& stage, const std::string& id) {
  return *stage.node().find_member(Stage::member(id));
}

TEST(Register, GivesASessionAndTheFirstIncarnation) {
  Stage stage;
  const ReplyBody reply = stage.call(
      Stage::principal(), stage.registration({Stage::record("w", {"a"})}, {.grace_ms = 250}));
  const auto& made = std::get<MembersReply>(reply);
  EXPECT_TRUE(made.created);
  ASSERT_TRUE(made.session);
  EXPECT_EQ(made.session->grace_ms, 250U);
  EXPECT_EQ(made.run, 1U);
  EXPECT_EQ(made.lease_ms, made.session->lease_seconds * 1000);
  EXPECT_EQ(made.incarnation, 1U);
  ASSERT_EQ(made.members.size(), 1U);
  const MemberRecord& record = *made.members[0].record;
  EXPECT_EQ(record.status, MemberStatus::kActive);
  EXPECT_EQ(record.incarnation, 1U);
  EXPECT_EQ(record.revision, 1U);
  EXPECT_EQ(record.joined_at, stage.now().wall);
}

TEST(Register, ManyAreAllOrNone) {
  Stage stage;
  stage.join("w2", {"a"}, kSteady);
  const ReplyBody reply =
      stage.call(Stage::principal(),
                 stage.registration({Stage::record("w1", {"a"}), Stage::record("w2", {"a"})}));
  EXPECT_EQ(refusal(reply), ErrorKind::kMemberExists);
  EXPECT_FALSE(stage.node().find_member(Stage::member("w1")));
}

TEST(Register, AnIdInUseIsRefusedAlsoWhileItDrains) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  const auto again = [&] {
    return refusal(stage.call(Stage::principal(), stage.registration({Stage::record("w", {"a"})})));
  };
  EXPECT_EQ(again(), ErrorKind::kMemberExists);
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.call(Stage::token(w), Drain{Stage::ref(w), {}});
  ASSERT_EQ(stage.member_status("w"), MemberStatus::kDraining);
  EXPECT_EQ(again(), ErrorKind::kMemberExists);
  stage.own(w, Call::kComplete, "p", 1);
  ASSERT_EQ(stage.member_status("w"), MemberStatus::kRetired);
  EXPECT_EQ(again(), std::nullopt);
  EXPECT_EQ(view(stage, "w").record->incarnation, 2U);
}

TEST(Register, TwoAtOnceForOneIdOneWins) {
  Stage stage;
  stage.store(StoreMode::kHold);
  const RequestId first =
      stage.ask(Stage::principal(), stage.registration({Stage::record("w", {"a"})}));
  const RequestId second =
      stage.ask(Stage::principal(), stage.registration({Stage::record("w", {"a"})}));
  EXPECT_EQ(stage.answer(first), nullptr);
  EXPECT_EQ(stage.answer(second), nullptr);
  stage.store(StoreMode::kWell);
  ASSERT_NE(stage.answer(second), nullptr);
  EXPECT_EQ(refusal(stage.answer(first)->body), std::nullopt);
  EXPECT_EQ(refusal(stage.answer(second)->body), ErrorKind::kMemberExists);
}

TEST(Register, ReplaceEndsTheOldSessionChargedLikeALostLease) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  const RequestId poll = stage.ask(Stage::token(w), Poll{Stage::ref(w), 1, seconds(20), w.after});
  Worker next = stage.join("w", {"a"}, {.max_load = 10, .lease_seconds = 600, .replace = true});
  EXPECT_EQ(next.incarnation, 2U);
  EXPECT_NE(next.session, w.session);
  ASSERT_NE(stage.answer(poll), nullptr);
  EXPECT_EQ(refusal(stage.answer(poll)->body), ErrorKind::kSessionReplaced);
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Heartbeat{Stage::ref(w), {}})),
            ErrorKind::kSessionReplaced);
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Attach{Stage::ref(w)})),
            ErrorKind::kSessionReplaced);
  EXPECT_EQ(stage.show("p").head->losses, 1U);
  EXPECT_EQ(text(stage.poll(next).deliveries), "p@2");
}

TEST(Register, OnlyTheSameTokenOrAnOperatorMayReplace) {
  Stage stage;
  stage.join("w", {"a"}, kSteady);
  const auto replace = [&](Caller caller) {
    return refusal(stage.call(std::move(caller),
                              stage.registration({Stage::record("w", {"a"})}, {.replace = true})));
  };
  EXPECT_EQ(replace(Stage::principal("stranger")), ErrorKind::kForbidden);
  EXPECT_EQ(view(stage, "w").record->incarnation, 1U);
  EXPECT_EQ(replace(Stage::op()), std::nullopt);
  EXPECT_EQ(view(stage, "w").record->incarnation, 2U);
}

TEST(Register, ReplaceOfAFreeIdIsAPlainOne) {
  Stage stage;
  EXPECT_EQ(stage.join("w", {"a"}, {.replace = true}).incarnation, 1U);
}

TEST(Register, OverTheLimitIsRefused) {
  NodeConfig config;
  config.max_members = 2;
  Stage stage(config);
  stage.join("w1", {"a"}, kSteady);
  const auto refused = refusal(
      stage.call(Stage::principal(),
                 stage.registration({Stage::record("w2", {"a"}), Stage::record("w3", {"a"})})));
  EXPECT_TRUE(refused == ErrorKind::kTooManyRequests || refused == ErrorKind::kOverloaded);
  Worker w2 = stage.join("w2", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  // One that is known already takes no further place.
  EXPECT_EQ(stage.join("w2", {"a"}).incarnation, 2U);
}

TEST(SessionMembers, OfOneSessionComeAndGoWithoutEnd) {
  Stage stage;
  Worker w = stage.join("steady", {"a"}, kSteady);
  const SessionRef whole = {"default", "", w.session};
  uint64_t added = 0;
  for (int round = 0; round < 12; ++round) {
    AddMembers add{whole, {}};
    RemoveMembers remove{whole, {}};
    for (int i = 0; i < 1000; ++i) {
      // Half of them under ids that were there before.
      const std::string id = "m" + std::to_string(i < 500 ? i : round * 1000 + i);
      add.members.push_back(Stage::record(id, {"b"}));
      remove.ids.push_back(id);
    }
    const ReplyBody reply = stage.call(Stage::token(w), add);
    for (const ItemReply& item : std::get<BatchReply>(reply).items) {
      added += std::holds_alternative<OwnerReply>(item) ? 1 : 0;
    }
    ASSERT_EQ(refusal(stage.call(Stage::token(w), remove)), std::nullopt);
  }
  EXPECT_EQ(added, 12'000U);
  stage.submit("p", {"a"});
  EXPECT_EQ(text(stage.poll(w).deliveries), "p@1");
}

TEST(SessionMembers, CountAgainstTheHostsLimitToo) {
  NodeConfig config;
  config.max_members = 3;
  Stage stage(config);
  Worker w = stage.join("w", {"a"}, kSteady);
  AddMembers add{{"default", "", w.session}, {}};
  for (const char* id : {"x", "y", "z"}) add.members.push_back(Stage::record(id, {"b"}));
  const ReplyBody reply = stage.call(Stage::token(w), add);
  const auto& items = std::get<BatchReply>(reply).items;
  EXPECT_TRUE(std::holds_alternative<OwnerReply>(items[1]));
  EXPECT_EQ(std::get<Error>(items[2]).kind, ErrorKind::kTooManyRequests);
}

TEST(Register, AForgottenIdNeverGoesBackToAnEarlierIncarnation) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  stage.attach(w);
  ASSERT_EQ(w.incarnation, 2U);
  stage.advance(milliseconds(1001));
  stage.advance(seconds(3600 + 20));
  ASSERT_FALSE(stage.node().find_member(Stage::member("w")));
  EXPECT_EQ(stage.join("w", {"a"}).incarnation, 3U);
  EXPECT_EQ(stage.join("new", {"a"}).incarnation, 3U);
}

TEST(Register, AForgottenIdIsRememberedByTheNextRunOfTheHost) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 1});
  stage.advance(milliseconds(1001));
  stage.attach(w);
  ASSERT_EQ(w.incarnation, 2U);
  stage.advance(milliseconds(1001));
  stage.advance(seconds(3600 + 20));
  ASSERT_FALSE(stage.node().find_member(Stage::member("w")));
  stage.restart();
  EXPECT_EQ(stage.join("w", {"a"}).incarnation, 3U);
}

TEST(SessionMembers, AreAddedAndRemoved) {
  Stage stage;
  Worker w = stage.join("w1", {"a"}, kSteady);
  stage.join("taken", {"z"}, kSteady);
  const SessionRef whole = {"default", "", w.session};
  const ReplyBody added = stage.call(
      Stage::token(w), AddMembers{whole, {Stage::record("w2", {"b"}), Stage::record("taken", {})}});
  const auto& items = std::get<BatchReply>(added).items;
  EXPECT_TRUE(std::holds_alternative<OwnerReply>(items[0]));
  EXPECT_EQ(std::get<Error>(items[1]).kind, ErrorKind::kMemberExists);
  stage.submit("p", {"b"});
  EXPECT_EQ(stage.owner("p"), "w2");
  EXPECT_EQ(text(stage.poll(w).deliveries), "p@1");
  stage.call(Stage::token(w), RemoveMembers{whole, {"w2"}});
  EXPECT_EQ(stage.member_status("w2"), MemberStatus::kRetired);
  EXPECT_EQ(stage.status("p"), Status::kPending);
  EXPECT_EQ(text(stage.heartbeat(w).revoked), "p@1:evicted");
  EXPECT_EQ(stage.member_status("w1"), MemberStatus::kActive);
}

// --- changing ---

TEST(Patch, WhatItHoldsStays) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p1", {"a"});
  stage.submit("p2", {"a"});
  PatchMember patch;
  patch.key = Stage::member("w");
  patch.capabilities = {{"b"}};
  patch.max_load = 1;
  stage.call(Stage::token(w), patch);
  EXPECT_EQ(stage.owner("p1"), "w");
  EXPECT_EQ(stage.owner("p2"), "w");
  stage.submit("p3", {"a"});
  EXPECT_EQ(stage.parked("p3"), ParkReason::kNoCapableMember);
  stage.submit("p4", {"b"});
  EXPECT_EQ(stage.parked("p4"), ParkReason::kAllAtCapacity);
  stage.own(w, Call::kComplete, "p1", 1);
  EXPECT_EQ(stage.status("p4"), Status::kPending);
  stage.own(w, Call::kComplete, "p2", 1);
  EXPECT_EQ(stage.owner("p4"), "w");
}

TEST(Patch, MergesLabelsAndMindsTheRevision) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  PatchMember patch;
  patch.key = Stage::member("w");
  patch.labels = {{"zone", "a"}, {"rack", "7"}};
  stage.call(Stage::token(w), patch);
  patch.labels = {{"rack", std::nullopt}, {"row", ""}};
  patch.if_revision = 2;
  stage.call(Stage::token(w), patch);
  using Labels = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(view(stage, "w").record->labels, (Labels{{"row", ""}, {"zone", "a"}}));
  EXPECT_EQ(view(stage, "w").record->revision, 3U);
  const ReplyBody late = stage.call(Stage::token(w), patch);
  EXPECT_EQ(error_of(late).kind, ErrorKind::kPreconditionFailed);
  EXPECT_EQ(error_of(late).revision, 3U);
}

TEST(Patch, NewCapabilitiesAndMoreRoomWakeWhatWaits) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 600});
  for (const char* id : {"p1", "p2"}) stage.submit(id, {"b"});
  PatchMember patch;
  patch.key = Stage::member("w");
  patch.capabilities = {{"a", "b"}};
  stage.call(Stage::token(w), patch);
  EXPECT_EQ(stage.owner("p1"), "w");
  patch.capabilities.reset();
  patch.max_load = 2;
  stage.call(Stage::token(w), patch);
  EXPECT_EQ(stage.owner("p2"), "w");
}

// --- draining ---

ReplyBody drain(Stage& stage, const Worker& w, std::optional<uint32_t> deadline = std::nullopt) {
  return stage.call(Stage::token(w), Drain{Stage::ref(w), deadline});
}

TEST(Drain, WithNothingInHandItRetiresAtOnce) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  EXPECT_TRUE(std::get<MembersReply>(drain(stage, w)).accepted);
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kRetired);
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Poll{Stage::ref(w), 1, {}, {}})), ErrorKind::kGone);
}

TEST(Drain, FinishesWhatWasDeliveredAndGivesAwayTheRest) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.submit("q", {"a"});
  Worker x = stage.join("x", {"a"}, kSteady);
  drain(stage, w, 5);
  EXPECT_EQ(stage.owner("p"), "w");
  EXPECT_EQ(stage.owner("q"), "x");
  EXPECT_EQ(stage.show("q").head->losses, 0U);
  EXPECT_EQ(text(stage.poll(x).deliveries), "q@2");
  stage.submit("r", {"a"});
  EXPECT_EQ(stage.owner("r"), "x");
  const DeliveriesReply beat = stage.heartbeat(w);
  ASSERT_TRUE(beat.drain);
  EXPECT_EQ(beat.drain->deadline, stage.now().wall + 5000);
  ASSERT_EQ(beat.drain->members.size(), 1U);
  EXPECT_EQ(beat.drain->members[0].first, "w");
  stage.own(w, Call::kComplete, "p", 1);
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kRetired);
}

TEST(Drain, AWaitingPollIsToldOfIt) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  const RequestId poll = stage.ask(Stage::token(w), Poll{Stage::ref(w), 1, seconds(20), w.after});
  stage.call(Stage::op(), Drain{Stage::ref(w), 9});
  ASSERT_NE(stage.answer(poll), nullptr);
  EXPECT_TRUE(std::get<DeliveriesReply>(stage.answer(poll)->body).drain);
}

TEST(Drain, AtItsDeadlineTheRestIsTakenUncharged) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  Worker x = stage.join("x", {"a"}, kSteady);
  drain(stage, w, 5);
  stage.advance(milliseconds(4990));
  EXPECT_EQ(stage.owner("p"), "w");
  stage.advance(milliseconds(20));
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kRetired);
  EXPECT_EQ(stage.owner("p"), "x");
  EXPECT_EQ(stage.show("p").head->losses, 0U);
  EXPECT_EQ(stage.show("p").head->attempts, 0U);
  EXPECT_EQ(refusal(stage.own(w, Call::kComplete, "p", 1)), ErrorKind::kStaleEpoch);
}

TEST(Drain, WhenItsSessionEndsItRetires) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, {.lease_seconds = 2});
  stage.submit("p", {"a"});
  stage.poll(w);
  drain(stage, w);
  stage.advance(milliseconds(2001));
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kRetired);
  EXPECT_EQ(stage.show("p").head->losses, 1U);  // it was lost with it in hand
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Attach{Stage::ref(w)})), ErrorKind::kGone);
}

TEST(Drain, OfTwoInASessionOnlyTheDrainedOneRetiresWithIt) {
  Stage stage;
  Worker w = stage.join_all({"w1", "w2"}, {"a"}, {.lease_seconds = 2});
  stage.submit("p", {"a"});
  stage.submit("q", {"a"});
  stage.poll(w);
  stage.call(Stage::token(w), Drain{{"default", "w1", ""}, {}});
  stage.advance(milliseconds(2001));
  EXPECT_EQ(stage.member_status("w1"), MemberStatus::kRetired);
  EXPECT_EQ(stage.member_status("w2"), MemberStatus::kDetached);
  Worker other = w;
  other.id = "w2";
  EXPECT_EQ(stage.attach(other).session.generation, 2U);
  EXPECT_EQ(stage.member_status("w1"), MemberStatus::kRetired);
  EXPECT_EQ(stage.member_status("w2"), MemberStatus::kActive);
}

TEST(Drain, GoesOnAfterARestart) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  drain(stage, w, 5);
  stage.restart();
  stage.heartbeat(w);
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kDraining);
  stage.submit("q", {"a"});
  EXPECT_EQ(stage.status("q"), Status::kPending);
  stage.advance(milliseconds(5010));
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kRetired);
}

TEST(Drain, CanBeAwaited) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  drain(stage, w);
  const RequestId shorter =
      stage.ask(Stage::principal(), AwaitMember{Stage::member("w"), seconds(1)});
  const RequestId longer =
      stage.ask(Stage::principal(), AwaitMember{Stage::member("w"), seconds(20)});
  stage.advance(milliseconds(1001));
  ASSERT_NE(stage.answer(shorter), nullptr);
  EXPECT_EQ(std::get<MembersReply>(stage.answer(shorter)->body).members[0].record->status,
            MemberStatus::kDraining);
  stage.own(w, Call::kComplete, "p", 1);
  ASSERT_NE(stage.answer(longer), nullptr);
  EXPECT_EQ(std::get<MembersReply>(stage.answer(longer)->body).members[0].record->status,
            MemberStatus::kRetired);
}

TEST(Resume, CallsTheDrainOffAndWakesWhatWaits) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  drain(stage, w, 2);
  stage.submit("q", {"a"});
  EXPECT_EQ(stage.status("q"), Status::kPending);
  EXPECT_EQ(refusal(stage.call(Stage::token(w), Resume{Stage::ref(w)})), std::nullopt);
  EXPECT_EQ(stage.owner("q"), "w");
  stage.advance(seconds(3));
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kActive);
  EXPECT_EQ(stage.owner("p"), "w");
  EXPECT_FALSE(stage.heartbeat(w).drain);
}

TEST(Retire, EvictsAllAndIsChargedLikeALostLease) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kSteady);
  stage.submit("p", {"a"});
  stage.poll(w);
  stage.submit("q", {"a"});
  Worker x = stage.join("x", {"a"}, kSteady);
  EXPECT_EQ(refusal(stage.call(Stage::token(x), Retire{Stage::ref(w)})), ErrorKind::kForbidden);
  const ReplyBody reply = stage.call(Stage::token(w), Retire{Stage::ref(w)});
  ASSERT_EQ(std::get<MembersReply>(reply).members.size(), 1U);
  EXPECT_EQ(std::get<MembersReply>(reply).members[0].record->status, MemberStatus::kRetired);
  EXPECT_EQ(stage.owner("p"), "x");
  EXPECT_EQ(stage.show("p").head->losses, 1U);
  EXPECT_EQ(stage.show("q").head->losses, 0U);
}

TEST(Retire, OfAManualMemberIsTheOperators) {
  Stage stage;
  stage.join_manual("carol", {"a"}, 2);
  stage.submit("p", {"a"});
  const SessionRef carol = {"default", "carol", ""};
  EXPECT_EQ(refusal(stage.call(Caller{}, Retire{carol})), ErrorKind::kUnauthenticated);
  stage.call(Stage::op(), Retire{carol});
  EXPECT_EQ(stage.member_status("carol"), MemberStatus::kRetired);
  EXPECT_EQ(stage.status("p"), Status::kPending);
}

}  // namespace
}  // namespace phoenix
