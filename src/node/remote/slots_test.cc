// Slots that go from one keeper to another while their packets live.
#include <gtest/gtest.h>

#include <string>

#include "node/remote/test_hosts.h"

namespace phoenix {
namespace {

using testing_node::Hosts;
using testing_node::owner_reply;
using testing_node::packet_reply;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::text;
using testing_node::Worker;

TEST(SlotsMove, NothingIsTakenThatIsKeptElsewhere) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.max_load = 5});
  const std::string p = hosts.submit("a");
  const std::string other = hosts.id_at("a");
  EXPECT_EQ(refusal(hosts.call("b", Stage::principal(), Stage::single(Stage::item(other, {"a"})))),
            ErrorKind::kMisdirected);
  EXPECT_EQ(refusal(hosts.own("b", w, Call::kComplete, p, 1)), ErrorKind::kMisdirected);
  OrderPacket cancel;
  cancel.key = Stage::packet(p);
  EXPECT_EQ(refusal(hosts.call("b", Stage::op(), cancel)), ErrorKind::kMisdirected);
  EXPECT_EQ(refusal(hosts.call("b", Stage::op(), AwaitPacket{Stage::packet(p), seconds(1)})),
            ErrorKind::kMisdirected);
  ASSERT_TRUE(hosts.node("b").point_of(Stage::packet(p)));
  EXPECT_EQ(slot_of(*hosts.node("b").point_of(Stage::packet(p))), Hosts::slot(p));
}

// What it answers now stays the answer, and that an item has moved on is none to keep.
TEST(SlotsMove, ACallWithAKeyGoesBackWholeWhereAnItemIsKeptElsewhere) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.max_load = 5});
  const Idempotency key{.scope = {1}, .request = {2}};
  const auto list_of = [](const std::string& first, const std::string& second) {
    Submit list;
    list.items.emplace_back(Stage::item(first, {"a"}));
    list.items.emplace_back(Stage::item(second, {"a"}));
    return list;
  };
  const std::string here = hosts.id_at("b");
  const std::string there = hosts.id_at("a");
  const auto asked = [&](CommandBody body) { return hosts.call("b", Stage::op(), body, key); };
  EXPECT_EQ(refusal(asked(list_of(here, there))), ErrorKind::kMisdirected);
  EXPECT_TRUE(hosts.records.answers.empty());
  EXPECT_EQ(hosts.node("b").live_packets(), 0U);

  const std::string mine = hosts.submit("b");
  const std::string others = hosts.submit("a");
  hosts.poll("b", w);
  OwnerCalls calls;
  for (const std::string& id : {mine, others}) {
    calls.items.emplace_back(Stage::owner_call(Call::kComplete, id, 1));
  }
  EXPECT_EQ(refusal(hosts.call("b", Stage::token(w), calls, key)), ErrorKind::kMisdirected);
  EXPECT_EQ(hosts.epoch(mine), 1U);
  EXPECT_TRUE(hosts.records.answers.empty());
}

TEST(SlotsMove, AMemberThatHasItInHandNoticesNothing) {
  for (const char* home : {"a", "b", "c"}) {
    Hosts hosts({"a", "b", "c"});
    Worker w = hosts.join(home, "w", {.max_load = 5, .lease_seconds = 60});
    const std::string p = hosts.submit("a");
    hosts.poll(home, w);
    const std::string fresh = hosts.submit("a");
    hosts.move({Hosts::slot(p), Hosts::slot(fresh)}, "a", "b");
    hosts.advance(milliseconds(40));
    EXPECT_EQ(hosts.epoch(p), 1U);
    const DeliveriesReply got = hosts.poll(home, w);
    EXPECT_EQ(text(got.deliveries), fresh + "@1") << home;
    EXPECT_EQ(text(got.revoked), "");
    EXPECT_EQ(hosts.load(home, "w"), 2U);
    EXPECT_EQ(owner_reply(hosts.own("b", w, Call::kComplete, p, 1)).status, Status::kCompleted);
    EXPECT_EQ(hosts.load(home, "w"), 1U);
    hosts.advance(milliseconds(40));
    EXPECT_EQ(hosts.load("c", "w"), 1U);
    hosts.move({Hosts::slot(fresh)}, "b", "c");
    EXPECT_EQ(owner_reply(hosts.own("c", w, Call::kComplete, fresh, 1)).status, Status::kCompleted);
    EXPECT_EQ(hosts.load(home, "w"), 0U);
  }
}

