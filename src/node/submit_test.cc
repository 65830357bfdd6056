// Creating packets: what is answered when, to whom an id belongs, what a key keeps, and the limits.
#include <gtest/gtest.h>

#include "node/test_stage.h"

namespace phoenix {
namespace {

using testing_node::digest_of;
using testing_node::error_of;
using testing_node::packet_reply;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::StoreMode;

Idempotency key_of(const std::string& key, const std::string& body) {
  return {digest_of("scope " + key), digest_of(body)};
}

TEST(Submit, WithoutAnyMemberItIsParkedAtEpochZero) {
  Stage stage;
  const PacketReply made = packet_reply(stage.submit("p", {"a"}));
  EXPECT_TRUE(made.created);
  EXPECT_EQ(made.packet.status, Status::kPending);
  EXPECT_EQ(made.packet.head->epoch, 0U);
  EXPECT_EQ(made.packet.head->revision, 1U);
  EXPECT_EQ(made.packet.head->created_at, stage.now().wall);
  ASSERT_TRUE(made.packet.parked);
  EXPECT_EQ(made.packet.parked->reason, ParkReason::kNoCapableMember);
  EXPECT_EQ(made.packet.parked->since, stage.now().wall);
}

TEST(Submit, WithRoomItIsOwnedFromItsFirstCommit) {
  Stage stage;
  stage.join("w", {"a"});
  const size_t before = stage.written.size();
  const PacketReply made = packet_reply(stage.submit("p", {"a"}));
  EXPECT_EQ(made.packet.status, Status::kAssigned);
  EXPECT_EQ(made.packet.head->epoch, 1U);
  EXPECT_EQ(made.packet.head->revision, 1U);
  EXPECT_EQ(stage.owner("p"), "w");
  EXPECT_EQ(stage.written.size(), before + 1);
  // Its member is full now; that is not the same as knowing nobody.
  EXPECT_EQ(packet_reply(stage.submit("q", {"a"})).packet.parked->reason,
            ParkReason::kAllAtCapacity);
}

TEST(Submit, IsAnsweredOnlyWhenItIsDurable) {
  Stage stage;
  stage.join("w", {"a"});
  stage.store(StoreMode::kHold);
  const RequestId first = stage.ask(Stage::principal(), Stage::single(Stage::item("p", {"a"})));
  EXPECT_EQ(stage.answer(first), nullptr);
  EXPECT_FALSE(stage.node().find(Stage::packet("p")));
  // A repeat waits for it, and so does another content under that id.
  const RequestId again = stage.ask(Stage::principal(), Stage::single(Stage::item("p", {"a"})));
  const RequestId other =
      stage.ask(Stage::principal(), Stage::single(Stage::item("p", {"a"}, {}, "2")));
  EXPECT_EQ(stage.answer(again), nullptr);
  EXPECT_EQ(stage.answer(other), nullptr);
  stage.store(StoreMode::kWell);
  ASSERT_NE(stage.answer(first), nullptr);
  EXPECT_TRUE(packet_reply(stage.answer(first)->body).created);
  EXPECT_FALSE(packet_reply(stage.answer(again)->body).created);
  EXPECT_EQ(refusal(stage.answer(other)->body), ErrorKind::kConflict);
}

TEST(Submit, TheSameIdAndContentIsTheSamePacketForEver) {
  Stage stage;
  testing_node::Worker w = stage.join("w", {"a"});
  stage.submit("p", {"a"});
  EXPECT_FALSE(packet_reply(stage.submit("p", {"a"})).created);
  EXPECT_EQ(refusal(stage.submit("p", {"a"}, {}, "2")), ErrorKind::kConflict);
  stage.own(w, Call::kComplete, "p", 1);
  const PacketReply ended = packet_reply(stage.submit("p", {"a"}));
  EXPECT_FALSE(ended.created);
  EXPECT_EQ(ended.packet.status, Status::kCompleted);
  EXPECT_EQ(refusal(stage.submit("p", {"a"}, {}, "2")), ErrorKind::kConflict);
  stage.restart();
  EXPECT_EQ(packet_reply(stage.submit("p", {"a"})).packet.status, Status::kCompleted);
  EXPECT_EQ(refusal(stage.submit("p", {"a"}, {}, "2")), ErrorKind::kConflict);
}

TEST(Submit, ATombstoneKeepsItsId) {
  Stage stage;
  Tombstone gone;
  gone.key = Stage::packet("p");
  gone.create_digest = digest_of("1");
  stage.records.tombstones[gone.key] = gone;
  EXPECT_EQ(refusal(stage.submit("p", {"a"}, {}, "2")), ErrorKind::kConflict);
  EXPECT_EQ(stage.node().live_packets(), 0U);
}

TEST(Submit, AGeneratedIdAsksTheStoreForNothing) {
  Stage stage;
  SubmitItem item = Stage::item("pkt_1", {"a"});
  item.id_from = IdSource::kFresh;
  packet_reply(stage.call(Stage::principal(), Stage::single(item)));
  EXPECT_EQ(stage.loads, 0U);
  stage.submit("p", {"a"});
  EXPECT_EQ(stage.loads, 1U);
}

TEST(Submit, WhatStandsUnderADerivedIdIsTheCallsOwnWork) {
  Stage stage;
  SubmitItem item = Stage::item("pkt_1", {"a"});
  item.id_from = IdSource::kDerived;
  EXPECT_TRUE(packet_reply(stage.call(Stage::principal(), Stage::single(item))).created);
  EXPECT_TRUE(packet_reply(stage.call(Stage::principal(), Stage::single(item))).created);
  EXPECT_EQ(stage.node().live_packets(), 1U);
  item.id_from = IdSource::kCaller;
  EXPECT_FALSE(packet_reply(stage.call(Stage::principal(), Stage::single(item))).created);
}

TEST(Submit, AStoreThatCannotBeReadRefusesAndMakesNothing) {
  Stage stage;
  stage.refuse_reads = true;
  EXPECT_EQ(refusal(stage.submit("p", {"a"})), ErrorKind::kStoreUnreachable);
  EXPECT_EQ(stage.node().live_packets(), 0U);
  stage.refuse_reads = false;
  EXPECT_TRUE(packet_reply(stage.submit("p", {"a"})).created);
}

TEST(Submit, ManyAreOneCommitAndEachStandsAlone) {
  Stage stage;
  stage.submit("old", {"a"});
  Submit many;
  many.items.emplace_back(Stage::item("p1", {"a"}));
  many.items.emplace_back(invalid("/1/requiredCapabilities", "it is missing"));
  many.items.emplace_back(Stage::item("old", {"a"}, {}, "2"));
  many.items.emplace_back(Stage::item("old", {"a"}));
  many.items.emplace_back(Stage::item("p1", {"a"}));
  many.items.emplace_back(Stage::item("p1", {"a"}, {}, "2"));
  many.items.emplace_back(Stage::item("p2", {"a"}, [&](PacketSpec& spec) { spec.deadline = 1; }));
  many.items.emplace_back(Stage::item("p3", {"a"}));
  const size_t before = stage.written.size();
  const ReplyBody reply = stage.call(Stage::principal(), many);
  EXPECT_EQ(stage.written.size(), before + 1);
  const auto& items = std::get<BatchReply>(reply).items;
  ASSERT_EQ(items.size(), 8U);
  EXPECT_TRUE(std::get<PacketReply>(items[0]).created);
  EXPECT_EQ(std::get<Error>(items[1]).kind, ErrorKind::kInvalidRequest);
  EXPECT_EQ(std::get<Error>(items[2]).kind, ErrorKind::kConflict);
  EXPECT_FALSE(std::get<PacketReply>(items[3]).created);
  EXPECT_FALSE(std::get<PacketReply>(items[4]).created);
  EXPECT_EQ(std::get<Error>(items[5]).kind, ErrorKind::kConflict);
  EXPECT_EQ(std::get<Error>(items[6]).kind, ErrorKind::kInvalidRequest);
  EXPECT_TRUE(std::get<PacketReply>(items[7]).created);
  EXPECT_EQ(stage.node().live_packets(), 3U);
}

TEST(Submit, ADeadlineThatHasPassedIsABadRequest) {
  Stage stage;
  const ReplyBody reply =
      stage.submit("p", {"a"}, [&](PacketSpec& spec) { spec.deadline = stage.now().wall; });
  const Error& error = error_of(reply);
  EXPECT_EQ(error.kind, ErrorKind::kInvalidRequest);
  ASSERT_EQ(error.fields.size(), 1U);
  EXPECT_EQ(error.fields[0].pointer, "/deadline");
}

TEST(Submit, ParkedPacketsCountAgainstTheLimit) {
  NodeConfig config;
  config.max_live_packets = 2;
  Stage stage(config);
  stage.submit("p1", {"a"});
  stage.submit("p2", {"a"});
  const ReplyBody refused = stage.submit("p3", {"a"});
  EXPECT_EQ(error_of(refused).kind, ErrorKind::kTooManyRequests);
  EXPECT_TRUE(error_of(refused).retry_after_ms);
  EXPECT_FALSE(packet_reply(stage.submit("p1", {"a"})).created);  // it makes nothing new
  stage.order(Order::kCancel, "p1");
  EXPECT_TRUE(packet_reply(stage.submit("p3", {"a"})).created);
  // Bringing one back needs room too.
  EXPECT_EQ(refusal(stage.order(Order::kRetry, "p1")), ErrorKind::kTooManyRequests);
}

TEST(Submit, OverTheLimitOnlyTheRestOfAnArrayIsRefused) {
  NodeConfig config;
  config.max_live_packets = 2;
  Stage stage(config);
  Submit many;
  for (const char* id : {"p1", "p2", "p3"}) many.items.emplace_back(Stage::item(id, {"a"}));
  const ReplyBody reply = stage.call(Stage::principal(), many);
  const auto& items = std::get<BatchReply>(reply).items;
  EXPECT_TRUE(std::holds_alternative<PacketReply>(items[1]));
  EXPECT_EQ(std::get<Error>(items[2]).kind, ErrorKind::kTooManyRequests);
}

TEST(IdempotencyKey, IsCommittedWithWhatItMade) {
  Stage stage;
  const Idempotency key = key_of("k", "body");
  stage.call(Stage::principal(), Stage::single(Stage::item("p", {"a"})), key);
  ASSERT_EQ(stage.written.size(), 1U);
  EXPECT_EQ(stage.written[0].ops.size(), 2U);
  ASSERT_TRUE(stage.records.answers.contains(key.scope));
  const PutAnswer& kept = stage.records.answers[key.scope];
  EXPECT_EQ(kept.request, key.request);
  EXPECT_EQ(kept.expires_at, stage.now().wall + 24LL * 3600 * 1000);
  const auto answer = decode_reply(kept.answer);
  ASSERT_TRUE(answer);
  EXPECT_EQ(packet_reply(*answer).packet.head->key, Stage::packet("p"));
  EXPECT_TRUE(packet_reply(*answer).created);
}

TEST(IdempotencyKey, IsTakenWhileItsFirstCallRuns) {
  Stage stage;
  stage.store(StoreMode::kHold);
  const Idempotency key = key_of("k", "body");
  const RequestId first =
      stage.ask(Stage::principal(), Stage::single(Stage::item("p", {"a"})), key);
  const ReplyBody second =
      stage.call(Stage::principal(), Stage::single(Stage::item("p", {"a"})), key);
  EXPECT_EQ(error_of(second).kind, ErrorKind::kConflict);
  EXPECT_TRUE(error_of(second).retry_after_ms);
  stage.store(StoreMode::kWell);
  EXPECT_NE(stage.answer(first), nullptr);
}

TEST(IdempotencyKey, IsFreeAgainAfterARefusal) {
  Stage stage;
  const Idempotency key = key_of("k", "body");
  stage.store(StoreMode::kRefuse);
  EXPECT_EQ(refusal(stage.call(Stage::principal(), Stage::single(Stage::item("p", {"a"})), key)),
            ErrorKind::kStoreUnreachable);
  EXPECT_TRUE(stage.records.answers.empty());
  stage.store(StoreMode::kWell);
  EXPECT_TRUE(
      packet_reply(stage.call(Stage::principal(), Stage::single(Stage::item("p", {"a"})), key))
          .created);
}

TEST(Await, AnswersAtTheEndOrWhenTheTimeIsOver) {
  Stage stage;
  testing_node::Worker w = stage.join("w", {"a"}, {.lease_seconds = 60});
  stage.submit("p", {"a"});
  const RequestId shorter =
      stage.ask(Stage::principal(), AwaitPacket{Stage::packet("p"), milliseconds(500)});
  const RequestId longer =
      stage.ask(Stage::principal(), AwaitPacket{Stage::packet("p"), seconds(30)});
  stage.advance(milliseconds(499));
  EXPECT_EQ(stage.answer(shorter), nullptr);
  stage.advance(milliseconds(1));
  ASSERT_NE(stage.answer(shorter), nullptr);
  EXPECT_EQ(packet_reply(stage.answer(shorter)->body).packet.status, Status::kAssigned);
  stage.store(StoreMode::kHold);
  stage.ask(Stage::token(w), OwnerCalls{{Stage::owner_call(Call::kComplete, "p", 1)}, true});
  EXPECT_EQ(stage.answer(longer), nullptr);
  stage.store(StoreMode::kWell);
  ASSERT_NE(stage.answer(longer), nullptr);
  EXPECT_EQ(packet_reply(stage.answer(longer)->body).packet.status, Status::kCompleted);
  EXPECT_EQ(refusal(stage.call(Stage::principal(), AwaitPacket{Stage::packet("x"), {}})),
            ErrorKind::kNotFound);
}

}  // namespace
}  // namespace phoenix
