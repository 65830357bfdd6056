// Sessions that go from one home to another, and homes that are lost.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "node/remote/test_hosts.h"

namespace phoenix {
namespace {

using testing_node::error_of;
using testing_node::Hosts;
using testing_node::owner_reply;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::text;
using testing_node::Worker;

using Held = std::set<std::string>;
Held held(const AttachReply& reply) {
  Held all;
  for (const auto& [id, epoch] : reply.held) all.insert(id + "@" + std::to_string(epoch));
  return all;
}

// A client that had no answer in time asks another host, while the first still carries it out: both
// name the session that follows from the call's key.
TEST(Homes, TheSameRegistrationAtAnotherHostEndsNothing) {
  Hosts hosts({"a", "b"});
  Worker before = hosts.join("a", "w", {.lease_seconds = 10});
  Register wanted;
  wanted.single = true;
  wanted.members = {Stage::record("w", {"a"}, {.lease_seconds = 10})};
  wanted.lease_seconds = 10;
  wanted.session_id = "of-its-key";
  for (const bool replace : {true, false}) {
    wanted.replace = replace;
    for (const char* host : {"a", "b", "a"}) {
      const ReplyBody reply = hosts.call(host, Stage::principal(), wanted);
      const auto* made = std::get_if<MembersReply>(&reply);
      ASSERT_NE(made, nullptr) << error_of(reply).detail;
      EXPECT_EQ(made->session->id, "of-its-key");
      EXPECT_EQ(made->session->generation, 1U);
      EXPECT_EQ(made->incarnation, 2U) << host;
    }
  }
  EXPECT_EQ(hosts.home("of-its-key"), "a");
  // Another call's key names another session.
  wanted.session_id = "of-another";
  EXPECT_EQ(refusal(hosts.call("b", Stage::principal(), wanted)), ErrorKind::kMemberExists);
}

// Its write is done and its answer is lost; by another host the worker has it, and calls.
TEST(Homes, ASessionOfAWriteThatIsStillOpenIsReadFromTheStore) {
  for (const bool by_session : {false, true}) {
    Hosts hosts({"a", "b"});
    hosts.leave_untold("a");
    Register wanted;
    wanted.members = {Stage::record("v", {"a"}, {.lease_seconds = 10}),
                      Stage::record("w", {"a"}, {.lease_seconds = 10})};
    wanted.lease_seconds = 10;
    wanted.session_id = "s";
    EXPECT_EQ(hosts.answer(hosts.ask("a", Stage::principal(), wanted)), nullptr);
    Worker w;
    w.id = "w";
    w.session = "s";
    w.generation = 1;
    SessionRef ref = Stage::ref(w);
    if (by_session) ref = {.ns = ref.ns, .member = "", .session = "s"};
    EXPECT_EQ(refusal(hosts.call("a", Stage::token(w), Heartbeat{ref, std::nullopt})),
              std::nullopt);
    hosts.leave_untold("a", false);
    const std::string p = hosts.submit("a");
    const ReplyBody told = hosts.call("a", Stage::token(w), Poll{ref, 9, {}, {}});
    EXPECT_EQ(text(Stage::deliveries(w, told).deliveries), p + "@1");
  }
}

TEST(Homes, AttachingElsewhereInTimeKeepsEverything) {
  Hosts hosts({"a", "b", "c"});
  Worker w = hosts.join("a", "w", {.max_load = 9, .lease_seconds = 10});
  const std::string at_a = hosts.submit("a");
  const std::string at_b = hosts.submit("b");
  const std::string at_c = hosts.submit("c");
  hosts.poll("a", w);
  const RequestId poll =
      hosts.ask("a", Stage::token(w), Poll{Stage::ref(w), 1, seconds(4), w.after});
  const AttachReply reply = hosts.attach("b", w);
  EXPECT_EQ(held(reply), (Held{at_a + "@1", at_b + "@1", at_c + "@1"}));
  EXPECT_EQ(reply.session.generation, 1U);
  EXPECT_EQ(reply.incarnation, 1U);
  EXPECT_EQ(hosts.home(w.session), "b");
  ASSERT_NE(hosts.answer(poll), nullptr);
  EXPECT_TRUE(std::get<DeliveriesReply>(*hosts.answer(poll)).deliveries.empty());
  EXPECT_EQ(refusal(hosts.call("a", Stage::token(w), Poll{Stage::ref(w), 1, {}, {}})),
            ErrorKind::kMisdirected);
  EXPECT_EQ(hosts.poll("b", w).deliveries.size(), 3U);
  hosts.advance(milliseconds(40));
  EXPECT_EQ(hosts.load("a", "w"), 3U);
  EXPECT_EQ(hosts.load("b", "w"), 3U);
  EXPECT_EQ(hosts.load("c", "w"), 3U);
  const std::pair<std::string, std::string> all[] = {{"a", at_a}, {"b", at_b}, {"c", at_c}};
  for (const auto& [keeper, id] : all) {
    EXPECT_EQ(owner_reply(hosts.own(keeper, w, Call::kComplete, id, 1)).status, Status::kCompleted);
  }
  hosts.advance(milliseconds(100));
  EXPECT_EQ(hosts.load("c", "w"), 0U);
  // Back again, and new work comes there.
  EXPECT_EQ(held(hosts.attach("a", w)), Held{});
  const std::string next = hosts.submit("b");
  EXPECT_EQ(text(hosts.poll("a", w).deliveries), next + "@1");
}

TEST(Homes, AttachingAtAHostThatKnowsNothingReadsTheNewest) {
  Hosts hosts({"a", "b"});
  hosts.cut_both("a", "b");
  Worker w = hosts.join("a", "w", {.max_load = 9, .lease_seconds = 10});
  const std::string p = hosts.submit("a");
  hosts.poll("a", w);
  EXPECT_EQ(held(hosts.attach("b", w)), Held{p + "@1"});
  EXPECT_EQ(hosts.home(w.session), "b");
  // a has not heard of it, and must not end what is not its own any more.
  hosts.advance(milliseconds(9900));
  hosts.call("b", Stage::token(w), Heartbeat{Stage::ref(w), std::nullopt});
  hosts.advance(milliseconds(500));
  EXPECT_EQ(hosts.owner(p), "w");
  EXPECT_EQ(hosts.records.members.at(Stage::member("w")).incarnation, 1U);
  hosts.heal();
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), p + "@1");
}