TEST(SlotsMove, TheNextKeeperReadsThePayloadThatARuleReads) {
  Hosts hosts({"a", "b"});
  ApplyDocuments wanted;
  wanted.ns = "default";
  wanted.items.push_back(
      {DocumentKind::kPolicy, "large",
       R"({"target":"can-assign","defaultDecision":"allow","rules":[{"decision":"deny",
           "condition":"has(packet.payload.amount) && packet.payload.amount > 10"}]})",
       std::nullopt});
  ASSERT_FALSE(refusal(hosts.call("a", Stage::op(), wanted)));
  hosts.advance(milliseconds(40));
  const auto submit = [&hosts](const char* payload) {
    const std::string id = hosts.id_at("a");
    hosts.call("a", Stage::principal(), Stage::single(Stage::item(id, {"a"}, {}, payload)));
    return id;
  };
  const std::string small = submit(R"({"amount":5})");
  const std::string large = submit(R"({"amount":50})");
  hosts.move({Hosts::slot(small), Hosts::slot(large)}, "a", "b");
  hosts.join("b", "w", {.max_load = 5});
  hosts.advance(seconds(2));
  EXPECT_EQ(hosts.owner(small), "w");
  EXPECT_EQ(hosts.owner(large), "");
}

TEST(SlotsMove, ASlotIsLetGoWhenNothingOfItIsOnItsWay) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("a", "w", {.lease_seconds = 60});
  const std::string p = hosts.submit("a");
  hosts.poll("a", w);
  const std::string waits = hosts.submit("a");
  hosts.hold_writes("a");
  const RequestId done =
      hosts.ask("a", Stage::token(w), OwnerCalls{{Stage::owner_call(Call::kComplete, p, 1)}, true});
  hosts.give_up("a", {Hosts::slot(p), Hosts::slot(waits)});
  EXPECT_EQ(hosts.released, std::vector<SlotId>{Hosts::slot(waits)});
  EXPECT_FALSE(hosts.node("a").drives(Hosts::slot(p)));
  hosts.let_writes_go("a");
  EXPECT_EQ(hosts.released.size(), 2U);
  ASSERT_NE(hosts.answer(done), nullptr);
  EXPECT_EQ(hosts.status(p), Status::kCompleted);
  // w has room now, but the one that waits is not this host's to give any more.
  EXPECT_EQ(hosts.status(waits), Status::kPending);
  hosts.drive("b", {Hosts::slot(p), Hosts::slot(waits)});
  hosts.advance(milliseconds(40));
  EXPECT_EQ(hosts.owner(waits), "w");
  EXPECT_EQ(text(hosts.poll("a", w).deliveries), waits + "@1");
}

TEST(SlotsMove, GivenUpAndDrivenAgainBeforeItWasLetGo) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.max_load = 2, .lease_seconds = 60});
  const std::string p = hosts.submit("a");
  hosts.poll("b", w);
  hosts.hold_writes("a");
  hosts.ask("a", Stage::token(w), OwnerCalls{{Stage::owner_call(Call::kCheckpoint, p, 1)}, true});
  hosts.give_up("a", {Hosts::slot(p)});
  EXPECT_TRUE(hosts.released.empty());
  hosts.drive("a", {Hosts::slot(p)});
  hosts.let_writes_go("a");
  EXPECT_TRUE(hosts.released.empty());
  EXPECT_EQ(hosts.node("a").live_packets(), 1U);
  EXPECT_EQ(owner_reply(hosts.own("a", w, Call::kComplete, p, 1)).status, Status::kCompleted);
}

TEST(SlotsMove, WhoAwaitsAPacketIsSentOn) {
  Hosts hosts({"a", "b"});
  const std::string p = hosts.submit("a");
  const RequestId await =
      hosts.ask("a", Stage::principal(), AwaitPacket{Stage::packet(p), seconds(5)});
  hosts.move({Hosts::slot(p)}, "a", "b");
  ASSERT_NE(hosts.answer(await), nullptr);
  EXPECT_EQ(refusal(*hosts.answer(await)), ErrorKind::kMisdirected);
}

// Another host saw it live in the store, and asks the keeper a moment after it has ended.
TEST(SlotsMove, WhoAwaitsOneThatHasJustEndedIsShownHow) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w");
  const std::string p = hosts.submit("a");
  hosts.poll("b", w);
  hosts.own("a", w, Call::kComplete, p, 1);
  for (const Duration wait : {Duration{}, seconds(5)}) {
    const ReplyBody reply =
        hosts.call("a", Stage::principal(), AwaitPacket{Stage::packet(p), wait});
    EXPECT_EQ(packet_reply(reply).packet.status, Status::kCompleted);
  }
  EXPECT_EQ(refusal(hosts.call("a", Stage::principal(),
                               AwaitPacket{Stage::packet(hosts.id_at("a")), {}})),
            ErrorKind::kNotFound);
}

