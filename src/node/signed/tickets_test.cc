// Tickets of a host alone: what they say, and that nobody else is handed the packet while one may
// be good, unless the owner itself has said that it is done.
#include <gtest/gtest.h>

#include "lineage/form/shown_ticket.h"
#include "node/signed/test_signers.h"

namespace phoenix {
namespace {

using testing_node::code;
using testing_node::json;
using testing_node::key_of;
using testing_node::SignedStage;
using testing_node::Stage;
using testing_node::StoreMode;
using testing_node::Worker;

class TicketsTest : public ::testing::Test {
 protected:
  TicketsTest() : stage(SignedStage::config()) {
    owner = stage.join("owner", {"a"}, {.max_load = 10});
    stage.submit("p", {"a"});
    stage.poll(owner);
    next = stage.join("next", {"a"}, {.max_load = 10});
  }
  lineage::Ticket ticket_of(const ReplyBody& reply) {
    const auto* done = std::get_if<OwnerReply>(&reply);
    if (done == nullptr) {
      ADD_FAILURE() << "no ticket: " << std::get<Error>(reply).detail;
      return {};
    }
    const auto shown = lineage::decode<lineage::ShownTicket>(done->ticket);
    const std::vector<lineage::NamedKey> keys = {
        {lineage::KeyRole::kHost, "host", key_of("host").public_key()}};
    const auto ticket = shown ? lineage::check_ticket(*shown, keys, stage.now().wall, 0)
                              : Result<lineage::Ticket>(tl::unexpected(shown.error()));
    EXPECT_TRUE(ticket) << ticket.error().detail;
    return ticket ? *ticket : lineage::Ticket{};
  }
  lineage::Ticket ticket() { return ticket_of(stage.own(owner, Call::kTicket, "p", 1)); }
  // The other one keeps its lease.
  void advance(Duration length) {
    for (const Instant end = stage.now().mono + length; stage.now().mono < end;) {
      stage.advance(std::min<Duration>(milliseconds(500), end - stage.now().mono));
      stage.heartbeat(next);
    }
  }