TEST(Homes, AttachingTooLateElsewhereIsANewLife) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("a", "w", {.max_load = 9, .lease_seconds = 1});
  const std::string p = hosts.submit("a");
  hosts.poll("a", w);
  hosts.advance(milliseconds(1100));
  const AttachReply reply = hosts.attach("b", w);
  EXPECT_EQ(held(reply), Held{});
  EXPECT_EQ(reply.session.generation, 2U);
  EXPECT_EQ(hosts.home(w.session), "b");
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), p + "@2");
  EXPECT_EQ(refusal(hosts.own("a", w, Call::kComplete, p, 1)), ErrorKind::kStaleEpoch);
  EXPECT_EQ(owner_reply(hosts.own("a", w, Call::kComplete, p, 2)).status, Status::kCompleted);
}

TEST(Homes, AMemberWhoseHomeDiesKeepsItsPacketsIfItAttachesElsewhere) {
  Hosts hosts({"a", "b", "c"});
  Worker w = hosts.join("a", "w", {.max_load = 9, .lease_seconds = 3});
  const std::string at_a = hosts.submit("a");
  const std::string at_b = hosts.submit("b");
  hosts.poll("a", w);
  hosts.kill("a");
  hosts.advance(milliseconds(500));
  const AttachReply reply = hosts.attach("c", w);
  EXPECT_EQ(held(reply), (Held{at_a + "@1", at_b + "@1"}));
  hosts.advance(milliseconds(500));
  hosts.drop_dead("b");
  hosts.poll("c", w);
  hosts.advance(milliseconds(2500));
  hosts.poll("c", w);
  for (const std::string& id : {at_a, at_b}) {
    EXPECT_EQ(hosts.epoch(id), 1U);
    EXPECT_EQ(owner_reply(hosts.own("b", w, Call::kComplete, id, 1)).status, Status::kCompleted);
  }
}

