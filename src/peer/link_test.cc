#include "peer/link.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "peer/frame.h"
#include "peer/test_pipe.h"

namespace phoenix::peer {
namespace {

using testing::End;
using testing::Pipe;
using testing::setting_of;

std::string text_of(size_t size, uint64_t seed) {
  std::string out(size, '\0');
  Prng prng(seed);
  for (char& byte : out) byte = static_cast<char>(prng.next() & 0xff);
  return out;
}

Pipe up() {
  Pipe pipe;
  pipe.carry_all();
  EXPECT_TRUE(pipe.a.link->up());
  EXPECT_TRUE(pipe.b.link->up());
  return pipe;
}

TEST(Link, IsUpOnBothSidesOnceTheSmallerAccepts) {
  for (const bool smaller_dials : {true, false}) {
    const LinkSetting small = setting_of("alpha", 1), large = setting_of("beta", 2);
    Pipe pipe(smaller_dials ? small : large, smaller_dials ? large : small);
    pipe.carry_all();
    for (const End* end : {&pipe.a, &pipe.b}) {
      EXPECT_EQ(end->greeted, 1);
      EXPECT_EQ(end->ups, 1);
      EXPECT_TRUE(end->closed.empty());
      EXPECT_EQ(end->link->features(), kRelays);
    }
    EXPECT_EQ(pipe.a.link->decides(), smaller_dials);
    EXPECT_EQ(pipe.b.link->theirs().self, smaller_dials ? small.self : large.self);
  }
}

TEST(Link, LivesOfOneNameAreTwoHosts) {
  Pipe pipe(setting_of("alpha", 2), setting_of("alpha", 1));
  pipe.carry_all();
  EXPECT_TRUE(pipe.a.link->up());
  EXPECT_FALSE(pipe.a.link->decides());
}

TEST(Link, TakesNoMessageBeforeItIsUp) {
  Pipe pipe;
  EXPECT_FALSE(pipe.a.link->send("early", Urgency::kUrgent));
  pipe.carry_all();
  EXPECT_TRUE(pipe.a.link->send("now", Urgency::kUrgent));
  pipe.carry_all();
  EXPECT_EQ(pipe.b.messages, std::vector<std::string>{"now"});
}

TEST(Link, TheFirstMessagesMayComeInOnePieceWithTheAccept) {
  Pipe pipe(setting_of("beta", 2), setting_of("alpha", 1));
  pipe.carry(pipe.a, pipe.b);
  pipe.carry(pipe.b, pipe.a);
  pipe.carry(pipe.a, pipe.b);
  ASSERT_TRUE(pipe.b.link->up());
  ASSERT_TRUE(pipe.b.link->send(std::string(200 << 10, 'x'), Urgency::kNormal));
  ASSERT_TRUE(pipe.b.link->send("second", Urgency::kNormal));
  pipe.carry(pipe.b, pipe.a);
  EXPECT_EQ(pipe.a.ups, 1);
  ASSERT_EQ(pipe.a.messages.size(), 2u);
  EXPECT_EQ(pipe.a.messages[1], "second");
}

// The property on which everything above rests: whatever the cuts of the stream, the messages of
// one urgency arrive in their order, each once and whole.
TEST(Link, KeepsTheOrderOfEachUrgencyForAnyCutsOfTheStream) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Pipe pipe;
    pipe.prng = Prng(seed);
    pipe.longest_cut = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 100 : 100'000;
    pipe.carry_all();
    Prng prng(seed + 1'000);
    std::array<std::vector<std::string>, kUrgencies> sent;
    for (int i = 0; i < 40; ++i) {
      const size_t urgency = prng.below(kUrgencies);
      const size_t size = prng.chance(1, 8) ? prng.below(150'000) : prng.below(300);
      std::string message = text_of(pipe.longest_cut == 1 ? size % 5'000 : size, prng.next());
      sent[urgency].push_back(message);
      ASSERT_TRUE(pipe.a.link->send(std::move(message), static_cast<Urgency>(urgency)));
      if (prng.chance(1, 4)) pipe.carry(pipe.a, pipe.b);
    }
    pipe.carry_all();
    std::array<std::vector<std::string>, kUrgencies> got;
    for (size_t i = 0; i < pipe.b.messages.size(); ++i) {
      got[static_cast<size_t>(pipe.b.urgencies[i])].push_back(pipe.b.messages[i]);
    }
    ASSERT_EQ(got, sent) << "seed " << seed;
    EXPECT_EQ(pipe.b.link->assembling(), 0u);
    for (const Urgency urgency : {Urgency::kUrgent, Urgency::kNormal, Urgency::kBulk}) {
      EXPECT_EQ(pipe.a.link->queued(urgency), 0u);
    }
  }
}

TEST(Link, AnUrgentMessageWaitsForOneFrameAtMost) {
  Pipe pipe = up();
  ASSERT_TRUE(pipe.a.link->send(std::string(4 << 20, 'b'), Urgency::kBulk));
  std::string wire;
  pipe.a.link->take_bytes(pipe.now, 1, wire);
  EXPECT_LE(wire.size(), kMaxSlice + kFrameHeader);
  ASSERT_TRUE(pipe.a.link->send("urgent", Urgency::kUrgent));
  pipe.a.link->take_bytes(pipe.now, 1, wire);
  pipe.b.link->received(pipe.now, wire);
  pipe.b.take_events(pipe.now);
  EXPECT_EQ(pipe.b.messages, std::vector<std::string>{"urgent"});
  pipe.carry_all();
  ASSERT_EQ(pipe.b.messages.size(), 2u);
  EXPECT_EQ(pipe.b.messages[1].size(), size_t{4} << 20);
}

TEST(Link, BulkGoesOnUnderASteadyStreamOfUrgentMessages) {
  Pipe pipe = up();
  ASSERT_TRUE(pipe.a.link->send(std::string(100 << 10, 'b'), Urgency::kBulk));
  ASSERT_TRUE(pipe.a.link->send("normal", Urgency::kNormal));
  size_t urgent_bytes = 0;
  while (std::count(pipe.b.urgencies.begin(), pipe.b.urgencies.end(), Urgency::kBulk) == 0) {
    ASSERT_LT(urgent_bytes, size_t{8} << 20);
    ASSERT_TRUE(pipe.a.link->send(std::string(8 << 10, 'u'), Urgency::kUrgent));
    urgent_bytes += 8 << 10;
    std::string wire;
    pipe.a.link->take_bytes(pipe.now, 1, wire);
    pipe.b.link->received(pipe.now, wire);
    pipe.b.take_events(pipe.now);
  }
  // Four frames, one for each 256 KiB, and the normal message in between.
  EXPECT_GE(urgent_bytes, size_t{1} << 20);
}

TEST(Link, SaysWhenItTakesNoMoreAndWhenItDoesAgain) {
  LinkSetting small = setting_of("alpha", 1);
  small.queue_bytes = {1'000, 1'000, 1'000};
  Pipe pipe(small, setting_of("beta", 2));
  pipe.carry_all();
  ASSERT_TRUE(pipe.a.link->send(std::string(2'000, 'x'), Urgency::kNormal));
  EXPECT_FALSE(pipe.a.link->send("y", Urgency::kNormal));
  EXPECT_TRUE(pipe.a.link->send("z", Urgency::kUrgent)) << "each urgency has a bound of its own";
  pipe.carry_all();
  EXPECT_EQ(pipe.a.writable, std::vector<Urgency>{Urgency::kNormal});
  EXPECT_TRUE(pipe.a.link->send("y", Urgency::kNormal));
  EXPECT_FALSE(pipe.a.link->send(std::string(kMaxMessage + 1, 'x'), Urgency::kBulk));
}

TEST(Link, CarriesTheLargestMessageAndNoLargerOne) {
  Pipe pipe = up();
  ASSERT_TRUE(pipe.a.link->send(std::string(kMaxMessage, 'm'), Urgency::kBulk));
  pipe.carry_all();
  ASSERT_EQ(pipe.b.messages.size(), 1u);
  EXPECT_EQ(pipe.b.messages[0].size(), kMaxMessage);

  const std::string part(kMaxSlice, 'p');
  std::string wire;
  append_frame(wire, FrameKind::kPart, 2, part);
  for (size_t sent = 0; sent <= kMaxMessage && pipe.b.closed.empty(); sent += part.size()) {
    EXPECT_LE(pipe.b.link->assembling(), kMaxMessage + kMaxPayload);
    pipe.b.link->received(pipe.now, wire);
    pipe.b.take_events(pipe.now);
  }
  EXPECT_EQ(pipe.b.closed, std::vector<CloseReason>{CloseReason::kMalformed});
  EXPECT_EQ(pipe.b.link->assembling(), 0u);
}

TEST(Link, RefusesAnotherPoolStoreKeyAndFactorAndTellsBothSides) {
  LinkSetting other = setting_of("beta", 2);
  other.identity = {"pool_b", "str_b", "ring_b", 64};
  Pipe pipe(setting_of("alpha", 1), other);
  pipe.carry_all();
  for (const End* end : {&pipe.a, &pipe.b}) {
    EXPECT_EQ(end->closed, std::vector<CloseReason>{CloseReason::kRefused});
    EXPECT_EQ(end->ups, 0);
    ASSERT_NE(end->link->refusal(), nullptr);
  }
  EXPECT_TRUE(pipe.a.link->refused_by_peer());
  EXPECT_EQ(to_text(*pipe.a.link->refusal()),
            "not of one pool and store: pool: ours pool_a, theirs pool_b; store: ours str_a, "
            "theirs str_b; ring key: ours ring_a, theirs ring_b; v-node factor: ours 128, "
            "theirs 64");
  EXPECT_EQ(to_text(*pipe.b.link->refusal()),
            "not of one pool and store: pool: ours pool_b, theirs pool_a; store: ours str_b, "
            "theirs str_a; ring key: ours ring_b, theirs ring_a; v-node factor: ours 64, "
            "theirs 128");
}

TEST(Link, AnotherLifeSaysSoAndCloses) {
  Pipe pipe(setting_of("alpha", 1), setting_of("beta", 2));
  pipe.b.link = Link::accepted(setting_of("beta", 3), pipe.now);
  pipe.carry_all();
  ASSERT_NE(pipe.a.link->refusal(), nullptr);
  EXPECT_EQ(to_text(*pipe.a.link->refusal()),
            "not the host that is wanted: host: ours beta#0000000000000002, theirs "
            "beta#0000000000000003");
  EXPECT_FALSE(pipe.b.link->refused_by_peer());
  EXPECT_EQ(pipe.b.closed, std::vector<CloseReason>{CloseReason::kRefused});
}

TEST(Link, IsNotUpWithItself) {
  Pipe pipe(setting_of("alpha", 1), setting_of("alpha", 1));
  pipe.carry_all();
  EXPECT_EQ(pipe.a.ups + pipe.b.ups, 0);
  EXPECT_FALSE(pipe.a.closed.empty());
  EXPECT_FALSE(pipe.b.closed.empty());
}

TEST(Link, TheOwnersRefusalReachesThePeer) {
  for (const bool dialler_refuses : {true, false}) {
    Pipe pipe;
    End& refuser = dialler_refuses ? pipe.a : pipe.b;
    End& other = dialler_refuses ? pipe.b : pipe.a;
    refuser.consents = false;
    pipe.carry_all();
    ASSERT_EQ(refuser.greeted, 1);
    refuser.link->refuse({RefusalCode::kDuplicate, {}});
    pipe.carry_all();
    EXPECT_TRUE(other.link->refused_by_peer());
    EXPECT_EQ(other.link->refusal()->code, RefusalCode::kDuplicate);
    EXPECT_EQ(other.ups, 0);
  }
}

TEST(Link, AgreesOnTheHighestCommonProtocolOrNamesBothRanges) {
  LinkSetting newer = setting_of("beta", 2);
  newer.protocols = {1, 5};
  Pipe fine(setting_of("alpha", 1), newer);
  fine.carry_all();
  EXPECT_TRUE(fine.a.link->up());

  newer.protocols = {2, 5};
  Pipe pipe(setting_of("alpha", 1), newer);
  pipe.carry_all();
  ASSERT_NE(pipe.a.link->refusal(), nullptr);
  ASSERT_NE(pipe.b.link->refusal(), nullptr);
  EXPECT_EQ(to_text(*pipe.a.link->refusal()),
            "no common protocol: protocol: ours 1..1, theirs 2..5");
  EXPECT_EQ(to_text(*pipe.b.link->refusal()),
            "no common protocol: protocol: ours 2..5, theirs 1..1");
}

TEST(Link, GarbageClosesItAtOnceAndWithoutAWord) {
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("\x16\x03\x01\x02"),
        std::string("PHXL\0\0\0\1", 8), std::string("PHXL\0\2\0\1", 8)}) {
    End end;
    const Instant now{1};
    end.link = Link::accepted(setting_of("beta", 2), now);
    end.link->received(now, bytes);
    end.take_events(now);
    EXPECT_EQ(end.closed, std::vector<CloseReason>{CloseReason::kMalformed});
    EXPECT_FALSE(end.link->has_bytes());
  }
}

TEST(Link, BoundsWhatAStrangerMayMakeItKeep) {
  End end;
  const Instant now{1};
  end.link = Link::accepted(setting_of("beta", 2), now);
  std::string wire = encode(Opening{});
  append_frame(wire, FrameKind::kHello, 0, std::string(kMaxHandshakePayload + 1, 'x'));
  end.link->received(now, wire);
  end.take_events(now);
  EXPECT_EQ(end.closed, std::vector<CloseReason>{CloseReason::kMalformed});
}

TEST(Link, FramesOutOfPlaceCloseIt) {
  const auto closes = [](FrameKind kind, uint8_t stream, std::string_view payload) {
    Pipe pipe = up();
    std::string wire;
    append_frame(wire, kind, stream, payload);
    pipe.b.link->received(pipe.now, wire);
    pipe.b.take_events(pipe.now);
    return pipe.b.closed == std::vector<CloseReason>{CloseReason::kMalformed};
  };
  EXPECT_TRUE(closes(FrameKind::kHello, 0, ""));
  EXPECT_TRUE(closes(FrameKind::kAccept, 0, ""));
  EXPECT_TRUE(closes(FrameKind::kRefuse, 0, encode(Refusal{})));
  EXPECT_TRUE(closes(FrameKind::kBeat, 0, "x"));
  EXPECT_TRUE(closes(FrameKind::kReach, 0, "1234567"));
  EXPECT_TRUE(closes(FrameKind::kReach, 0, std::string(16, 'x'))) << "not ascending";
  EXPECT_TRUE(closes(FrameKind::kLast, 3, "x")) << "no such urgency";
  EXPECT_TRUE(closes(FrameKind::kPart, 0, "")) << "an endless one would cost nothing";
  EXPECT_TRUE(closes(static_cast<FrameKind>(0), 0, ""));
  EXPECT_TRUE(closes(static_cast<FrameKind>(10), 0, ""));
  EXPECT_FALSE(closes(FrameKind::kLast, 2, ""));
}

TEST(Link, BeatsKeepAnIdleLinkUp) {
  Pipe pipe = up();
  for (int i = 0; i < 100; ++i) {
    pipe.pass(milliseconds(100));
    pipe.carry_all();
  }
  EXPECT_TRUE(pipe.a.link->up());
  EXPECT_TRUE(pipe.b.link->up());
}

TEST(Link, ASilentPeerIsClosedAfterASecondAndNotBefore) {
  Pipe pipe = up();
  const Instant begin = pipe.now;
  while (pipe.a.closed.empty()) {
    ASSERT_LT(pipe.now, begin + seconds(2));
    EXPECT_GT(pipe.a.link->next_deadline(), pipe.now - milliseconds(50));
    pipe.pass(milliseconds(50));
    pipe.carry(pipe.a, pipe.b);  // and nothing comes back
  }
  EXPECT_EQ(pipe.a.closed, std::vector<CloseReason>{CloseReason::kSilent});
  EXPECT_EQ(pipe.now - begin, seconds(1));
  EXPECT_TRUE(pipe.b.link->up()) << "it heard everything";
}

TEST(Link, WhoWasHeldUpItselfReadsBeforeItJudges) {
  Pipe pipe = up();
  // Frozen for ten seconds, in which the peer's bytes came and wait in the kernel.
  pipe.now = pipe.now + seconds(10);
  pipe.a.link->tick(pipe.now);
  pipe.a.take_events(pipe.now);
  EXPECT_TRUE(pipe.a.link->up());
  // But not for ever.
  for (int i = 0; i < 5; ++i) {
    pipe.now = pipe.now + milliseconds(100);
    pipe.a.link->tick(pipe.now);
    pipe.a.take_events(pipe.now);
  }
  EXPECT_FALSE(pipe.a.link->up());
}

TEST(Link, ASlowerPeersBeatCounts) {
  LinkSetting slow = setting_of("beta", 2);
  slow.beat = seconds(1);
  Pipe pipe(setting_of("alpha", 1), slow);
  pipe.carry_all();
  for (int i = 0; i < 46; ++i) pipe.pass(milliseconds(100));
  EXPECT_TRUE(pipe.a.link->up());
  EXPECT_FALSE(pipe.b.link->up());
}

TEST(Link, AHandshakeHasTwoSeconds) {
  Pipe pipe;
  EXPECT_EQ(pipe.b.link->next_deadline(), pipe.now + seconds(2));
  pipe.pass(milliseconds(1'999));
  EXPECT_TRUE(pipe.b.closed.empty());
  pipe.pass(milliseconds(1));
  EXPECT_EQ(pipe.b.closed, std::vector<CloseReason>{CloseReason::kSilent});
}

TEST(Link, CarriesReachAndRelayFrames) {
  Pipe pipe = up();
  pipe.a.link->send_reach({1, 5, 9});
  ASSERT_TRUE(pipe.a.link->send_relay("there", false));
  ASSERT_TRUE(pipe.a.link->send_relay("here", true));
  EXPECT_FALSE(pipe.a.link->send_relay(std::string(kMaxPayload + 1, 'x'), true));
  pipe.carry_all();
  EXPECT_EQ(pipe.b.reaches, (std::vector<std::vector<uint64_t>>{{1, 5, 9}}));
  ASSERT_EQ(pipe.b.relayed.size(), 2u);
  EXPECT_EQ(pipe.b.relayed[0].bytes, "there");
  EXPECT_FALSE(pipe.b.relayed[0].passed);
  EXPECT_TRUE(pipe.b.relayed[1].passed);
}

TEST(Link, LostTakesWhatWasQueuedAlong) {
  Pipe pipe = up();
  ASSERT_TRUE(pipe.a.link->send("never", Urgency::kNormal));
  pipe.a.link->lost();
  pipe.a.take_events(pipe.now);
  EXPECT_EQ(pipe.a.closed, std::vector<CloseReason>{CloseReason::kLost});
  EXPECT_FALSE(pipe.a.link->has_bytes());
  EXPECT_FALSE(pipe.a.link->send("no", Urgency::kNormal));
  EXPECT_EQ(pipe.a.link->next_deadline(), kNever);
}

}  // namespace
}  // namespace phoenix::peer