  Stage stage;
  Worker owner, next;
};

TEST_F(TicketsTest, SayWhoOwnsAPacketAndUntilWhen) {
  const lineage::Ticket said = ticket();
  EXPECT_EQ(said.pool, "pool");
  EXPECT_EQ(said.packet, "p");
  EXPECT_EQ(said.epoch, 1U);
  EXPECT_EQ(said.owner, (lineage::Party{"owner", owner.incarnation}));
  EXPECT_EQ(said.issued_at, stage.now().wall);
  EXPECT_EQ(said.expires_at, stage.now().wall + 3000);
  EXPECT_EQ(stage.status("p"), Status::kRunning);
}

TEST_F(TicketsTest, AreGivenToTheOwnerOfTheNewestEpochAlone) {
  EXPECT_EQ(std::get<Error>(stage.own(owner, Call::kTicket, "p", 2)).kind, ErrorKind::kStaleEpoch);
  EXPECT_EQ(std::get<Error>(stage.own(next, Call::kTicket, "p", 1)).kind, ErrorKind::kNotOwner);
  EXPECT_EQ(
      std::get<Error>(stage.own(Stage::principal(), Stage::owner_call(Call::kTicket, "p", 1))).kind,
      ErrorKind::kUnauthenticated);
}

TEST_F(TicketsTest, AreDurablyKnownBeforeTheFirstLeavesAndNotWrittenAgain) {
  stage.store(StoreMode::kHold);
  const RequestId asked =
      stage.ask(Stage::token(owner), OwnerCalls{{Stage::owner_call(Call::kTicket, "p", 1)}, true});
  EXPECT_EQ(stage.answer(asked), nullptr);
  stage.store(StoreMode::kWell);
  ASSERT_NE(stage.answer(asked), nullptr);
  ticket_of(stage.answer(asked)->body);
  EXPECT_EQ(stage.show("p").head->ticket_ms, 3000U);
  const size_t writes = stage.written.size();
  advance(seconds(1));
  EXPECT_EQ(ticket().expires_at, stage.now().wall + 3000);
  EXPECT_EQ(stage.written.size(), writes);
}

TEST_F(TicketsTest, KeepAPacketFromOthersUntilTheyAreOver) {
  ticket();
  // The owner is silent from here on: its lease ends first, then the wait.
  advance(milliseconds(3050));
  EXPECT_EQ(stage.parked("p"), ParkReason::kLiveTicket);
  EXPECT_EQ(stage.show("p").parked->until, stage.now().wall + 3000 + 60 + 500 - 3050 + 1);
  advance(milliseconds(450));
  EXPECT_EQ(stage.owner("p"), "");
  advance(milliseconds(100));
  EXPECT_EQ(stage.owner("p"), "next");
  EXPECT_EQ(stage.epoch("p"), 2U);
  // The gap is what is left after the last moment at which a ticket could be good.
  EXPECT_LE(stage.node().stats().ownership_gap.max(), milliseconds(60));
}

TEST_F(TicketsTest, AreNotWaitedForWhereThereIsNone) {
  advance(milliseconds(3050));
  EXPECT_EQ(stage.owner("p"), "next");
}

TEST_F(TicketsTest, AreNotWaitedForOnceTheOwnerIsDone) {
  ticket();
  OwnerCall given = Stage::owner_call(Call::kHandoff, "p", 1, "next");
  given.to = "next";
  stage.own(Stage::token(owner), given);
  EXPECT_EQ(stage.owner("p"), "next");
  EXPECT_EQ(stage.show("p").head->ticket_ms, 0U);
}

TEST_F(TicketsTest, KeepAnEvictedPacketFromOthersAndFromAnOperatorsChoice) {
  ticket();
  EXPECT_EQ(code(stage.order(Order::kAssign, "p", "next")), "live-ticket");
  stage.order(Order::kEvict, "p");
  EXPECT_EQ(stage.parked("p"), ParkReason::kLiveTicket);
  EXPECT_EQ(code(stage.order(Order::kAssign, "p", "next")), "live-ticket");
  advance(milliseconds(3500));
  EXPECT_EQ(stage.owner("p"), "");
  advance(milliseconds(100));
  EXPECT_EQ(stage.owner("p"), "next");
}

TEST_F(TicketsTest, KeepACanceledPacketThatIsRetriedFromOthers) {
  ticket();
  stage.order(Order::kCancel, "p");
  stage.order(Order::kRetry, "p");
  EXPECT_EQ(stage.parked("p"), ParkReason::kLiveTicket);
  EXPECT_EQ(code(stage.order(Order::kAssign, "p", "next")), "live-ticket");
  advance(milliseconds(3550));
  EXPECT_EQ(stage.owner("p"), "");
  advance(milliseconds(600));
  EXPECT_EQ(stage.owner("p"), "next");
}

TEST_F(TicketsTest, OutlastAShorterBackoff) {
  stage.submit("q", {"a"}, [](PacketSpec& spec) { spec.attempt_timeout_seconds = 1; });
  std::string who = stage.owner("q");
  stage.poll(who == "owner" ? owner : next);
  stage.own(who == "owner" ? owner : next, Call::kTicket, "q", 1);
  // It times out, with a backoff of a second.
  advance(milliseconds(1050));
  EXPECT_EQ(stage.parked("q"), ParkReason::kLiveTicket);
}

TEST_F(TicketsTest, AreWaitedForTheirLongestLifeAfterARestart) {
  ticket();
  advance(seconds(1));
  stage.restart();
  stage.poll(next);
  // A whole lease for who may be back, and the ticket that nobody remembers.
  advance(milliseconds(3100));
  EXPECT_EQ(stage.parked("p"), ParkReason::kLiveTicket);
  advance(milliseconds(500));
  EXPECT_EQ(stage.owner("p"), "next");
}

TEST_F(TicketsTest, GoOnBeingWaitedForAfterARestartWhileParked) {
  ticket();
  stage.order(Order::kEvict, "p");
  advance(seconds(1));
  stage.restart();
  stage.poll(next);
  EXPECT_EQ(stage.parked("p"), ParkReason::kLiveTicket);
  EXPECT_EQ(code(stage.order(Order::kAssign, "p", "next")), "live-ticket");
  advance(milliseconds(3500));
  EXPECT_EQ(stage.owner("p"), "");
  advance(milliseconds(150));
  EXPECT_EQ(stage.owner("p"), "next");
}

TEST_F(TicketsTest, OfMembersByHandLastHalfAMinute) {
  stage.join_manual("anna", {"b"});
  stage.submit("m", {"b"});
  const auto said =
      ticket_of(stage.own(Stage::as("anna"), Stage::owner_call(Call::kTicket, "m", 1)));
  EXPECT_EQ(said.expires_at - said.issued_at, 30'000);
}

TEST_F(TicketsTest, AreRecordedOnceAndTheRecordVerifies) {
  ticket();
  ticket();
  stage.own(owner, Call::kComplete, "p", 1);
  testing_node::audit_of(stage.records);
  const auto ticketed =
      std::count_if(stage.records.history.begin(), stage.records.history.end(),
                    [](const HistoryEntry& entry) { return entry.event == "ticketed"; });
  EXPECT_EQ(ticketed, 1);
}

}  // namespace
}  // namespace phoenix