TEST(Homes, SessionsOfALostHomeAreAdoptedAndLapseUncharged) {
  Hosts hosts({"a", "b", "c"});
  Worker w = hosts.join("c", "w", {.max_load = 9, .lease_seconds = 2});
  const std::string p = hosts.submit("b");
  hosts.poll("c", w);
  hosts.kill("c");
  hosts.advance(seconds(1));
  hosts.drop_dead("b");
  EXPECT_EQ(hosts.home(w.session), "a");
  EXPECT_EQ(hosts.owner(p), "w");
  // Nothing new for somebody who has not been heard of.
  const std::string other = hosts.submit("b");
  EXPECT_NE(hosts.owner(other), "w");
  hosts.advance(milliseconds(900));
  EXPECT_EQ(hosts.owner(p), "w");  // its lease may run still
  hosts.advance(milliseconds(300));
  EXPECT_EQ(hosts.status(p), Status::kPending);
  EXPECT_EQ(hosts.records.packets.at(Stage::packet(p)).losses, 0U);
  EXPECT_EQ(hosts.records.members.at(Stage::member("w")).status, MemberStatus::kDetached);
}

TEST(Homes, AnAdoptedSessionThatAttachesGoesOn) {
  Hosts hosts({"a", "b", "c"});
  Worker w = hosts.join("c", "w", {.max_load = 9, .lease_seconds = 2});
  const std::string p = hosts.submit("b");
  hosts.poll("c", w);
  hosts.kill("c");
  hosts.advance(seconds(1));
  hosts.drop_dead("b");
  for (const char* host : {"b", "a"}) {
    EXPECT_EQ(held(hosts.attach(host, w)), Held{p + "@1"}) << host;
    EXPECT_EQ(text(hosts.poll(host, w).deliveries), p + "@1") << host;
  }
  const std::string other = hosts.submit("b");
  EXPECT_EQ(hosts.owner(other), "w");
  EXPECT_EQ(owner_reply(hosts.own("b", w, Call::kComplete, p, 1)).status, Status::kCompleted);
}

TEST(Homes, LeasesEndWithTheHostsOwnHold) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("a", "w", {.lease_seconds = 2});
  EXPECT_EQ(hosts.poll("a", w).lease_ms, 2000U);
  hosts.without_store.insert("a");
  hosts.advance(milliseconds(1500));
  EXPECT_EQ(hosts.poll("a", w).lease_ms, 500U);
  Register wanted;
  wanted.members = {Stage::record("v", {"a"}, {})};
  wanted.lease_seconds = 2;
  wanted.session_id = "v";
  const ReplyBody joined = hosts.call("a", Stage::principal(), wanted);
  EXPECT_EQ(std::get<MembersReply>(joined).lease_ms, 500U);
  hosts.advance(milliseconds(600));
  const ReplyBody refused = hosts.call("a", Stage::token(w), Poll{Stage::ref(w), 1, {}, {}});
  EXPECT_EQ(refusal(refused), ErrorKind::kStoreUnreachable);
  EXPECT_TRUE(error_of(refused).retry_after_ms);
  hosts.without_store.clear();
  hosts.advance(milliseconds(100));
  EXPECT_GE(hosts.poll("a", w).lease_ms, 1900U);
}

