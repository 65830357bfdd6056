// A keeper and a home that are two hosts: what they say to each other about a packet.
#include <gtest/gtest.h>

#include <string>

#include "node/remote/test_hosts.h"

namespace phoenix {
namespace {

using testing_node::Hosts;
using testing_node::owner_reply;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::text;
using testing_node::Worker;

TEST(Apart, APacketIsHandedOverAtTheHomeAndEndsAtTheKeeper) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w");
  const std::string p = hosts.submit("a");
  EXPECT_EQ(hosts.owner(p), "w");
  EXPECT_EQ(hosts.load("a", "w"), 1U);
  EXPECT_EQ(hosts.load("b", "w"), 1U);
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), p + "@1");
  EXPECT_EQ(hosts.node("a").stats().deliveries, 1U);
  EXPECT_EQ(owner_reply(hosts.own("a", w, Call::kComplete, p, 1)).status, Status::kCompleted);
  EXPECT_EQ(hosts.load("a", "w"), 0U);
  EXPECT_EQ(hosts.load("b", "w"), 0U);
  // It ended the epoch itself: nothing is revoked.
  EXPECT_EQ(text(hosts.poll("b", w).revoked), "");
}

TEST(Apart, TakingItAwayIsToldToWhoHasItInHand) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.max_load = 5});
  const std::string taken = hosts.submit("a");
  hosts.poll("b", w);
  const std::string fresh = hosts.submit("a");
  for (const std::string& id : {taken, fresh}) {
    OrderPacket cancel;
    cancel.key = Stage::packet(id);
    hosts.call("a", Stage::op(), cancel);
  }
  const DeliveriesReply got = hosts.poll("b", w);
  EXPECT_EQ(text(got.revoked), taken + "@1:canceled");
  EXPECT_EQ(text(got.deliveries), "");
}

TEST(Apart, AllSaidTwiceIsAsIfSaidOnce) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.max_load = 5});
  const std::string done = hosts.submit("a");
  const std::string open = hosts.submit("a");
  hosts.poll("b", w);
  hosts.own("a", w, Call::kComplete, done, 1);
  hosts.repeat_all("a", "b");
  hosts.repeat_all("b", "a");
  EXPECT_EQ(hosts.load("b", "w"), 1U);
  EXPECT_EQ(hosts.owner(open), "w");
  EXPECT_EQ(hosts.epoch(open), 1U);
  const DeliveriesReply got = hosts.poll("b", w);
  EXPECT_EQ(text(got.deliveries), "");
  EXPECT_EQ(text(got.revoked), "");
}

TEST(Apart, WhatNobodyTakesWithinALeaseGoesToAnother) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.lease_seconds = 2});
  const std::string p = hosts.submit("a");
  hosts.join("a", "v", {.lease_seconds = 60});
  ASSERT_EQ(hosts.owner(p), "w");
  for (int i = 0; i < 3; ++i) {
    hosts.advance(milliseconds(900));
    hosts.call("b", Stage::token(w), Heartbeat{Stage::ref(w), w.after});
  }
  EXPECT_EQ(hosts.owner(p), "v");
  EXPECT_EQ(hosts.epoch(p), 2U);
  EXPECT_EQ(hosts.records.packets.at(Stage::packet(p)).losses, 0U);
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), "");
}

// That nobody took it is known to the home alone, and its word is lost with the keeper.
TEST(Apart, TheNextKeeperHearsWhatNobodyTookWhenItsLastDied) {
  Hosts hosts({"a", "b", "c"});
  Worker w = hosts.join("b", "w", {.lease_seconds = 2});
  const std::string p = hosts.submit("a");
  hosts.join("c", "v", {.lease_seconds = 60});
  ASSERT_EQ(hosts.owner(p), "w");
  hosts.cut("b", "a");
  const auto live_on = [&](int tries) {
    for (int i = 0; i < tries; ++i) {
      hosts.advance(milliseconds(900));
      hosts.call("b", Stage::token(w), Heartbeat{Stage::ref(w), w.after});
    }
  };
  live_on(3);
  ASSERT_EQ(hosts.owner(p), "w") << "its keeper has not heard of it";
  hosts.kill("a");
  hosts.drop_dead("c");
  live_on(3);
  EXPECT_EQ(hosts.owner(p), "v");
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), "");
}

TEST(Apart, WhatWasTakenAtOneHomeIsNotLeftBehindUntakenAtTheNext) {
  Hosts hosts({"a", "b", "c"});
  Worker w = hosts.join("b", "w", {.lease_seconds = 2});
  const std::string p = hosts.submit("a");
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), p + "@1");
  hosts.attach("c", w);
  for (int i = 0; i < 5; ++i) {
    hosts.advance(seconds(1));
    hosts.call("c", Stage::token(w), Heartbeat{Stage::ref(w), std::nullopt});
  }
  EXPECT_EQ(hosts.epoch(p), 1U);
  EXPECT_EQ(text(hosts.poll("c", w).deliveries), p + "@1");
  EXPECT_EQ(owner_reply(hosts.own("a", w, Call::kComplete, p, 1)).status, Status::kCompleted);
}

TEST(Apart, AFullMemberIsTurnedAwayUnchargedAndServedLater) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.lease_seconds = 60});
  hosts.hold("b", "a");  // a does not hear of the load
  const std::string first = hosts.submit("b");
  const std::string second = hosts.submit("a");
  EXPECT_EQ(hosts.owner(second), "w");
  hosts.let_go();
  hosts.advance(milliseconds(50));
  EXPECT_EQ(hosts.owner(second), "");
  EXPECT_EQ(hosts.load("b", "w"), 1U);
  hosts.poll("b", w);
  hosts.own("b", w, Call::kComplete, first, 1);
  hosts.advance(seconds(1));
  EXPECT_EQ(hosts.owner(second), "w");
  EXPECT_EQ(hosts.records.packets.at(Stage::packet(second)).losses, 0U);
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), second + "@2");
}

