// A name at a second address: who is asked, for how long, and who yields.
#include "membership/swim/test_pool.h"

namespace phoenix::gossip {
namespace {

class Holders : public OneSwim {
 protected:
  Holders() { make_at(1); }
  // With seeds it looks for a pool, and the stream that asks the first of them is number 1.
  void make_at(unsigned at, const std::vector<Endpoint>& seeds = {}) {
    SwimOptions options;
    options.name = "me";
    options.advertise = test_endpoint(at);
    options.timing.probe_interval = seconds(1000);  // nobody is suspected meanwhile
    options.seeds = seeds;
    make(options);
  }
  // A list with these hosts in it, each alive there unless it says more.
  struct Listed {
    std::string_view name;
    unsigned at;
    SwimState state = SwimState::kAlive;
  };
  void list(const ListSource& source, const std::vector<Listed>& hosts) {
    const std::string versions = bytes(Versions{});
    std::vector<Endpoint> endpoints;
    for (const Listed& host : hosts) endpoints.push_back(test_endpoint(host.at));
    std::vector<NodeState> nodes;
    for (size_t i = 0; i < hosts.size(); ++i) {
      nodes.push_back({hosts[i].name, endpoints[i].bytes(), endpoints[i].port, "meta",
                       kStart - 1'000, hosts[i].state, versions});
    }
    swim->merge(nodes, source, now, out);
  }
  // Another host of our name asks us whether we are there.
  size_t asked_by(unsigned at) {
    out.clear();
    const Endpoint asker = test_endpoint(at);
    swim->receive(Ping{7, "me", {asker.bytes(), asker.port, "me"}}, asker, now, out);
    return sent(at, MessageType::kAck).size();
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

// It may be on its way back at the same address.
TEST_F(Holders, ARefusalIsNoSilenceAndIsAskedAgain) {
  alive("x", 5, 50);
  out.clear();
  alive("x", 9, 60);
  const uint32_t seq = asked(50);
  swim->ping_failed(out.streams.back().id, true, now, out);
  swim->packet_refused(test_endpoint(50), now, out);
  out.clear();
  run(milliseconds(250));
  EXPECT_EQ(asked(50), seq);
  ASSERT_EQ(out.streams.size(), 1u);
  EXPECT_EQ(out.streams[0].timeout, milliseconds(800));
  swim->packet_refused(test_endpoint(50), now, out);
  run(milliseconds(740));
  EXPECT_EQ(standing("x"), "alive 5");
  run(milliseconds(20));
  EXPECT_EQ(standing("x"), "alive 9");
}

TEST_F(Holders, WhoRefusedAndIsBackHoldsTheName) {
  alive("x", 5, 50);
  out.clear();
  alive("x", 9, 60);
  swim->packet_refused(test_endpoint(50), now, out);
  out.clear();
  run(milliseconds(250));
  answer(asked(50), 50);
  run(seconds(1));
  EXPECT_EQ(standing("x"), "alive 5");
  EXPECT_EQ(sent(60, MessageType::kAlive).size(), 1u);
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
  make_at(1, {test_endpoint(99)});
  list({1, true}, {{"x", 50}, {"me", 60}});
  ASSERT_NE(asked(60), 0u);
  EXPECT_FALSE(out.refused);
  answer(asked(60), 60);
  ASSERT_TRUE(out.refused);
  EXPECT_EQ(*out.refused, test_endpoint(60));
  EXPECT_EQ(swim->next_wake(), kNever);
  EXPECT_EQ(asked_by(60), 0u);  // we are not that host
  EXPECT_FALSE(swim->answers(Ping{7, "me", {}}, now));
}

TEST_F(Holders, ANewcomerIsAnnouncedOnceItsNameIsItsOwn) {
  const auto announced = [&] {
    size_t count = 0;
    for (const std::string& message : drain()) {
      const auto claim = as<Alive>(message, MessageType::kAlive);
      count += claim && claim->node == "me";
    }
    return count;
  };
  make_at(1, {test_endpoint(98), test_endpoint(99)});
  list({1, true}, {{"x", 50}, {"me", 60}});
  suspect("me", swim->incarnation());  // it is the other one that is missed
  EXPECT_EQ(announced(), 0u);
  make_at(1);
  swim->join({test_endpoint(98)}, now, out);
  EXPECT_EQ(announced(), 0u);
  list({1, true}, {{"x", 50}});
  EXPECT_EQ(announced(), 1u);
}

TEST_F(Holders, ANewcomerThatHearsOfItsNamesakeBeforeAnyListIsRefused) {
  make_at(1, {test_endpoint(99)});
  alive("me", kStart - 1'000, 60);
  ASSERT_NE(asked(60), 0u);
  answer(asked(60), 60);
  EXPECT_TRUE(out.refused);
}

TEST_F(Holders, ANamesakeUnderSuspicionStillHoldsTheName) {
  make_at(1, {test_endpoint(99)});
  list({1, true}, {{"x", 50}, {"me", 60, SwimState::kSuspect}});
  EXPECT_NE(asked(60), 0u);
  EXPECT_EQ(swim->stats().refutations, 0u);
}

TEST_F(Holders, ANewcomerTakesItsNameFromASilentAddress) {
  make_at(1, {test_endpoint(99)});
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

// Who is first holds its name at once, and says so to whoever comes under it.
TEST_F(Holders, WhoHasNobodyToAskDoesNotYield) {
  const uint32_t before = swim->incarnation();
  alive("me", before + 100, 60);
  EXPECT_EQ(asked(60), 0u);
  EXPECT_EQ(sent(60, MessageType::kAlive).size(), 1u);
  EXPECT_EQ(swim->incarnation(), before + 101);
  EXPECT_EQ(swim->stats().refutations, 0u);  // it is not that we were slow
  run(seconds(10));
  EXPECT_EQ(asked(60), 0u);
  EXPECT_FALSE(out.refused);
}

// Or two that both stay would drive each other up as fast as the network goes. None is forgotten.
TEST_F(Holders, ANamesakeIsOutbidOnceASecond) {
  const uint32_t before = swim->incarnation();
  alive("me", before + 10, 60);
  EXPECT_EQ(swim->incarnation(), before + 11);
  alive("me", before + 20, 60);
  alive("me", before + 30, 60);
  EXPECT_EQ(swim->incarnation(), before + 11);
  run(milliseconds(990));
  EXPECT_EQ(swim->incarnation(), before + 11);
  run(milliseconds(20));
  EXPECT_EQ(swim->incarnation(), before + 31);
  run(seconds(3));
  EXPECT_EQ(swim->incarnation(), before + 31);
}

TEST_F(Holders, WhoFoundItsNameFreeDoesNotYield) {
  make_at(1, {test_endpoint(99)});
  list({1, true}, {{"x", 50}});
  alive("me", swim->incarnation() + 100, 60);
  EXPECT_EQ(asked(60), 0u);
  EXPECT_EQ(sent(60, MessageType::kAlive).size(), 1u);
  // What others tell later was not there before us.
  list({0, false}, {{"me", 60}});
  list({9, false}, {{"me", 60}});
  EXPECT_EQ(asked(60), 0u);
}

// The seed that answered first may have been as new as we are.
TEST_F(Holders, ASecondSeedThatWasAskedAtTheStartMayStillKnowANamesake) {
  make_at(1, {test_endpoint(98), test_endpoint(99)});
  list({1, true}, {{"x", 98}});
  list({2, true}, {{"me", 60}});
  EXPECT_NE(asked(60), 0u);
}

TEST_F(Holders, AGuestOfOurNameIsNewerThanWeAre) {
  make_at(1, {test_endpoint(99)});  // which never answers
  list({0, true}, {{"me", 60}});
  EXPECT_EQ(asked(60), 0u);
  EXPECT_EQ(asked_by(60), 1u);
  // But who looks for us from within a pool has one.
  out.clear();
  list({0, false}, {{"me", 60}});
  EXPECT_NE(asked(60), 0u);
}

TEST_F(Holders, AGuestMakesUsAPoolInWhichOurNameIsOurs) {
  make_at(1, {test_endpoint(99)});
  list({0, true}, {{"x", 50}});
  alive("me", swim->incarnation() + 100, 60);
  EXPECT_EQ(asked(60), 0u);
}

// Both hold the name; the addresses decide, when a newcomer would be gone.
TEST_F(Holders, OfTwoThatHoldTheNameTheHigherAddressAsksAndYields) {
  make_at(70);
  alive("me", swim->incarnation() + 100, 60);
  EXPECT_EQ(sent(60, MessageType::kAlive).size(), 1u);
  run(milliseconds(4'900));
  EXPECT_EQ(asked(60), 0u);
  run(milliseconds(200));
  ASSERT_NE(asked(60), 0u);
  answer(asked(60), 60);
  ASSERT_TRUE(out.refused);
  EXPECT_EQ(*out.refused, test_endpoint(60));
}

TEST_F(Holders, ANamesakeThatIsGoneChangesNothing) {
  make_at(70);
  alive("me", swim->incarnation() - 1, 60);
  drain();
  const uint32_t before = swim->incarnation();
  run(seconds(7));
  EXPECT_FALSE(out.refused);
  EXPECT_EQ(swim->incarnation(), before);
  EXPECT_TRUE(drain().empty());  // no farewell to a host that never went
}

// A host ends by an answer alone: who may be about to end gives none.
TEST_F(Holders, OfTwoThatAskEachOtherTheLowerAddressStays) {
  make_at(1, {test_endpoint(99)});
  list({1, true}, {{"me", 60}});
  const uint32_t seq = asked(60);
  EXPECT_EQ(asked_by(60), 1u);
  answer(seq, 60);  // it had not asked yet when it answered: too late
  EXPECT_FALSE(out.refused);
  alive("me", swim->incarnation() + 100, 60);
  EXPECT_EQ(asked(60), 0u);

  make_at(70, {test_endpoint(99)});
  list({1, true}, {{"me", 60}});
  const uint32_t ours = asked(60);
  EXPECT_EQ(asked_by(60), 0u);
  EXPECT_EQ(asked_by(61), 1u);  // another one, about whom we do not ask
  answer(ours, 60);
  EXPECT_TRUE(out.refused);
}

TEST_F(Holders, OurOwnQuestionIsNoAnswer) {
  make_at(1, {test_endpoint(99)});
  list({1, true}, {{"me", 60}});  // our address of an earlier life leads to us
  EXPECT_EQ(asked_by(1), 0u);
  run(milliseconds(1'001));
  EXPECT_FALSE(out.refused);
}

class Judged : public Holders, public NamesakeJudge {
 protected:
  Judged() {
    SwimOptions options;
    options.name = "me";
    options.advertise = test_endpoint(70);
    swim = std::make_unique<Swim>(options, Prng(7), this);
    swim->start(now, out);
    drain();
    out.clear();
  }
  Verdict judge(std::string_view meta) const override {
    EXPECT_EQ(meta, "theirs");
    return verdict;
  }
  Verdict verdict = Verdict::kOpen;
};

TEST_F(Judged, WhomTheViewHoldsStaysAtOnceAndForGood) {
  verdict = Verdict::kOurs;
  alive("me", kStart + 100, 60, "theirs");
  EXPECT_EQ(sent(60, MessageType::kAlive).size(), 1u);
  run(seconds(20));
  EXPECT_EQ(asked(60), 0u);
}

TEST_F(Judged, WhomTheViewDoesNotHoldYieldsAtOnce) {
  verdict = Verdict::kTheirs;
  alive("me", kStart - 100, 60, "theirs");
  ASSERT_NE(asked(60), 0u);
  answer(asked(60), 60);
  EXPECT_TRUE(out.refused);
}

TEST_F(Judged, TheViewMayDecideMeanwhile) {
  alive("me", kStart - 100, 60, "theirs");
  verdict = Verdict::kOurs;
  run(seconds(20));
  EXPECT_EQ(asked(60), 0u);
}

TEST_F(Judged, AForeignNamesakeIsNoReasonToEnd) {
  verdict = Verdict::kForeign;
  for (int i = 0; i < 5; ++i) {
    alive("me", swim->incarnation() + 1, 60, "theirs");
    run(seconds(5));
  }
  EXPECT_EQ(asked(60), 0u);
  EXPECT_EQ(swim->stats().conflicts, 5u);
  EXPECT_EQ(swim->health(), 0);
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

// Real pools: whoever is refused ends, as its driver has it end.
class Namesakes : public ::testing::TestWithParam<uint64_t> {
 protected:
  static SwimOptions twin(unsigned at, std::vector<Endpoint> seeds) {
    SwimOptions options;
    options.name = "twin";
    options.advertise = test_endpoint(at);
    options.meta = "meta";
    options.seeds = std::move(seeds);
    return options;
  }
  void run(Duration time) {
    for (const Instant end = pool.at() + time; pool.at() < end; pool.run(milliseconds(1))) {
      for (size_t i = 0; i < pool.size(); ++i) {
        if (pool[i].refused) pool.kill(i);
      }
    }
  }
  // Each host, not least the other one, has this one under the name.
  void expect_stays(size_t first, size_t second) {
    EXPECT_FALSE(pool[first].refused);
    ASSERT_TRUE(pool[second].refused);
    EXPECT_EQ(*pool[second].refused, pool[first].endpoint);
    EXPECT_TRUE(pool.together());
  }
  TestPool pool{GetParam()};
};

TEST_P(Namesakes, WhoCameFirstStaysHoweverYoung) {
  pool.grow(3);
  run(seconds(3));
  unsigned at = 200;
  // Through the same seed there is no moment in which it is open who was first.
  for (const int64_t ms : {0, 1, 10, 100, 700, 3'000, 6'000}) {
    for (const bool first_is_lower : {true, false}) {
      at += 2;
      const size_t first = pool.add(twin(first_is_lower ? at : at + 1, {pool[0].endpoint}));
      run(milliseconds(ms));
      const size_t second = pool.add(twin(first_is_lower ? at + 1 : at, {pool[0].endpoint}));
      run(seconds(8));
      expect_stays(first, second);
      EXPECT_EQ(pool.count(SwimChange::kSuspected, "twin"), 0u) << ms;
      pool.input(first, [](Swim& swim, Now now, SwimEffects& out) { swim.leave(now, out); });
      run(seconds(2));
      pool.kill(first);
      pool.forget_seen();
    }
  }
}

TEST_P(Namesakes, WhoCameFirstStaysThoughTheOtherCameThroughAnotherSeed) {
  pool.grow(6);
  run(seconds(3));
  const size_t first = pool.add(twin(70, {pool[1].endpoint}));
  run(milliseconds(1'500));
  const size_t second = pool.add(twin(60, {pool[2].endpoint, pool[3].endpoint}));
  run(seconds(8));
  expect_stays(first, second);
}

TEST_P(Namesakes, OfTwoAtTheSameInstantOneStays) {
  pool.grow(12);
  run(seconds(3));
  const size_t higher = pool.add(twin(70, {pool[1].endpoint}));
  const size_t lower = pool.add(twin(60, {pool[2].endpoint}));
  run(seconds(40));
  expect_stays(lower, higher);
}

TEST_P(Namesakes, OfTwoAtTheSameInstantWithTwoSeedsOneStays) {
  pool.grow(4);
  run(seconds(3));
  const size_t a = pool.add(twin(70, {pool[1].endpoint, pool[2].endpoint}));
  const size_t b = pool.add(twin(60, {pool[2].endpoint, pool[1].endpoint}));
  run(seconds(40));
  EXPECT_NE(pool[a].refused.has_value(), pool[b].refused.has_value());
  EXPECT_TRUE(pool.together());
}

TEST_P(Namesakes, WhoAreSeedsOfEachOther) {
  const size_t first = pool.add(twin(70, {test_endpoint(60)}));
  run(milliseconds(static_cast<int64_t>(GetParam() - 1) * 977));
  const size_t second = pool.add(twin(60, {test_endpoint(70)}));
  run(seconds(40));
  expect_stays(first, second);
}

TEST_P(Namesakes, WhoJoinEachOtherAtTheSameInstant) {
  const size_t higher = pool.add(twin(70, {}));
  const size_t lower = pool.add(twin(60, {}));
  for (const size_t one : {higher, lower}) {
    pool.input(one, [other = pool[higher + lower - one].endpoint](
                        Swim& swim, Now now, SwimEffects& out) { swim.join({other}, now, out); });
  }
  run(seconds(2));
  expect_stays(lower, higher);
}

TEST_P(Namesakes, WhoHaveLivedApartMeet) {
  const size_t higher = pool.add(twin(70, {}));
  const size_t lower = pool.add(twin(60, {}));
  run(seconds(30));
  SwimOptions guest = TestPool::options(1);
  guest.seeds = {test_endpoint(70), test_endpoint(60)};
  pool.add(guest);
  run(seconds(90));
  expect_stays(lower, higher);
}

TEST_P(Namesakes, LossMakesNobodyEndInVain) {
  pool.grow(5);
  run(seconds(3));
  const size_t first = pool.add(twin(60 + GetParam() % 2 * 20, {pool[1].endpoint}));
  const size_t second = pool.add(twin(70, {pool[2].endpoint}));
  for (size_t i = 0; i < pool.size(); ++i) pool[i].loss_in = 400;
  run(seconds(60));
  EXPECT_NE(pool[first].refused.has_value(), pool[second].refused.has_value());
}

TEST_P(Namesakes, AHostThatIsJustStartingAgainKeepsItsName) {
  pool.grow(3);
  const size_t first = pool.add(twin(60, {pool[0].endpoint}));
  run(seconds(8));
  pool.kill(first);
  const size_t second = pool.add(twin(70, {pool[0].endpoint}));
  run(milliseconds(600));
  const size_t again = pool.add(twin(60, {pool[1].endpoint}));
  run(seconds(8));
  expect_stays(again, second);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Namesakes, ::testing::Range<uint64_t>(1, 11));

}  // namespace
}  // namespace phoenix::gossip
