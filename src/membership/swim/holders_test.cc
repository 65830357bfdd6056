// A name at a second address: who is asked, for how long, and who yields.
#include "membership/swim/test_pool.h"

namespace phoenix::gossip {
namespace {

class Holders : public OneSwim {
 protected:
  Holders() {
    SwimOptions options;
    options.name = "me";
    options.advertise = test_endpoint(1);
    options.timing.probe_interval = seconds(1000);  // nobody is suspected meanwhile
    make(options);
  }
  // The number of the ping that went to that address.
  uint32_t asked(unsigned at) const {
    const auto pings = sent(at, MessageType::kPing);
    return pings.empty() ? 0 : as<Ping>(pings.back(), MessageType::kPing)->seq_no;
  }
};

TEST_F(Holders, ANewAddressIsTakenWhenTheOldOneIsSilent) {
  alive("x", 5, 50);
  out.clear();
  drain();
  alive("x", 9, 60, "new");
  EXPECT_EQ(standing("x"), "alive 5");
  EXPECT_NE(asked(50), 0u);
  EXPECT_EQ(out.streams.back().to, test_endpoint(50));
  out.clear();
  run(milliseconds(990));
  EXPECT_EQ(swim->hosts()[number("x")].endpoint, test_endpoint(50));
  drain();
  run(milliseconds(20));
  EXPECT_EQ(swim->hosts()[number("x")].endpoint, test_endpoint(60));
  EXPECT_EQ(standing("x"), "alive 9");
  EXPECT_EQ(swim->hosts().meta(number("x")), "new");
  // The old life leaves first, by its own word, and only then the new one is announced.
  auto told = drain();
  ASSERT_EQ(told.size(), 1u);
  const auto farewell = as<Dead>(told[0], MessageType::kDead);
  ASSERT_TRUE(farewell);
  EXPECT_EQ(farewell->from, "x");
  EXPECT_GE(farewell->incarnation, 5u);
  EXPECT_LT(farewell->incarnation, 9u);
  run(milliseconds(450));
  told = drain();
  ASSERT_FALSE(told.empty());
  const auto hello = as<Alive>(told[0], MessageType::kAlive);
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->incarnation, 9u);
}

TEST_F(Holders, ANewAddressIsRefusedWhileTheOldOneAnswers) {
  alive("x", 5, 50);
  out.clear();
  alive("x", 9, 60);
  const uint32_t seq = asked(50);
  out.clear();
  answer(seq, 50);
  EXPECT_EQ(standing("x"), "alive 5");
  const auto told = sent(60, MessageType::kAlive);  // the newcomer hears who holds the name
  ASSERT_EQ(told.size(), 1u);
  const auto holder = as<Alive>(told[0], MessageType::kAlive);
  EXPECT_EQ(endpoint_of(holder->address, holder->port), test_endpoint(50));
  // It comes again: it is told again, and the holder is left in peace for a while.
  out.clear();
  alive("x", 10, 60);
  EXPECT_EQ(sent(60, MessageType::kAlive).size(), 1u);
  EXPECT_EQ(asked(50), 0u);
  run(seconds(6));
  out.clear();
  alive("x", 11, 60);
  EXPECT_NE(asked(50), 0u);
}

TEST_F(Holders, AnAnswerByStreamHoldsTheNameToo) {
  alive("x", 5, 50);
  out.clear();
  alive("x", 9, 60);
  const uint32_t id = out.streams.back().id;
  swim->packet_refused(test_endpoint(50), now, out);
  swim->ping_answered(id, Ack{id, {}}, now, out);
  run(milliseconds(1'100));
  EXPECT_EQ(swim->hosts()[number("x")].endpoint, test_endpoint(50));
}

TEST_F(Holders, ARefusalShortensTheWait) {
  alive("x", 5, 50);
  out.clear();
  alive("x", 9, 60);
  swim->ping_failed(out.streams.back().id, true, now, out);
  EXPECT_EQ(standing("x"), "alive 5");
  run(milliseconds(160));
  EXPECT_EQ(standing("x"), "alive 9");
}

TEST_F(Holders, WhoIsGoneHoldsNothing) {
  alive("x", 5, 50);
  dead("x", 5);
  drain();
  alive("x", 6, 60);
  EXPECT_EQ(standing("x"), "alive 6");
  EXPECT_EQ(swim->hosts()[number("x")].endpoint, test_endpoint(60));
  const auto told = drain();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(as<Dead>(told[0], MessageType::kDead)->from, "x");
  alive("y", 5, 51);
  dead("y", 5, "y");
  alive("y", 6, 61);
  EXPECT_EQ(standing("y"), "alive 6");
  dead("y", 6, "y");
  alive("y", 6, 62);  // not newer
  EXPECT_EQ(standing("y"), "left 6");
}

TEST_F(Holders, AnOlderClaimElsewhereIsToldOfItsNamesake) {
  alive("x", 5, 50);
  out.clear();
  alive("x", 3, 60);
  EXPECT_EQ(standing("x"), "alive 5");
  EXPECT_EQ(sent(60, MessageType::kAlive).size(), 1u);
}

TEST_F(Holders, ANewcomerWhoseNameIsHeldIsRefused) {
  alive("x", 5, 50);
  out.clear();
  alive("me", kStart - 1'000, 60);  // our name, at another address
  const uint32_t seq = asked(60);
  ASSERT_NE(seq, 0u);
  answer(seq, 60);
  EXPECT_FALSE(
      out.refused);  // its address is the higher one: were it as new as we are, it would go
  out.clear();
  run(milliseconds(2'050));
  ASSERT_NE(asked(60), 0u);
  answer(asked(60), 60);
  ASSERT_TRUE(out.refused);
  EXPECT_EQ(*out.refused, test_endpoint(60));
  EXPECT_EQ(swim->next_wake(), kNever);
  out.clear();
  swim->receive(Ping{7, "me", {}}, sender, now, out);  // we are not that host
  EXPECT_TRUE(out.sends.empty());
}

TEST_F(Holders, ANewcomerTakesItsNameFromASilentAddress) {
  alive("x", 5, 50);
  out.clear();
  drain();
  const uint32_t before = swim->incarnation();
  alive("me", before + 100, 60);
  run(milliseconds(1'001));
  EXPECT_FALSE(out.refused);
  EXPECT_EQ(swim->incarnation(), before + 101);
  auto told = drain();
  ASSERT_FALSE(told.empty());
  const auto farewell = as<Dead>(told[0], MessageType::kDead);
  ASSERT_TRUE(farewell);
  EXPECT_EQ(farewell->from, "me");
  EXPECT_EQ(farewell->incarnation, before + 100);
  run(milliseconds(450));
  told = drain();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(as<Alive>(told[0], MessageType::kAlive)->incarnation, before + 101);
  // Old news of that address is nothing to ask about again.
  out.clear();
  alive("me", before + 100, 60);
  EXPECT_EQ(asked(60), 0u);
}

TEST_F(Holders, TheFirstOfItsPoolDoesNotYieldToItsFirstGuest) {
  run(seconds(6));
  out.clear();
  const uint32_t before = swim->incarnation();
  alive("me", before + 100, 60);
  EXPECT_EQ(asked(60), 0u);
  EXPECT_EQ(sent(60, MessageType::kAlive).size(), 1u);
  EXPECT_EQ(swim->incarnation(), before + 101);
  run(seconds(10));
  EXPECT_FALSE(out.refused);
}

// Both ask each other, and only one of them is to go.
TEST_F(Holders, WhoWaitedInVainForItsSeedsGivesANamesakeTheTimeToYield) {
  swim->join({test_endpoint(99)}, now, out);
  run(seconds(6));
  out.clear();
  alive("me", swim->incarnation() + 100, 60);
  uint32_t seq = asked(60);
  ASSERT_NE(seq, 0u);
  answer(seq, 60);
  EXPECT_FALSE(out.refused);
  EXPECT_EQ(sent(60, MessageType::kAlive).size(), 1u);
  out.clear();
  run(milliseconds(5'900));
  EXPECT_EQ(asked(60), 0u);
  run(milliseconds(200));
  EXPECT_NE(asked(60), 0u);
  run(seconds(2));  // it is gone
  EXPECT_FALSE(out.refused);
}

TEST_F(Holders, WhoWaitedInVainYieldsToANamesakeThatStays) {
  swim->join({test_endpoint(99)}, now, out);
  run(seconds(6));
  out.clear();
  alive("me", swim->incarnation() + 100, 60);
  answer(asked(60), 60);
  out.clear();
  run(milliseconds(6'100));
  ASSERT_NE(asked(60), 0u);
  answer(asked(60), 60);
  ASSERT_TRUE(out.refused);
  EXPECT_EQ(*out.refused, test_endpoint(60));
}

TEST_F(Holders, OfTwoThatAreEquallyNewTheHigherAddressGoesAtOnce) {
  SwimOptions options;
  options.name = "me";
  options.advertise = test_endpoint(70);
  make(options);
  out.clear();
  alive("me", swim->incarnation(), 60);
  ASSERT_NE(asked(60), 0u);
  answer(asked(60), 60);
  ASSERT_TRUE(out.refused);
  EXPECT_EQ(*out.refused, test_endpoint(60));
}

TEST_F(Holders, WhoHasLivedHereDoesNotYield) {
  alive("x", 5, 50);
  run(seconds(6));
  out.clear();
  const uint32_t before = swim->incarnation();
  alive("me", before + 100, 60);
  EXPECT_EQ(asked(60), 0u);
  EXPECT_FALSE(out.refused);
  EXPECT_EQ(swim->incarnation(), before + 101);
  EXPECT_EQ(sent(60, MessageType::kAlive).size(), 1u);
  run(seconds(2));
  EXPECT_FALSE(out.refused);
}

TEST_F(Holders, ManyClaimsAreNotManyQuestions) {
  for (unsigned i = 0; i < 1'000; ++i) alive("host-" + std::to_string(i), 5, 100 + i);
  out.clear();
  for (uint32_t n = 0; n < 10; ++n) {
    for (unsigned i = 0; i < 1'000; ++i) alive("host-" + std::to_string(i), 6 + n, 2'000 + i);
  }
  size_t pings = 0;
  for (const SwimSend& send : out.sends) pings += send.message[0] == 0;
  EXPECT_LE(pings, 64u);
  EXPECT_GT(swim->stats().no_room, 9'000u);
}

}  // namespace
}  // namespace phoenix::gossip
