// What a member that joins gets of the others' work, and what the host's clocks do to it.
#include <gtest/gtest.h>

#include <string>

#include "node/test_stage.h"

namespace phoenix {
namespace {

using testing_node::MemberOptions;
using testing_node::Stage;
using testing_node::StoreMode;
using testing_node::Worker;

const MemberOptions kRoomy = {.max_load = 10, .lease_seconds = 600};

std::string packet(int number) { return "p" + std::to_string(number); }

TEST(Join, DrawsWhatPlacingAnewWouldGiveIt) {
  Stage stage;
  Worker first = stage.join("first", {"a"}, kRoomy);
  for (int i = 0; i < 8; ++i) stage.submit(packet(i), {"a"});
  ASSERT_EQ(stage.load("first"), 8U);
  stage.advance(milliseconds(1));
  Worker second = stage.join("second", {"a"}, kRoomy);
  EXPECT_EQ(stage.load("first"), 4U);
  EXPECT_EQ(stage.load("second"), 4U);
  EXPECT_EQ(stage.poll(first).deliveries.size(), 4U);
  const DeliveriesReply got = stage.poll(second);
  ASSERT_EQ(got.deliveries.size(), 4U);
  for (const Delivery& delivery : got.deliveries) EXPECT_EQ(delivery.epoch, 2U);
  const Stats& stats = stage.node().stats();
  EXPECT_EQ(stats.moved[static_cast<size_t>(MoveCause::kJoin)], 4U);
  EXPECT_EQ(stats.rebalance_moved, 4U);
}

TEST(Join, OfSeveralAtOnceMovesEachPacketOnceAndNoMoreThanTheirDue) {
  Stage stage;
  stage.join("first", {"a"}, {.max_load = 20, .lease_seconds = 600});
  for (int i = 0; i < 12; ++i) stage.submit(packet(i), {"a"});
  stage.advance(milliseconds(1));
  stage.join_all({"second", "third"}, {"a"}, {.max_load = 20, .lease_seconds = 600});
  EXPECT_EQ(stage.load("first"), 4U);
  EXPECT_EQ(stage.load("second"), 4U);
  EXPECT_EQ(stage.load("third"), 4U);
  EXPECT_EQ(stage.node().stats().rebalance_moved, 8U);
}

TEST(Join, DrawsFromEverySessionInTurn) {
  Stage stage;
  stage.join("first", {"a"}, kRoomy);
  stage.join("second", {"a"}, kRoomy);
  for (int i = 0; i < 12; ++i) stage.submit(packet(i), {"a"});
  ASSERT_EQ(stage.load("first"), 6U);
  stage.advance(milliseconds(1));
  stage.join("third", {"a"}, kRoomy);
  EXPECT_EQ(stage.load("first"), 4U);
  EXPECT_EQ(stage.load("second"), 4U);
  EXPECT_EQ(stage.load("third"), 4U);
}

TEST(Join, TakesNothingThatWasHandedOut) {
  Stage stage;
  Worker first = stage.join("first", {"a"}, kRoomy);
  for (int i = 0; i < 8; ++i) stage.submit(packet(i), {"a"});
  ASSERT_EQ(stage.poll(first).deliveries.size(), 8U);
  stage.join("second", {"a"}, kRoomy);
  EXPECT_EQ(stage.load("first"), 8U);
  EXPECT_EQ(stage.load("second"), 0U);
}

TEST(Join, IsNotWhatAFirstCallAfterTheHostsRestartIs) {
  Stage stage;
  Worker first = stage.join("first", {"a"}, kRoomy);
  Worker second = stage.join("second", {"a"}, kRoomy);
  stage.restart();
  stage.poll(first);
  for (int i = 0; i < 8; ++i) stage.submit(packet(i), {"a"});
  stage.advance(milliseconds(1));
  first.after.reset();
  second.after.reset();
  stage.poll(second);
  EXPECT_EQ(stage.load("first"), 8U);
}

TEST(Join, DrawsOnlyWhatItCanDo) {
  Stage stage;
  stage.join("first", {"a", "b"}, kRoomy);
  for (int i = 0; i < 4; ++i) stage.submit(packet(i), {i % 2 == 0 ? "a" : "b"});  // two each
  stage.advance(milliseconds(1));
  stage.join("second", {"b"}, kRoomy);
  EXPECT_EQ(stage.owner("p0"), "first");
  EXPECT_EQ(stage.owner("p2"), "first");
  EXPECT_EQ(stage.load("second"), 2U);
}

TEST(Join, LeavesWithTheOwnerWhatTheStoreRefusesToMove) {
  Stage stage;
  Worker first = stage.join("first", {"a"}, kRoomy);
  for (int i = 0; i < 4; ++i) stage.submit(packet(i), {"a"});
  stage.store(StoreMode::kHold);
  const RequestId joining =
      stage.ask(Stage::principal(), stage.registration({Stage::record("second", {"a"}, kRoomy)}));
  stage.store(StoreMode::kWell);
  ASSERT_NE(stage.answer(joining), nullptr);
  EXPECT_EQ(stage.load("first") + stage.load("second"), 4U);
  EXPECT_EQ(stage.poll(first).deliveries.size(), stage.load("first"));
}

TEST(Clock, SetBackAfterATimerCameUpWakesThePacketAtItsNewTime) {
  Stage stage;
  stage.join("w", {"a"}, kRoomy);
  stage.submit("p", {"a"}, [&](PacketSpec& spec) { spec.not_before = stage.now().wall + 1'000; });
  ASSERT_EQ(stage.parked("p"), ParkReason::kNotBefore);
  stage.store(StoreMode::kRefuse);
  stage.advance(milliseconds(1'500));  // its time came, and the grant was refused
  stage.jump(seconds(-5));
  stage.tick();
  stage.store(StoreMode::kWell);
  stage.advance(seconds(2));
  EXPECT_EQ(stage.parked("p"), ParkReason::kNotBefore);
  stage.advance(seconds(4));
  EXPECT_EQ(stage.owner("p"), "w");
}

TEST(Stream, OpenedAnewAtOnceIsToldEverythingInHand) {
  Stage stage;
  Worker w = stage.join("w", {"a"}, kRoomy);
  const RequestId one = stage.ask(Stage::token(w), OpenStream{Stage::ref(w), {}});
  stage.submit("p", {"a"});
  stage.close_stream(one, true);
  stage.portions.clear();
  stage.ask(Stage::token(w), OpenStream{Stage::ref(w), {}});
  ASSERT_FALSE(stage.portions.empty());
  ASSERT_EQ(stage.portions[0].portion.deliveries.size(), 1U);
  EXPECT_EQ(stage.portions[0].portion.deliveries[0].packet.head->key.id(), "p");
}

}  // namespace
}  // namespace phoenix
