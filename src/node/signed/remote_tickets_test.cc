// Tickets, where the keeper and the owner's home are two hosts: the keeper signs what the home has
// promised, and whoever is the keeper after it waits for the longest that one may have been given.
#include <gtest/gtest.h>

#include "lineage/form/shown_ticket.h"
#include "node/remote/test_hosts.h"
#include "node/signed/test_signers.h"

namespace phoenix {
namespace {

using testing_node::Hosts;
using testing_node::key_of;
using testing_node::Stage;
using testing_node::Worker;

class RemoteTicketsTest : public ::testing::Test {
 protected:
  RemoteTicketsTest() {
    owner = hosts.join("home", "owner", {.max_load = 10});
    packet = hosts.submit("keeper");
    hosts.poll("home", owner);
    next = hosts.join("other", "next", {.max_load = 10});
  }
  // As the cluster passes it on: by the owner's home to the packet's keeper.
  ReplyBody ask(uint32_t promised, const std::string& keeper = "keeper") {
    OwnerCall call = Stage::owner_call(Call::kTicket, packet, 1);
    call.promised_ms = promised;
    call.promised_at = hosts.now().wall;
    return hosts.call(keeper, Stage::token(owner), OwnerCalls{{call}, true});
  }
  uint32_t promise() { return hosts.node("home").promise(hosts.now(), Stage::token(owner)); }
  int64_t life(const ReplyBody& reply) {
    const auto* done = std::get_if<OwnerReply>(&reply);
    if (done == nullptr) {
      ADD_FAILURE() << "no ticket: " << std::get<Error>(reply).detail;
      return 0;
    }
    const auto shown = lineage::decode<lineage::ShownTicket>(done->ticket);
    const auto ticket = lineage::decode<lineage::Ticket>(shown.value().ticket);
    return ticket->expires_at - ticket->issued_at;
  }
  // `next` keeps its lease, and its host its hold.
  void advance(Duration length) {
    for (const Instant end = hosts.now().mono + length; hosts.now().mono < end;) {
      hosts.advance(std::min<Duration>(milliseconds(500), end - hosts.now().mono));
      if (!hosts.home(next.session).empty()) hosts.poll("other", next);
    }
  }

  Hosts hosts{{"keeper", "home", "other"}, key_of("host")};
  Worker owner, next;
  std::string packet;
};

TEST_F(RemoteTicketsTest, LastAsLongAsTheHomePromisesAndTheKeepersOwnHold) {
  EXPECT_EQ(promise(), 3000U);
  EXPECT_EQ(life(ask(promise())), 3000);
  EXPECT_EQ(life(ask(1200)), 1200);
  hosts.without_store.insert("keeper");
  advance(seconds(1));
  EXPECT_LE(life(ask(promise())), 2100);
  EXPECT_GE(life(ask(promise())), 1900);
  advance(seconds(2));
  EXPECT_EQ(std::get<Error>(ask(3000)).kind, ErrorKind::kStoreUnreachable);
}

TEST_F(RemoteTicketsTest, AreNotPromisedByWhoIsNotTheHomeOrHasNoHold) {
  EXPECT_EQ(hosts.node("keeper").promise(hosts.now(), Stage::token(owner)), 0U);
  EXPECT_EQ(std::get<Error>(ask(0)).kind, ErrorKind::kMisdirected);
  hosts.without_store.insert("home");
  hosts.advance(seconds(1));
  EXPECT_LE(promise(), 2100U);
  hosts.advance(seconds(2));
  EXPECT_EQ(promise(), 0U);
}

TEST_F(RemoteTicketsTest, OfASilentOwnerKeepItsPacketFromOthers) {
  ask(promise());
  advance(milliseconds(3400));
  EXPECT_EQ(hosts.owner(packet), "");
  advance(milliseconds(300));
  EXPECT_EQ(hosts.owner(packet), "next");
  EXPECT_EQ(hosts.epoch(packet), 2U);
}

TEST_F(RemoteTicketsTest, AreWaitedForByTheNextKeeperWhichKnowsOfNone) {
  ask(promise());
  advance(seconds(2));
  // The slot moves, and the owner ends its session at once after that.
  hosts.move({Hosts::slot(packet)}, "keeper", "other");
  hosts.call("home", Stage::token(owner), Retire{Stage::ref(owner)});
  EXPECT_EQ(hosts.owner(packet), "");
  advance(milliseconds(3400));
  EXPECT_EQ(hosts.owner(packet), "");
  advance(milliseconds(300));
  EXPECT_EQ(hosts.owner(packet), "next");
}

TEST_F(RemoteTicketsTest, OfADeadKeeperAreWaitedForByWhoTakesItsSlots) {
  ask(promise());
  hosts.kill("keeper");
  hosts.kill("home");
  hosts.drop_dead("other");
  hosts.advance(milliseconds(100));
  EXPECT_EQ(hosts.epoch(packet), 1U);
  advance(milliseconds(3300));
  EXPECT_EQ(hosts.epoch(packet), 1U);
  advance(milliseconds(1000));
  EXPECT_EQ(hosts.owner(packet), "next");
}

TEST_F(RemoteTicketsTest, OfAnotherPacketHoldNothingBack) {
  const std::string beside = hosts.submit("keeper");
  hosts.poll("home", owner);
  hosts.poll("other", next);
  ask(promise());
  hosts.call("home", Stage::token(owner), Retire{Stage::ref(owner)});
  EXPECT_EQ(hosts.owner(beside), "next");
  EXPECT_EQ(hosts.owner(packet), "");
}

}  // namespace
}  // namespace phoenix