TEST(Apart, NeitherKeeperGivesMoreThanTheMemberHoldsOfBoth) {
  Hosts hosts({"a", "b", "c"});
  Worker w = hosts.join("c", "w", {.max_load = 4, .lease_seconds = 60});
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    for (const char* keeper : {"a", "b", "c"}) ids.push_back(hosts.submit(keeper));
  }
  EXPECT_EQ(hosts.load("c", "w"), 4U);
  EXPECT_EQ(hosts.poll("c", w).deliveries.size(), 4U);
  for (size_t done = 0; done < ids.size();) {
    for (const std::string& id : ids) {
      if (hosts.owner(id) != "w") continue;
      for (const char* host : {"a", "b", "c"}) {
        if (hosts.node(host).find(Stage::packet(id))) {
          hosts.own(host, w, Call::kComplete, id, hosts.epoch(id));
          ++done;
        }
      }
    }
    hosts.advance(milliseconds(300));
    hosts.poll("c", w);
  }
  for (const std::string& id : ids) EXPECT_EQ(hosts.status(id), Status::kCompleted);
}

TEST(Apart, ALinkThatComesUpSaysWhatWasMissed) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.max_load = 5, .lease_seconds = 60});
  const std::string gone = hosts.submit("a");
  hosts.poll("b", w);
  hosts.cut("a", "b");
  const std::string missed = hosts.submit("a");
  OrderPacket cancel;
  cancel.key = Stage::packet(gone);
  hosts.call("a", Stage::op(), cancel);
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), "");
  hosts.heal();
  EXPECT_EQ(text(hosts.poll("b", w).deliveries), missed + "@1");
  // What a does not name may be over, or no longer this home's: b asks the store first.
  hosts.advance(milliseconds(100));
  EXPECT_EQ(text(hosts.poll("b", w).revoked), gone + "@1:reassigned");
}

TEST(Apart, ACheckpointIsShownWhenItIsDeliveredAgain) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.lease_seconds = 60});
  const std::string p = hosts.submit("a");
  hosts.poll("b", w);
  hosts.own("a", w, Call::kCheckpoint, p, 1);
  hosts.attach("b", w);
  const DeliveriesReply got = hosts.poll("b", w);
  ASSERT_EQ(text(got.deliveries), p + "@1");
  EXPECT_TRUE(got.deliveries[0].packet.head->content(ContentKind::kCheckpoint).present);
}

TEST(Apart, ASilentMemberLosesWhatOtherHostsKeepForIt) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.max_load = 5, .lease_seconds = 1});
  const std::string far = hosts.submit("a");
  const std::string near = hosts.submit("b");
  hosts.poll("b", w);
  hosts.advance(milliseconds(1100));
  for (const std::string& id : {far, near}) {
    EXPECT_EQ(hosts.status(id), Status::kPending);
    EXPECT_EQ(hosts.records.packets.at(Stage::packet(id)).losses, 1U);
  }
  EXPECT_EQ(hosts.node("a").find_member(Stage::member("w"))->record->status,
            MemberStatus::kDetached);
  EXPECT_EQ(refusal(hosts.own("a", w, Call::kComplete, far, 1)), ErrorKind::kNotOwner);
  hosts.attach("b", w);
  EXPECT_EQ(hosts.poll("b", w).deliveries.size(), 2U);
}

TEST(Apart, AGrantThatSettlesAfterItsOwnersEndIsPlacedAnew) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.lease_seconds = 1});
  hosts.hold_writes("a");
  const std::string p = hosts.id_at("a");
  hosts.ask("a", Stage::principal(), Stage::single(Stage::item(p, {"a"})));
  hosts.advance(milliseconds(1100));
  hosts.let_writes_go("a");
  EXPECT_EQ(hosts.status(p), Status::kPending);
  EXPECT_EQ(hosts.records.packets.at(Stage::packet(p)).losses, 0U);
}

TEST(Apart, ADrainWaitsForWhatOthersKeep) {
  Hosts hosts({"a", "b"});
  Worker w = hosts.join("b", "w", {.max_load = 5, .lease_seconds = 60});
  const std::string p = hosts.submit("a");
  hosts.poll("b", w);
  hosts.call("b", Stage::token(w), Drain{Stage::ref(w), std::nullopt});
  hosts.advance(milliseconds(100));
  EXPECT_EQ(hosts.owner(p), "w");
  hosts.own("a", w, Call::kComplete, p, 1);
  hosts.advance(milliseconds(100));
  EXPECT_EQ(hosts.records.members.at(Stage::member("w")).status, MemberStatus::kRetired);
  EXPECT_EQ(hosts.records.members.at(Stage::member("w")).reason, "drained");
}

TEST(Apart, AnOwnersCallWaitsForTheNewestOfItsSession) {
  Hosts hosts({"a", "b"});
  hosts.cut("b", "a");  // a hears nothing of w
  Worker w = hosts.join("b", "w", {.lease_seconds = 60});
  const std::string p = hosts.submit("b");
  hosts.poll("b", w);
  hosts.move({Hosts::slot(p)}, "b", "a");
  EXPECT_EQ(owner_reply(hosts.own("a", w, Call::kComplete, p, 1)).status, Status::kCompleted);
}

}  // namespace
}  // namespace phoenix