TEST(SlotsMove, AKeepersDeathLosesNothing) {
  Hosts hosts({"a", "b", "c"});
  Worker w = hosts.join("b", "w", {.max_load = 10, .lease_seconds = 60});
  const std::string running = hosts.submit("a");
  hosts.poll("b", w);
  const std::string fresh = hosts.submit("a");
  hosts.kill("a");
  hosts.advance(seconds(1));
  hosts.drop_dead("c");
  hosts.advance(seconds(2));
  EXPECT_EQ(hosts.epoch(running), 1U);
  EXPECT_EQ(hosts.epoch(fresh), 1U);
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), fresh + "@1");
  EXPECT_EQ(owner_reply(hosts.own("c", w, Call::kComplete, running, 1)).status, Status::kCompleted);
}

TEST(SlotsMove, WhatEndedAtTheNewKeeperBeforeItCouldSaySoIsForgotten) {
  Hosts hosts({"a", "b", "c"});
  Worker w = hosts.join("b", "w", {.max_load = 10, .lease_seconds = 60});
  const std::string p = hosts.submit("a");
  hosts.poll("b", w);
  hosts.cut_both("b", "c");
  hosts.move({Hosts::slot(p)}, "a", "c");
  OrderPacket cancel;
  cancel.key = Stage::packet(p);
  packet_reply(hosts.call("c", Stage::op(), cancel));
  for (int i = 0; i < 8; ++i) {
    hosts.advance(seconds(1));
    hosts.call("b", Stage::token(w), Heartbeat{Stage::ref(w), std::nullopt});
  }
  EXPECT_EQ(hosts.load("b", "w"), 0U);
}

TEST(SlotsMove, AStaleKeepersWordChangesNothing) {
  Hosts hosts({"a", "b", "c"});
  Worker w = hosts.join("b", "w", {.max_load = 10, .lease_seconds = 60});
  hosts.hold("a", "b");
  const std::string p = hosts.submit("a");
  hosts.move({Hosts::slot(p)}, "a", "c");
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), p + "@1");
  hosts.let_go();  // what a said before
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), "");
  EXPECT_EQ(hosts.node("c").stats().deliveries, 1U);
  EXPECT_EQ(owner_reply(hosts.own("c", w, Call::kComplete, p, 1)).status, Status::kCompleted);
  EXPECT_EQ(hosts.load("b", "w"), 0U);
  hosts.repeat_all("a", "b");
  EXPECT_EQ(hosts.load("b", "w"), 0U);
}

TEST(SlotsMove, ADeposedKeeperCallsNoEpochStaleThatItHasNotHeardOf) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.max_load = 5, .lease_seconds = 60});
  Worker v = hosts.join("b", "v", {.max_load = 5, .lease_seconds = 60});
  const std::string p = hosts.submit("a");
  const bool with_w = hosts.owner(p) == "w";
  const Worker& first = with_w ? w : v;
  const Worker& next = with_w ? v : w;
  hosts.poll("b", w);
  hosts.poll("b", v);
  hosts.drive("b", {Hosts::slot(p)});  // and nobody has told a
  OwnerCall handoff = Stage::owner_call(Call::kHandoff, p, 1);
  handoff.to = with_w ? "v" : "w";
  ASSERT_EQ(owner_reply(hosts.call("b", Stage::token(first), OwnerCalls{{handoff}, true})).epoch,
            2U);
  hosts.advance(milliseconds(1));
  EXPECT_EQ(refusal(hosts.own("a", next, Call::kStart, p, 2)), ErrorKind::kMisdirected);
  EXPECT_EQ(refusal(hosts.own("a", next, Call::kStart, p, 3)), ErrorKind::kMisdirected);
  EXPECT_EQ(refusal(hosts.own("b", next, Call::kStart, p, 3)), ErrorKind::kStaleEpoch);
  EXPECT_EQ(refusal(hosts.own("b", first, Call::kStart, p, 1)), ErrorKind::kStaleEpoch);
  EXPECT_EQ(owner_reply(hosts.own("b", next, Call::kComplete, p, 2)).status, Status::kCompleted);
}

// The host that drives its slot has ended it; what its former keeper says of it comes late.
TEST(Slots, WhatAFormerKeeperSaysOfAPacketThatIsOverIsNotTaken) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.max_load = 2, .lease_seconds = 60});
  const std::string p = hosts.submit("a", [](PacketSpec& spec) { spec.max_attempts = 1; });
  EXPECT_EQ(hosts.poll("b", w).deliveries.size(), 1U);
  hosts.move({Hosts::slot(p)}, "a", "b");
  EXPECT_EQ(owner_reply(hosts.own("b", w, Call::kFail, p, 1)).status, Status::kFailed);
  hosts.repeat_all("a", "b");
  EXPECT_EQ(hosts.load("b", "w"), 0U);
  EXPECT_TRUE(hosts.poll("b", w).deliveries.empty());
  hosts.call("b", Stage::principal(), OrderPacket{Order::kRetry, Stage::packet(p), {}, {}, {}});
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), p + "@2");
}

}  // namespace
}  // namespace phoenix
