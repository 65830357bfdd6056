// Who is asked, what is done when nobody answers, and what it says about ourselves.
#include <set>

#include "membership/swim/test_pool.h"

namespace phoenix::gossip {
namespace {

class Probes : public OneSwim {
 protected:
  struct Asked {
    uint32_t seq;
    Endpoint to;
    std::string node;
  };
  // The pings of all that was sent since `out` was cleared.
  std::vector<Asked> pings() const {
    std::vector<Asked> asked;
    for (const SwimSend& send : out.sends) {
      if (const auto ping = as<Ping>(send.message, MessageType::kPing)) {
        asked.push_back({ping->seq_no, send.to, std::string(ping->node)});
      }
    }
    return asked;
  }
  size_t streams(uint32_t seq) const {
    return static_cast<size_t>(
        std::count_if(out.streams.begin(), out.streams.end(), [seq](const SwimEffects::Stream& s) {
          return s.kind == SwimEffects::StreamKind::kPing && s.id == seq;
        }));
  }
  // Runs until somebody is probed.
  Asked next_probe() {
    out.clear();
    while (pings().empty()) run(milliseconds(1));
    return pings().front();
  }
  void hosts(unsigned count) {
    for (unsigned i = 0; i < count; ++i) alive("host-" + std::to_string(i), 1, 50 + i);
    drain();
    out.clear();
  }
};

TEST_F(Probes, GoRoundAndAskEachOnce) {
  hosts(20);
  for (int round = 0; round < 3; ++round) {
    std::set<std::string> asked;
    for (int i = 0; i < 20; ++i) {
      const Asked ping = next_probe();
      asked.insert(ping.node);
      swim->receive(Ack{ping.seq, "coordinate"}, ping.to, now, out);
      ASSERT_EQ(out.pings.size(), 1u);
      EXPECT_TRUE(out.pings[0].ok);
      EXPECT_FALSE(out.pings[0].asked);
      EXPECT_EQ(out.pings[0].payload, "coordinate");
      EXPECT_TRUE(swim->hosts()[number(ping.node)].proven);
    }
    EXPECT_EQ(asked.size(), 20u);
  }
  EXPECT_EQ(swim->remembered().size(), 20u);
  EXPECT_EQ(swim->health(), 0);
}

TEST_F(Probes, TheGoneAreNotAsked) {
  hosts(4);
  dead("host-0", 1);
  dead("host-1", 1, "host-1");
  std::set<std::string> asked;
  for (int i = 0; i < 12; ++i) {
    const Asked ping = next_probe();
    asked.insert(ping.node);
    swim->receive(Ack{ping.seq, {}}, ping.to, now, out);
  }
  EXPECT_EQ(asked, (std::set<std::string>{"host-2", "host-3"}));
}

TEST_F(Probes, WithoutAnAnswerOthersAreAskedAndAStreamIsTried) {
  hosts(6);
  const Asked ping = next_probe();
  out.clear();
  run(milliseconds(150));
  std::set<Endpoint> relays;
  for (const SwimSend& send : out.sends) {
    const auto indirect = as<IndirectPing>(send.message, MessageType::kIndirectPing);
    if (!indirect) continue;
    EXPECT_EQ(indirect->seq_no, ping.seq);
    EXPECT_EQ(indirect->node, ping.node);
    EXPECT_EQ(endpoint_of(indirect->target, indirect->port), ping.to);
    EXPECT_TRUE(indirect->nack);
    EXPECT_NE(send.to, ping.to);
    relays.insert(send.to);
  }
  EXPECT_EQ(relays.size(), 3u);
  ASSERT_EQ(out.streams.size(), 1u);
  EXPECT_EQ(out.streams[0].kind, SwimEffects::StreamKind::kPing);
  EXPECT_EQ(out.streams[0].to, ping.to);
  // A relay got through: all is well, though not with the direct way.
  swim->receive(Ack{ping.seq, {}}, *relays.begin(), now, out);
  run(seconds(1));
  EXPECT_EQ(standing(ping.node), "alive 1");
  EXPECT_FALSE(swim->hosts()[number(ping.node)].proven);
}

TEST_F(Probes, AnAnswerByStreamIsAnAnswer) {
  hosts(6);
  const Asked ping = next_probe();
  out.clear();
  run(milliseconds(150));
  ASSERT_EQ(out.streams.size(), 1u);
  swim->ping_answered(out.streams[0].id, Ack{ping.seq, {}}, now, out);
  EXPECT_EQ(standing(ping.node), "alive 1");
  EXPECT_EQ(swim->stats().probes_failed, 0u);
  run(milliseconds(300));
  EXPECT_EQ(standing(ping.node), "alive 1");
}

TEST_F(Probes, SilenceRaisesASuspicionAndTheSuspectIsTold) {
  hosts(1);
  const Asked ping = next_probe();
  run(milliseconds(450));
  EXPECT_EQ(standing("host-0"), "suspect 1");
  out.clear();
  run(milliseconds(800));
  // The next ping brings the accusation along.
  ASSERT_FALSE(sent(50, MessageType::kPing).empty());
  const auto told = sent(50, MessageType::kSuspect);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(as<Suspect>(told[0], MessageType::kSuspect)->from, "me");
}

TEST_F(Probes, ARefusalIsAFailedProbeAtOnceAndNothingIsWrongWithUs) {
  hosts(6);
  Asked ping = next_probe();
  swim->packet_refused(ping.to, now, out);
  EXPECT_EQ(standing(ping.node), "suspect 1");
  EXPECT_EQ(swim->health(), 0);
  do {
    ping = next_probe();
  } while (standing(ping.node) != "alive 1");
  out.clear();
  run(milliseconds(150));
  const auto stream = std::find_if(out.streams.begin(), out.streams.end(),
                                   [&](const auto& s) { return s.id == ping.seq; });
  ASSERT_NE(stream, out.streams.end());
  swim->ping_failed(stream->id, true, now, out);
  EXPECT_EQ(standing(ping.node), "suspect 1");
}

TEST_F(Probes, RefusedGossipIsLookedInto) {
  hosts(6);
  next_probe();
  out.clear();
  swim->packet_refused(test_endpoint(53), now, out);
  EXPECT_EQ(standing("host-3"), "alive 1");  // it is a hint, no more
  const auto asked = pings();
  if (asked.empty()) GTEST_SKIP() << "the round was at it already";
  EXPECT_EQ(asked[0].node, "host-3");
}

TEST_F(Probes, MissingNacksCostHealthAndLateOnesGiveItBack) {
  hosts(6);
  const Asked ping = next_probe();
  run(milliseconds(160));
  swim->receive(Nack{ping.seq}, test_endpoint(51), now, out);  // one of three
  run(milliseconds(250));
  EXPECT_EQ(standing(ping.node), "suspect 1");
  EXPECT_EQ(swim->health(), 2);
  swim->receive(Nack{ping.seq}, test_endpoint(52), now, out);  // Serf's come after half a second
  EXPECT_EQ(swim->health(), 1);
  swim->receive(Nack{ping.seq}, test_endpoint(53), now, out);
  swim->receive(Nack{ping.seq}, test_endpoint(54), now, out);  // more than were asked
  EXPECT_EQ(swim->health(), 0);
}

TEST_F(Probes, BadHealthStretchesIntervalAndTimeout) {
  hosts(6);
  for (int i = 0; i < 20; ++i) suspect("me", swim->incarnation());
  EXPECT_EQ(swim->health(), 7);
  next_probe();
  const Asked ping = next_probe();
  out.clear();
  run(milliseconds(150 * 8 - 20));
  EXPECT_EQ(streams(ping.seq), 0u);  // nobody else was asked yet
  EXPECT_TRUE(pings().empty());
  run(milliseconds(40));
  EXPECT_EQ(streams(ping.seq), 1u);
  swim->receive(Ack{ping.seq, {}}, ping.to, now, out);
  EXPECT_EQ(swim->health(), 6);
  out.clear();
  run(milliseconds(400 * 8 - 1'300));
  EXPECT_TRUE(pings().empty());
}

TEST_F(Probes, WhoHearsNobodyAccusesNobody) {
  hosts(30);
  run(seconds(20));  // not a word from anyone
  EXPECT_EQ(changes(SwimChange::kSuspected), 0u);
  EXPECT_GT(swim->stats().inconclusive, 0u);
  EXPECT_EQ(swim->health(), 7);
  run(seconds(120));  // but not for ever
  EXPECT_GT(changes(SwimChange::kSuspected), 0u);
}

TEST_F(Probes, APingIsAnsweredIfItMeansUs) {
  swim->set_ack_payload("coordinate");
  swim->receive(Ping{7, "me", {}}, sender, now, out);
  swim->receive(Ping{8, "", {}}, sender, now, out);
  swim->receive(Ping{9, "who was here before", {}}, sender, now, out);
  const auto acks = sent(99, MessageType::kAck);
  ASSERT_EQ(acks.size(), 2u);
  EXPECT_EQ(as<Ack>(acks[0], MessageType::kAck)->seq_no, 7u);
  EXPECT_EQ(as<Ack>(acks[0], MessageType::kAck)->payload, "coordinate");
  // To where the ping says that it comes from, if it says so.
  const Endpoint said = test_endpoint(77);
  swim->receive(Ping{10, "me", {said.bytes(), said.port, "x"}}, sender, now, out);
  EXPECT_EQ(sent(77, MessageType::kAck).size(), 1u);
}

TEST_F(Probes, TheDeadWhoAskUsAreTold) {
  alive("x", 5);
  dead("x", 5);
  out.clear();
  const Endpoint at = test_endpoint(50);
  swim->receive(Ping{7, "me", {at.bytes(), at.port, "x"}}, at, now, out);
  ASSERT_EQ(sent(50, MessageType::kDead).size(), 1u);
}

TEST_F(Probes, ForOthersWeAskAndPassTheAnswerOnWithoutItsPayload) {
  const Endpoint target = test_endpoint(60);
  IndirectPing request;
  request.seq_no = 1234;
  request.target = target.bytes();
  request.port = target.port;
  request.node = "x";
  request.nack = true;
  swim->receive(request, sender, now, out);
  Asked ping = pings().at(0);
  EXPECT_EQ(ping.to, target);
  EXPECT_EQ(ping.node, "x");
  swim->receive(Ack{ping.seq, "coordinate"}, target, now, out);
  const auto acks = sent(99, MessageType::kAck);
  ASSERT_EQ(acks.size(), 1u);
  EXPECT_EQ(as<Ack>(acks[0], MessageType::kAck)->seq_no, 1234u);
  EXPECT_EQ(as<Ack>(acks[0], MessageType::kAck)->payload, "");
  // The second time there is no answer, and that is said.
  out.clear();
  swim->receive(request, sender, now, out);
  ping = pings().at(0);
  run(milliseconds(149));
  EXPECT_TRUE(sent(99, MessageType::kNack).empty());
  run(milliseconds(2));
  const auto nacks = sent(99, MessageType::kNack);
  ASSERT_EQ(nacks.size(), 1u);
  EXPECT_EQ(as<Nack>(nacks[0], MessageType::kNack)->seq_no, 1234u);
  // It is passed on although it is late; whoever asked may still wait.
  swim->receive(Ack{ping.seq, {}}, target, now, out);
  EXPECT_EQ(sent(99, MessageType::kAck).size(), 1u);
  // However many ask, what is kept of it is bounded.
  for (uint32_t i = 0; i < 100'000; ++i) swim->receive(request, sender, now, out);
  EXPECT_GT(swim->stats().no_room, 90'000u);
}

TEST_F(Probes, OurOwnPingsChangeNothingAboutAHost) {
  hosts(1);
  const HostNumber host = number("host-0");
  const uint32_t good = swim->ping(host, milliseconds(200), now, out);
  const uint32_t bad = swim->ping(host, milliseconds(200), now, out);
  ASSERT_NE(good, 0u);
  now.mono = now.mono + milliseconds(3);
  swim->receive(Ack{good, "p"}, test_endpoint(50), now, out);
  ASSERT_EQ(out.pings.size(), 1u);
  EXPECT_EQ(out.pings[0].seq, good);
  EXPECT_TRUE(out.pings[0].ok);
  EXPECT_TRUE(out.pings[0].asked);
  EXPECT_EQ(out.pings[0].rtt, milliseconds(3));
  out.clear();
  run(milliseconds(200));
  const auto lost = std::find_if(out.pings.begin(), out.pings.end(),
                                 [bad](const auto& p) { return p.seq == bad; });
  ASSERT_NE(lost, out.pings.end());
  EXPECT_FALSE(lost->ok);
  EXPECT_TRUE(lost->asked);
  EXPECT_EQ(standing("host-0"), "alive 1");
  EXPECT_EQ(swim->ping(12'345, milliseconds(200), now, out), 0u);
}

// Each has one result, or whoever asked would wait for it for ever.
TEST_F(Probes, OurOwnPingsAlwaysEnd) {
  hosts(1);
  const HostNumber host = number("host-0");
  const uint32_t elsewhere = swim->ping(host, milliseconds(200), now, out);
  const uint32_t forgotten = swim->ping(host, milliseconds(300), now, out);
  out.clear();
  // From an address that was not asked: it may be anybody.
  swim->receive(Ack{elsewhere, "p"}, test_endpoint(51), now, out);
  EXPECT_TRUE(out.pings.empty());
  run(milliseconds(200));
  ASSERT_EQ(out.pings.size(), 1u);
  EXPECT_EQ(out.pings[0].seq, elsewhere);
  EXPECT_FALSE(out.pings[0].ok);
  out.clear();
  const std::string name = "host-0";
  swim->receive(Dead{1, name, name}, test_endpoint(50), now, out);
  ASSERT_TRUE(swim->forget(host, out));
  out.clear();
  swim->receive(Ack{forgotten, "p"}, test_endpoint(50), now, out);
  EXPECT_TRUE(out.pings.empty());
  run(milliseconds(100));
  const auto over = std::find_if(out.pings.begin(), out.pings.end(),
                                 [&](const auto& p) { return p.seq == forgotten; });
  ASSERT_NE(over, out.pings.end());
  EXPECT_TRUE(over->asked);
  EXPECT_FALSE(over->ok);
}

TEST_F(Probes, ASuspectThatAnswersGetsTimeToRefute) {
  alive("x", 5);
  suspect("x", 5);
  // It answers each ping, and never refutes.
  const Instant since = now.mono;
  while (standing("x") == "suspect 5" && now.mono - since < seconds(60)) {
    out.clear();
    run(milliseconds(1));
    for (const Asked& ping : pings()) swim->receive(Ack{ping.seq, {}}, ping.to, now, out);
  }
  EXPECT_EQ(standing("x"), "dead 5");
  EXPECT_GT(now.mono - since, seconds(4));
}

TEST_F(Probes, ASleepOfOursIsNobodysSilence) {
  hosts(6);
  suspect("host-0", 1);
  const Asked ping = next_probe();
  const uint64_t before = swim->stats().suspicions;
  out.clear();
  now.mono = now.mono + seconds(60);  // stopped, and let go on
  swim->tick(now, out);
  EXPECT_EQ(swim->stats().pauses, 1u);
  EXPECT_EQ(swim->stats().suspicions, before);
  EXPECT_EQ(standing("host-0"), "suspect 1");
  EXPECT_EQ(swim->health(), 1);
  EXPECT_FALSE(out.streams.empty());  // somebody is asked what happened meanwhile
  // The question is put again.
  std::set<std::string> asked;
  for (const Asked& again : pings()) asked.insert(again.node);
  EXPECT_TRUE(asked.contains(ping.node));
}

}  // namespace
}  // namespace phoenix::gossip
