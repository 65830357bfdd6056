#include "peer/mesh.h"

#include <gtest/gtest.h>

#include "peer/relay.h"
#include "peer/test_net.h"

namespace phoenix::peer {
namespace {

using testing::Net;
using testing::setting_of;

TEST(Mesh, LinksEveryPairByOneConnection) {
  Net net(5);
  ASSERT_TRUE(net.run_until([&] { return net.all_up(); }, milliseconds(500)));
  net.run(seconds(3));
  EXPECT_TRUE(net.all_up());
  for (size_t a = 0; a < 5; ++a) {
    for (size_t b = a + 1; b < 5; ++b) {
      EXPECT_EQ(net.open_wires(a, b), 1u);
      EXPECT_EQ(net.hosts[a].ups[net.hosts[b].life], 1);
    }
  }
}

TEST(Mesh, CarriesMessagesInOrderBothWays) {
  Net net(2);
  ASSERT_TRUE(net.run_until([&] { return net.all_up(); }));
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(net.send(0, 1, Urgency::kNormal, i % 7 == 0 ? 100'000 : 10));
    ASSERT_TRUE(net.send(1, 0));
  }
  EXPECT_TRUE(net.run_until([&] { return net.got(1, 0).size() == 200; }));
  EXPECT_EQ(net.got(0, 1).size(), 200u);
  EXPECT_EQ(net.hosts[1].mesh->counts().messages_in, 200u);
}

// Both dial at the same moment: whichever arrives first, one stays, and nobody was up on the other.
TEST(Mesh, TwoConnectionsOfAPairBecomeOneWithoutLoss) {
  for (const int64_t head_start_ms : {0, 1, 2, 3, 4, 5}) {
    Net net(0);
    for (const char* name : {"alpha", "beta"}) {
      MeshSetting setting;
      setting.link = setting_of(name, 7);
      setting.head_start = milliseconds(head_start_ms);
      net.add(setting);
    }
    net.introduce(1);
    net.introduce(0);
    ASSERT_TRUE(net.run_until([&] { return net.all_up(); }));
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(net.send(0, 1));
      ASSERT_TRUE(net.send(1, 0));
    }
    net.run(seconds(1));
    EXPECT_EQ(net.got(0, 1).size(), 20u);
    EXPECT_EQ(net.got(1, 0).size(), 20u);
    EXPECT_EQ(net.hosts[0].ups[net.hosts[1].life], 1);
    EXPECT_EQ(net.hosts[1].ups[net.hosts[0].life], 1);
    EXPECT_EQ(net.open_wires(0, 1), 1u);
    EXPECT_TRUE(net.hosts[0].failed.empty()) << net.hosts[0].failed[0].why;
    EXPECT_TRUE(net.hosts[1].failed.empty()) << net.hosts[1].failed[0].why;
  }
}

TEST(Mesh, TheLargerDialsWhenTheSmallerCannot) {
  Net net(0);
  net.add("alpha", 1);
  net.add("beta", 2);
  net.hosts[0].mesh->set_peers(net.now, {{net.hosts[1].life, ""}});
  net.introduce(1);
  EXPECT_TRUE(net.run_until([&] { return net.all_up(); }, milliseconds(300)));
}

TEST(Mesh, AResetLinkComesBackWithinATenthOfASecond) {
  Net net(2);
  ASSERT_TRUE(net.run_until([&] { return net.all_up(); }));
  net.run(seconds(3));
  net.reset(0, 1);
  EXPECT_FALSE(net.up(0, 1));
  EXPECT_TRUE(net.run_until([&] { return net.up(0, 1); }, milliseconds(110)));
  EXPECT_EQ(net.hosts[0].mesh->counts().reconnects, 1u);
}

TEST(Mesh, ASilentLinkIsDownAfterASecondOnBothSides) {
  Net net(2);
  ASSERT_TRUE(net.run_until([&] { return net.all_up(); }));
  net.run(seconds(1));
  net.block(0, 1);
  const Instant begin = net.now;
  EXPECT_TRUE(net.run_until(
      [&] { return !net.hosts[0].up[net.hosts[1].life] && !net.hosts[1].up[net.hosts[0].life]; }));
  EXPECT_GE(net.now - begin, milliseconds(700));
  EXPECT_LE(net.now - begin, milliseconds(1'050));
  EXPECT_EQ(net.hosts[0].mesh->counts().downs_silent, 1u);
  net.heal(0, 1);
  EXPECT_TRUE(net.run_until([&] { return net.up(0, 1); }, seconds(5)));
}

TEST(Mesh, AFrozenHostCostsOnlyItsOwnLinks) {
  Net net(3);
  ASSERT_TRUE(net.run_until([&] { return net.all_up(); }));
  net.hosts[2].frozen = true;
  // What the two send it waits, within its bound; what they send each other does not.
  while (net.send(0, 2, Urgency::kNormal, 1 << 20)) {
    if (net.hosts[0].mesh->peers()[1].queued[1] == 0) break;
  }
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(net.send(0, 1));
    net.run(milliseconds(5));
    ASSERT_EQ(net.got(1, 0).size(), static_cast<size_t>(i + 1));
  }
  net.run(seconds(2));
  EXPECT_FALSE(net.hosts[0].up[net.hosts[2].life]);
  EXPECT_TRUE(net.up(0, 1));
  EXPECT_EQ(net.hosts[0].downs[net.hosts[1].life], 0);
  net.hosts[2].frozen = false;
  EXPECT_TRUE(net.run_until([&] { return net.all_up(); }, seconds(5)));
}

TEST(Mesh, DialsWithGrowingPausesAndNeverGivesUp) {
  Net net(0);
  net.add("alpha", 1);
  net.add("beta", 2);
  net.refuse_dials = true;
  net.introduce(0);
  const auto dials = [&] { return net.hosts[0].mesh->counts().dials; };
  net.run(milliseconds(200));
  EXPECT_GE(dials(), 3u);
  net.run(seconds(20));
  EXPECT_GE(dials(), 14u);
  EXPECT_LE(dials(), 30u);
  const uint64_t before = dials();
  net.run(seconds(60));
  EXPECT_GE(dials() - before, 30u);
  ASSERT_FALSE(net.hosts[0].failed.empty());
  EXPECT_EQ(net.hosts[0].failed[0].why, "connection refused");
  EXPECT_EQ(net.hosts[0].failed[0].peer, net.hosts[1].life);
}

TEST(Mesh, OnlyLivesOfTheViewAreUp) {
  Net net(2);
  ASSERT_TRUE(net.run_until([&] { return net.all_up(); }));
  net.introduce(0, {1});
  EXPECT_FALSE(net.up(0, 1));
  EXPECT_EQ(net.hosts[0].downs[net.hosts[1].life], 1);
  net.run(seconds(5));
  EXPECT_EQ(net.hosts[0].mesh->links_up(), 0u);
  EXPECT_EQ(net.hosts[1].mesh->links_up(), 0u);
  ASSERT_FALSE(net.hosts[1].failed.empty());
  EXPECT_EQ(net.hosts[1].failed.back().refusal, RefusalCode::kNotInView);
  net.introduce(0);
  EXPECT_TRUE(net.run_until([&] { return net.up(0, 1); }, seconds(1)));
}

TEST(Mesh, ANewLifeOfAHostIsAnotherPeer) {
  Net net(2);
  ASSERT_TRUE(net.run_until([&] { return net.all_up(); }));
  const size_t reborn = net.add("host-b", 999);
  net.hosts[1].frozen = true;
  net.introduce(0, {1});
  net.introduce(reborn, {1});
  EXPECT_TRUE(net.run_until([&] { return net.up(0, reborn); }, seconds(1)));
  EXPECT_FALSE(net.hosts[0].up[net.hosts[1].life]);
}

TEST(Mesh, TheWrongLifeAtAnAddressIsRefusedByName) {
  Net net(0);
  net.add("alpha", 1);
  net.add("beta", 2);
  net.hosts[0].mesh->set_peers(net.now, {{{"beta", 3}, "at:1"}});
  net.introduce(1);
  net.run(milliseconds(100));
  EXPECT_EQ(net.hosts[0].mesh->links_up(), 0u);
  ASSERT_FALSE(net.hosts[0].failed.empty());
  EXPECT_EQ(net.hosts[0].failed[0].refusal, RefusalCode::kOtherHost);
  EXPECT_EQ(net.hosts[0].failed[0].why,
            "not the host that is wanted: host: ours beta#0000000000000003, theirs "
            "beta#0000000000000002");
}

// A mesh and, at the other end of a connection that it accepted, a bare link that may say anything.
struct Accepted {
  explicit Accepted(std::optional<std::vector<std::string>> names = std::nullopt)
      : mesh([] {
          MeshSetting setting;
          setting.link = setting_of("beta", 2);
          return setting;
        }()),
        dialler(Link::dialled(setting_of("alpha", 1), now, {"beta", 2})) {
    mesh.set_peers(now, {{{"alpha", 1}, ""}, {{"gamma", 3}, ""}});
    id = mesh.accepted(now);
    mesh.ready(now, id, std::move(names));
    for (int i = 0; i < 4; ++i) carry();
  }
  void carry() {
    std::string bytes;
    while (dialler->has_bytes()) dialler->take_bytes(now, 1, bytes);
    mesh.received(now, id, bytes);
    std::string back;
    while (mesh.has_bytes(id)) mesh.take_bytes(now, id, 1, back);
    for (const CloseOrder& order : mesh.take_output().closes) back += order.last;
    dialler->received(now, back);
    for (const LinkEvent& event : dialler->take_events()) {
      if (std::holds_alternative<Greeted>(event)) dialler->consent(now);
    }
  }

  Instant now{1};
  Mesh mesh;
  std::unique_ptr<Link> dialler;
  ConnectionId id = 0;
};

TEST(Mesh, ACertificateMustNameItsHost) {
  Accepted named(std::vector<std::string>{"alice", "alpha"});
  EXPECT_EQ(named.mesh.links_up(), 1u);
  EXPECT_TRUE(named.dialler->up());

  Accepted other(std::vector<std::string>{"alice", "gamma"});
  EXPECT_EQ(other.mesh.links_up(), 0u);
  ASSERT_NE(other.dialler->refusal(), nullptr);
  EXPECT_EQ(to_text(*other.dialler->refusal()),
            "the certificate does not name the host: certificate: ours alice, gamma, theirs alpha");
}

TEST(MeshRelay, NobodySpeaksForAnother) {
  const HostLife alpha{"alpha", 1}, beta{"beta", 2}, gamma{"gamma", 3};
  const auto stays_up = [](const RelayMessage& message, bool passed) {
    Accepted pair;
    EXPECT_TRUE(pair.dialler->send_relay(encode(message), passed));
    pair.carry();
    return pair.mesh.links_up() == 1;
  };
  EXPECT_TRUE(stays_up({alpha, gamma, 1, RelayOp::kOpen, 0, {}}, false));
  EXPECT_FALSE(stays_up({gamma, alpha, 1, RelayOp::kOpen, 0, {}}, false)) << "not its own";
  EXPECT_FALSE(stays_up({alpha, alpha, 1, RelayOp::kOpen, 0, {}}, false)) << "back to itself";
  EXPECT_TRUE(stays_up({gamma, beta, 1, RelayOp::kOpen, 0, {}}, true));
  EXPECT_FALSE(stays_up({alpha, gamma, 1, RelayOp::kOpen, 0, {}}, true)) << "a second hop";
}

TEST(Mesh, StrangersAreBoundedInNumberAndTime) {
  MeshSetting setting;
  setting.link = setting_of("alpha", 1);
  setting.max_strangers = 3;
  Mesh mesh(setting);
  Instant now{1};
  const ConnectionId first = mesh.accepted(now);
  for (int i = 0; i < 3; ++i) mesh.accepted(now);
  MeshOutput out = mesh.take_output();
  ASSERT_EQ(out.closes.size(), 1u);
  EXPECT_EQ(out.closes[0].id, first);
  EXPECT_EQ(mesh.counts().evicted, 1u);
  EXPECT_LE(mesh.next_deadline(), now + seconds(2));
  now = now + seconds(2);
  mesh.tick(now);
  EXPECT_EQ(mesh.take_output().closes.size(), 3u);
}

TEST(Mesh, AFullQueueSaysSoAndThenThatThereIsRoom) {
  Net net(0);
  for (const char* name : {"alpha", "beta"}) {
    MeshSetting setting;
    setting.link = setting_of(name, 7);
    setting.link.queue_bytes = {10'000, 10'000, 10'000};
    net.add(setting);
  }
  net.introduce(0);
  net.introduce(1);
  ASSERT_TRUE(net.run_until([&] { return net.all_up(); }));
  Mesh& mesh = *net.hosts[0].mesh;
  const HostLife beta = net.hosts[1].life;
  ASSERT_TRUE(mesh.send(net.now, beta, "1/" + std::string(20'000, 'x'), Urgency::kNormal));
  EXPECT_FALSE(mesh.send(net.now, beta, "no", Urgency::kNormal));
  EXPECT_EQ(mesh.counts().not_taken, 1u);
  net.introduce(0);  // carries out what waits
  ASSERT_EQ(net.hosts[0].writable.size(), 1u);
  EXPECT_EQ(net.hosts[0].writable[0].urgency, Urgency::kNormal);
  EXPECT_TRUE(mesh.send(net.now, beta, "2/", Urgency::kNormal));
}

TEST(Mesh, ACutLinkIsDownAndComesAgain) {
  Net net(2);
  ASSERT_TRUE(net.run_until([&] { return net.all_up(); }));
  net.hosts[0].mesh->cut(net.now, net.hosts[1].life);
  EXPECT_TRUE(net.run_until([&] { return net.hosts[1].downs[net.hosts[0].life] == 1; }));
  EXPECT_TRUE(net.run_until([&] { return net.up(0, 1); }, milliseconds(500)));
}

// --- through third hosts ---

TEST(MeshRelay, TwoThatCannotReachEachOtherGoThroughAThird) {
  Net net(3);
  net.block(0, 1);
  ASSERT_TRUE(net.run_until([&] { return net.up(0, 1); }, seconds(1)));
  EXPECT_EQ(net.hosts[0].mesh->relayed_up(), 1u);
  EXPECT_EQ(net.hosts[0].mesh->peers()[0].via, net.hosts[2].life);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(net.send(0, 1, Urgency::kNormal, i % 10 == 0 ? 200'000 : 5));
    ASSERT_TRUE(net.send(1, 0));
  }
  EXPECT_TRUE(net.run_until([&] { return net.got(1, 0).size() == 100; }));
  EXPECT_EQ(net.got(0, 1).size(), 100u);
  EXPECT_GT(net.hosts[2].mesh->counts().relayed_bytes, 2'000'000u);
  EXPECT_EQ(net.hosts[2].mesh->counts().relay_drops, 0u);
  net.run(seconds(10));
  EXPECT_EQ(net.hosts[0].downs[net.hosts[1].life], 0) << "beats go all the way";
}

TEST(MeshRelay, ALinkOfTheirOwnTakesOver) {
  Net net(3);
  net.block(0, 1);
  ASSERT_TRUE(net.run_until([&] { return net.up(0, 1); }));
  net.heal(0, 1);
  ASSERT_TRUE(net.run_until([&] { return net.all_up(); }, seconds(6)));
  net.run(seconds(1));
  EXPECT_TRUE(net.all_up());
  for (const auto& [a, b] : {std::pair{0, 1}, std::pair{1, 0}}) {
    EXPECT_EQ(net.hosts[a].ups[net.hosts[b].life], 2);
    EXPECT_EQ(net.hosts[a].downs[net.hosts[b].life], 1);
  }
  ASSERT_TRUE(net.send(0, 1));
  net.run(milliseconds(10));
  EXPECT_EQ(net.got(1, 0).size(), 1u);
}

TEST(MeshRelay, AnotherThirdTakesOverWhenOneGoes) {
  Net net(5);
  net.block(0, 1);
  ASSERT_TRUE(net.run_until([&] { return net.up(0, 1); }));
  const HostLife via = *net.hosts[0].mesh->peers()[0].via;
  size_t third = 0;
  while (net.hosts[third].life != via) ++third;
  net.hosts[third].frozen = true;
  ASSERT_TRUE(net.run_until([&] { return !net.up(0, 1); }, seconds(2)));
  ASSERT_TRUE(net.run_until([&] { return net.up(0, 1); }, seconds(4)));
  EXPECT_NE(*net.hosts[0].mesh->peers()[0].via, via);
}

TEST(MeshRelay, AThirdThatLosesTheOtherSaysSoAtOnce) {
  Net net(4);
  net.block(0, 1);
  ASSERT_TRUE(net.run_until([&] { return net.up(0, 1); }));
  const HostLife via = *net.hosts[0].mesh->peers()[0].via;
  size_t third = 0;
  while (net.hosts[third].life != via) ++third;
  net.block(third, 1);
  net.reset(third, 1);
  EXPECT_TRUE(
      net.run_until([&] { return !net.hosts[0].up[net.hosts[1].life]; }, milliseconds(100)));
  EXPECT_TRUE(net.run_until([&] { return net.up(0, 1); }, seconds(4)));
}

TEST(MeshRelay, ALostThirdEndsTheCircuitAtOnce) {
  Net net(3);
  net.block(0, 1);
  ASSERT_TRUE(net.run_until([&] { return net.up(0, 1); }));
  net.reset(0, 2);
  EXPECT_FALSE(net.hosts[0].up[net.hosts[1].life]);
  EXPECT_TRUE(net.run_until([&] { return net.up(0, 1); }, seconds(3)));
}

TEST(MeshRelay, GoesOverOneThirdAtMost) {
  // A line: a - b - c - d. The ends have no common neighbour.
  Net net(4);
  net.block(0, 2);
  net.block(0, 3);
  net.block(1, 3);
  net.run(seconds(10));
  EXPECT_TRUE(net.up(0, 2));
  EXPECT_TRUE(net.up(1, 3));
  EXPECT_FALSE(net.up(0, 3));
}

TEST(MeshRelay, WhatIsUnderWayThroughAThirdIsBounded) {
  Net net(3);
  net.block(0, 1);
  ASSERT_TRUE(net.run_until([&] { return net.up(0, 1); }));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(net.send(0, 1, Urgency::kNormal, 1 << 20));
  net.hosts[1].frozen = true;
  net.run(milliseconds(300));
  // A MiB is on its way, the rest waits where it was sent.
  EXPECT_LE(net.hosts[2].mesh->counts().relayed_bytes, size_t{3} << 20);
  net.hosts[1].frozen = false;
  EXPECT_TRUE(net.run_until([&] { return net.got(1, 0).size() == 20; }));
}

TEST(MeshRelay, AThirdWithoutRoomEndsTheCircuitAndLeavesNoGap) {
  Net net(0);
  for (const char* name : {"alpha", "beta", "third"}) {
    MeshSetting setting;
    setting.link = setting_of(name, 7);
    if (net.hosts.size() == 2) setting.link.queue_bytes[1] = 100'000;
    net.add(setting);
  }
  net.delay = milliseconds(20);
  for (size_t i = 0; i < 3; ++i) net.introduce(i);
  net.block(0, 1);
  ASSERT_TRUE(net.run_until([&] { return net.up(0, 1); }));
  net.stall(2, 1);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(net.send(0, 1, Urgency::kNormal, 10'000));
  net.run(milliseconds(5));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(net.send(0, 1, Urgency::kNormal, 100));
  // Some of the first were dropped; there is room again before the others come.
  net.run(milliseconds(18));
  EXPECT_GT(net.hosts[2].mesh->counts().relay_drops, 0u);
  net.unstall(2, 1);
  EXPECT_TRUE(net.run_until([&] { return !net.up(0, 1); }, milliseconds(200)));
  EXPECT_LT(net.got(1, 0).size(), 40u);
  EXPECT_TRUE(net.run_until([&] { return net.up(0, 1); }, seconds(3)));
  ASSERT_TRUE(net.send(0, 1));
  EXPECT_TRUE(net.run_until([&] { return net.got(1, 0).size() == 1; }));
}

TEST(MeshRelay, APairThatIsNotInTheThirdsViewGetsNoHelp) {
  Net net(3);
  net.introduce(2, {1});
  net.block(0, 1);
  net.run(seconds(5));
  EXPECT_FALSE(net.up(0, 1));
  EXPECT_TRUE(net.up(0, 2));
}

// Everything at once, for many seeds; Net checks each step. When faults stop, all is up again.
TEST(MeshProperty, KeepsItsPromisesUnderAnyFaultsAndSettles) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    const size_t size = 3 + seed % 4;
    Net net(size, seed);
    Prng prng(seed * 7'919);
    net.delay = milliseconds(static_cast<int64_t>(1 + prng.below(20)));
    for (int round = 0; round < 120; ++round) {
      const size_t a = prng.below(size);
      const size_t b = (a + 1 + prng.below(size - 1)) % size;
      switch (prng.below(9)) {
        case 8:
          prng.chance(1, 2) ? net.stall(a, b) : net.unstall(a, b);
          break;
        case 0:
          net.block(a, b);
          break;
        case 1:
        case 2:
          net.heal(a, b);
          break;
        case 3:
          net.reset(a, b);
          break;
        case 4:
          net.hosts[a].frozen = !net.hosts[a].frozen;
          break;
        case 5:
          net.introduce(a, prng.chance(1, 3) ? std::set<size_t>{b} : std::set<size_t>{});
          break;
        default:
          for (int i = 0; i < 5; ++i) net.send(a, b, Urgency::kNormal, prng.below(100'000));
      }
      net.run(milliseconds(static_cast<int64_t>(prng.below(400))));
      if (::testing::Test::HasFatalFailure()) break;
    }
    for (size_t a = 0; a < size; ++a) {
      net.hosts[a].frozen = false;
      for (size_t b = 0; b < size; ++b) {
        net.heal(a, b);
        net.unstall(a, b);
      }
    }
    net.run(milliseconds(50));
    for (size_t a = 0; a < size; ++a) net.introduce(a);
    ASSERT_TRUE(net.run_until([&] { return net.all_up(); }, seconds(8))) << "seed " << seed;
    net.run(seconds(1));
    for (size_t a = 0; a < size; ++a) {
      for (size_t b = 0; b < size; ++b) {
        if (a == b) continue;
        EXPECT_TRUE(net.send(a, b)) << "seed " << seed;
        EXPECT_EQ(net.open_wires(a, b), 1u) << "seed " << seed;
      }
    }
    net.run(seconds(1));
    for (size_t a = 0; a < size; ++a) {
      for (size_t b = 0; b < size; ++b) {
        if (a != b) {
          EXPECT_EQ(net.got(a, b).size(), net.hosts[b].sent[net.hosts[a].life]);
        }
      }
    }
    if (::testing::Test::HasFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace phoenix::peer