TEST(Homes, WhatIsToldOfManyLargeRecordsGoesInPortions) {
  constexpr size_t kPortion = size_t{4} << 20;
  Hosts hosts({"a", "b"});
  Register wanted;
  for (int i = 0; i < 40; ++i) {
    MemberRecord record = Stage::record("w" + std::to_string(i), {"a"}, {});
    record.labels.emplace_back("large", std::string(300'000, 'x'));
    wanted.members.push_back(std::move(record));
  }
  wanted.session_id = "s";
  hosts.call("a", Stage::principal(), wanted);
  EXPECT_GT(hosts.longest_records, kPortion / 2);
  EXPECT_LE(hosts.longest_records, kPortion);
  EXPECT_TRUE(hosts.node("b").find_member(Stage::member("w39")));
  // And so once more, to who knows nothing yet.
  hosts.longest_records = 0;
  hosts.cut_both("a", "b");
  hosts.heal();
  EXPECT_GT(hosts.longest_records, kPortion / 2);
  EXPECT_LE(hosts.longest_records, kPortion);
}

TEST(Homes, TwoHostsNeverGrantOneId) {
  Hosts hosts({"a", "b"});
  hosts.cut_both("a", "b");
  Worker w = hosts.join("a", "w", {.lease_seconds = 60});
  testing_node::MemberOptions options;
  Register wanted;
  wanted.single = true;
  wanted.members = {Stage::record("w", {"a"}, options)};
  wanted.session_id = "other";
  EXPECT_EQ(refusal(hosts.call("b", Stage::principal(), wanted)), ErrorKind::kMemberExists);
}

TEST(Homes, ReplacingEndsASessionThatIsAtHomeElsewhere) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("a", "w", {.max_load = 9, .lease_seconds = 60});
  const std::string at_a = hosts.submit("a");
  const std::string at_b = hosts.submit("b");
  hosts.poll("a", w);
  const RequestId poll =
      hosts.ask("a", Stage::token(w), Poll{Stage::ref(w), 1, seconds(20), w.after});
  Worker next = hosts.join("b", "w", {.max_load = 9, .lease_seconds = 60, .replace = true});
  EXPECT_EQ(next.incarnation, 2U);
  ASSERT_NE(hosts.answer(poll), nullptr);
  EXPECT_EQ(refusal(hosts.call("a", Stage::token(w), Heartbeat{Stage::ref(w), std::nullopt})),
            ErrorKind::kSessionReplaced);
  EXPECT_EQ(hosts.poll("b", next).deliveries.size(), 2U);
  for (const std::string& id : {at_a, at_b}) {
    EXPECT_EQ(hosts.epoch(id), 2U);
    EXPECT_EQ(hosts.records.packets.at(Stage::packet(id)).losses, 1U);
  }
}

// It had read the store before they registered, and was told nothing by the host that they left.
TEST(Homes, WhoHearsOfASessionLearnsOfItsMembers) {
  Hosts hosts({"a", "b"});
  hosts.cut_both("a", "c");
  hosts.join_again("c");
  Worker worker = hosts.join("a", "w");
  EXPECT_FALSE(hosts.node("c").find_member(Stage::member("w")));
  hosts.attach("b", worker);
  const auto known = hosts.node("c").find_member(Stage::member("w"));
  ASSERT_TRUE(known);
  EXPECT_EQ(known->record->status, MemberStatus::kActive);
}

// What its former home has told was lost with a link, and the next home tells of the session alone.
TEST(Homes, WhoHearsThatASessionHasMovedLearnsWhatItsMembersAre) {
  Hosts hosts({"a", "b", "c"});
  Worker worker = hosts.join("a", "w");
  hosts.cut("a", "b");
  hosts.cut("a", "c");
  PatchMember wanted;
  wanted.key = Stage::member("w");
  wanted.weight = 7;
  hosts.call("a", Stage::token(worker), wanted);
  const auto weight = [&hosts](const char* host) {
    return hosts.node(host).find_member(Stage::member("w"))->record->weight;
  };
  EXPECT_NE(weight("c"), 7U);
  hosts.attach("b", worker);
  EXPECT_EQ(weight("b"), 7U);
  EXPECT_EQ(weight("c"), 7U);
}

// Whoever has changed a member tells of it once, its home or not.
TEST(Homes, WhatWasToldWhileALinkWasLostIsReadWhenItIsThereAgain) {
  Hosts hosts({"a", "b", "c"});
  hosts.join("a", "w");
  hosts.cut_both("b", "c");
  PatchMember wanted;
  wanted.key = Stage::member("w");
  wanted.weight = 7;
  ASSERT_EQ(refusal(hosts.call("b", Stage::op(), wanted)), std::nullopt);
  const auto weight = [&hosts](const char* host) {
    return hosts.node(host).find_member(Stage::member("w"))->record->weight;
  };
  EXPECT_EQ(weight("a"), 7U);
  EXPECT_NE(weight("c"), 7U);
  hosts.heal();
  EXPECT_EQ(weight("c"), 7U);
}

TEST(Homes, WhatTheStoreHasForgottenMeanwhileIsForgotten) {
  Hosts hosts({"a", "b"});
  const Worker worker = hosts.join("a", "w");
  hosts.cut_both("a", "b");
  ASSERT_EQ(refusal(hosts.call("a", Stage::op(), Retire{{"default", "w", ""}})), std::nullopt);
  hosts.records.members.erase(Stage::member("w"));
  hosts.records.sessions.erase("s1");
  ASSERT_TRUE(hosts.node("b").find_member(Stage::member("w")));
  hosts.heal();
  EXPECT_FALSE(hosts.node("b").find_member(Stage::member("w")));
  EXPECT_FALSE(hosts.node("b").find_session("s1"));
}

// It read the store before they registered, and has no link to the host that could tell of them.
TEST(Homes, WhoSpeaksForAManualMemberThatIsUnknownHereIsLookedUp) {
  Hosts hosts({"a", "b"});
  hosts.cut_both("a", "c");
  hosts.cut_both("b", "c");
  hosts.join_again("c");
  Register wanted;
  wanted.single = true;
  wanted.members = {Stage::record("human", {"a"}, {.max_load = 2})};
  wanted.members[0].manual = true;
  hosts.call("a", Stage::principal(), wanted);
  const std::string packet = hosts.submit("a");
  ASSERT_EQ(hosts.owner(packet), "human");
  const OwnerCalls done = {{Stage::owner_call(Call::kComplete, packet, 1)}, true};
  EXPECT_EQ(owner_reply(hosts.call("a", Stage::as("human"), done)).status, Status::kCompleted);
  ASSERT_FALSE(hosts.node("c").find_member(Stage::member("human")));
  const ReplyBody reply = hosts.call("c", Stage::as("human"), done);
  ASSERT_TRUE(std::holds_alternative<Error>(reply));
  EXPECT_EQ(std::get<Error>(reply).kind, ErrorKind::kMisdirected);  // the keeper has the answer
  EXPECT_TRUE(hosts.node("c").find_member(Stage::member("human")));
}

TEST(Homes, AManualMemberIsServedByWhoeverKeepsThePacket) {
  Hosts hosts({"a", "b"});
  Register wanted;
  wanted.single = true;
  wanted.members = {Stage::record("human", {"a"}, {.max_load = 2})};
  wanted.members[0].manual = true;
  hosts.call("a", Stage::principal(), wanted);
  const std::string at_a = hosts.submit("a");
  const std::string at_b = hosts.submit("b");
  EXPECT_EQ(hosts.owner(at_a), "human");
  EXPECT_EQ(hosts.owner(at_b), "human");
  hosts.advance(milliseconds(100));
  EXPECT_EQ(hosts.load("a", "human"), 2U);
  const std::string waits = hosts.submit("a");
  EXPECT_EQ(hosts.owner(waits), "");
  const OwnerCalls done = {{Stage::owner_call(Call::kComplete, at_b, 1)}, true};
  EXPECT_EQ(owner_reply(hosts.call("b", Stage::as("human"), done)).status, Status::kCompleted);
  hosts.advance(milliseconds(100));
  EXPECT_EQ(hosts.owner(waits), "human");
}

}  // namespace
}  // namespace phoenix
