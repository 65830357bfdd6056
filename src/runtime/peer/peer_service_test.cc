// Real connections on loopback: hosts in one process, and strangers who are no hosts.
#include "runtime/peer/peer_service.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>

#include "net/sockets/dial.h"
#include "net/test_certificates.h"
#include "runtime/peer/test_hosts.h"

namespace phoenix::peer {
namespace {

using phoenix::testing::Authority;
using phoenix::testing::ScratchDirectory;
using testing::introduce;
using testing::run_until;
using testing::TestHost;

class PeerServiceTest : public ::testing::Test {
 protected:
  bool until(const std::function<bool()>& done) { return run_until(loop_, done); }
  bool linked(const TestHost& a, const TestHost& b) {
    return until([&] { return a.is_up(b) && b.is_up(a); });
  }
  static Fd connect_to(const TestHost& host) {
    Dialed dialed = dial_tcp(*ip_port(*parse_address(host.address())));
    EXPECT_TRUE(dialed.fd.valid());
    pollfd ready{dialed.fd.get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&ready, 1, 10'000), 1);
    return std::move(dialed.fd);
  }
  // Once the other end has closed; what came before is dropped.
  static bool closed(const Fd& fd) {
    std::array<char, 4'096> part{};
    for (;;) {
      const ssize_t got = ::recv(fd.get(), part.data(), part.size(), MSG_DONTWAIT);
      if (got <= 0) return got == 0 || errno != EAGAIN;
    }
  }

  EventLoop loop_;
};

TEST_F(PeerServiceTest, LinksHostsAndCarriesTheirMessages) {
  TestHost a(loop_, "alpha", 1), b(loop_, "beta", 2), c(loop_, "gamma", 3);
  for (TestHost* host : {&a, &b, &c}) ASSERT_TRUE(host->start());
  EXPECT_FALSE(a.service->send(b.life, "early", Urgency::kNormal));
  introduce({&a, &b, &c});
  ASSERT_TRUE(linked(a, b) && linked(a, c) && linked(b, c));
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(a.service->send(b.life, std::string(100, 'x'), Urgency::kNormal));
  }
  ASSERT_TRUE(a.service->send(b.life, "end", Urgency::kNormal));
  ASSERT_TRUE(b.service->send(c.life, std::string(kMaxMessage, 'm'), Urgency::kBulk));
  EXPECT_TRUE(until([&] { return b.messages_in == 1'001 && c.messages_in == 1; }));
  EXPECT_EQ(b.last, "end");
  EXPECT_EQ(c.bytes_in, kMaxMessage);
  EXPECT_EQ(a.service->mesh().links_up(), 2u);
  EXPECT_FALSE(a.service->encrypted());
}

TEST_F(PeerServiceTest, NothingIsCalledBackFromWithinACall) {
  TestHost a(loop_, "alpha", 1), b(loop_, "beta", 2);
  ASSERT_TRUE(a.start());
  ASSERT_TRUE(b.start());
  introduce({&a, &b});
  ASSERT_TRUE(linked(a, b));
  a.service->cut(b.life);
  EXPECT_TRUE(a.is_up(b));
  EXPECT_TRUE(until([&] { return !a.is_up(b); }));
  EXPECT_TRUE(linked(a, b));
  a.service->set_peers({});
  EXPECT_TRUE(a.is_up(b));
  EXPECT_TRUE(until([&] { return !a.is_up(b) && !b.is_up(a); }));
}

TEST_F(PeerServiceTest, WhatIsFlushedLeavesBeforeTheLoopTurns) {
  EventLoop others_loop;
  TestHost a(loop_, "alpha", 1), b(others_loop, "beta", 2);
  ASSERT_TRUE(a.start());
  ASSERT_TRUE(b.start());
  introduce({&a, &b});
  ASSERT_TRUE(until([&] {
    others_loop.poll();
    return a.is_up(b) && b.is_up(a);
  }));
  a.service->flush();  // of nothing
  for (const char* said : {"first", "last"}) {
    ASSERT_TRUE(a.service->send(b.life, said, Urgency::kNormal));
    a.service->flush();
  }
  EXPECT_TRUE(run_until(others_loop, [&] { return b.last == "last"; }));
  EXPECT_EQ(b.messages_in, 2u);
  // Nor does it call back where it finds out that the other one has gone.
  b.stop();
  others_loop.poll();
  for (int i = 0; i < 1'000 && a.service->send(b.life, "x", Urgency::kNormal); ++i) {
    a.service->flush();
  }
  EXPECT_FALSE(a.service->send(b.life, "x", Urgency::kNormal));
  EXPECT_TRUE(a.is_up(b));
  EXPECT_TRUE(until([&] { return !a.is_up(b); }));
}

TEST_F(PeerServiceTest, AHostThatComesBackIsLinkedAgain) {
  TestHost a(loop_, "alpha", 1), b(loop_, "beta", 2);
  ASSERT_TRUE(a.start());
  ASSERT_TRUE(b.start());
  introduce({&a, &b});
  ASSERT_TRUE(linked(a, b));
  b.stop();
  ASSERT_TRUE(until([&] { return !a.is_up(b); }));
  ASSERT_TRUE(b.start()) << "its port is free again";
  introduce({&a, &b});
  EXPECT_TRUE(linked(a, b));
  EXPECT_EQ(a.ups[b.life], 2);
  EXPECT_EQ(a.service->mesh().counts().reconnects, 1u);
}

TEST_F(PeerServiceTest, AnotherLifeOnTheSamePortIsAnotherPeer) {
  TestHost a(loop_, "alpha", 1), b(loop_, "beta", 2);
  ASSERT_TRUE(a.start());
  ASSERT_TRUE(b.start());
  introduce({&a, &b});
  ASSERT_TRUE(linked(a, b));
  const HostLife old = b.life;
  // From within an event, as a driver does that learns that it is fenced.
  b.on_message = [&](const HostLife&, std::string_view) {
    b.up.clear();
    b.life.life = 9;
    b.service->begin_life(b.life);
  };
  ASSERT_TRUE(a.service->send(b.life, "fenced", Urgency::kUrgent));
  ASSERT_TRUE(a.service->send(b.life, "not heard", Urgency::kUrgent));
  ASSERT_TRUE(until([&] { return b.life.life == 9 && !a.up[old]; }));
  EXPECT_EQ(b.messages_in, 1u);
  b.on_message = nullptr;
  introduce({&a, &b});
  EXPECT_TRUE(linked(a, b));
  EXPECT_FALSE(a.up[old]);
}

TEST_F(PeerServiceTest, MayBeDestroyedByAnEvent) {
  TestHost a(loop_, "alpha", 1), b(loop_, "beta", 2);
  ASSERT_TRUE(a.start());
  ASSERT_TRUE(b.start());
  introduce({&a, &b});
  ASSERT_TRUE(linked(a, b));
  b.on_message = [&](const HostLife&, std::string_view) { b.stop(); };
  ASSERT_TRUE(a.service->send(b.life, "end", Urgency::kUrgent));
  ASSERT_TRUE(a.service->send(b.life, "not heard", Urgency::kUrgent));
  EXPECT_TRUE(until([&] { return !a.is_up(b); }));
  EXPECT_EQ(b.messages_in, 1u);
}

TEST_F(PeerServiceTest, AFrozenPeerIsDownSoonAndDelaysNobodyElse) {
  EventLoop frozen_loop;
  TestHost a(loop_, "alpha", 1), b(loop_, "beta", 2), frozen(frozen_loop, "gamma", 3);
  for (TestHost* host : {&a, &b, &frozen}) ASSERT_TRUE(host->start());
  introduce({&a, &b, &frozen});
  ASSERT_TRUE(until([&] {
    frozen_loop.poll();
    return a.is_up(frozen) && frozen.is_up(a) && b.is_up(frozen) && a.is_up(b);
  }));
  // It reads nothing any more. What waits for it is bounded, and refused beyond.
  size_t taken = 0;
  while (a.service->send(frozen.life, std::string(1 << 20, 'x'), Urgency::kNormal)) ++taken;
  EXPECT_GE(taken, 32u);
  EXPECT_LE(taken, 40u);
  const auto begin = std::chrono::steady_clock::now();
  while (a.is_up(frozen)) {
    const uint64_t before = b.messages_in;
    ASSERT_TRUE(a.service->send(b.life, "ping", Urgency::kUrgent));
    ASSERT_TRUE(until([&] { return b.messages_in == before + 1; }));
    ASSERT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  }
  EXPECT_TRUE(a.is_up(b));
  EXPECT_EQ(a.ups[b.life], 1);
  ASSERT_TRUE(until([&] {
    frozen_loop.poll();
    return a.is_up(frozen) && frozen.is_up(a);
  }));
}

TEST_F(PeerServiceTest, SaysWhenThereIsRoomAgain) {
  TestHost a(loop_, "alpha", 1), b(loop_, "beta", 2);
  ASSERT_TRUE(a.start());
  ASSERT_TRUE(b.start());
  introduce({&a, &b});
  ASSERT_TRUE(linked(a, b));
  uint64_t sent = 0;
  while (a.service->send(b.life, std::string(1 << 20, 'x'), Urgency::kNormal)) ++sent;
  EXPECT_TRUE(until([&] { return a.writable == 1; }));
  EXPECT_TRUE(a.service->send(b.life, "more", Urgency::kNormal));
  EXPECT_TRUE(until([&] { return b.messages_in == sent + 1; }));
}

TEST_F(PeerServiceTest, GarbageClosesItsOwnConnectionAlone) {
  TestHost a(loop_, "alpha", 1), b(loop_, "beta", 2);
  ASSERT_TRUE(a.start());
  ASSERT_TRUE(b.start());
  introduce({&a, &b});
  ASSERT_TRUE(linked(a, b));
  for (const std::string_view bytes : {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01", "PHXL\xff\xff"}) {
    const Fd fd = connect_to(a);
    ASSERT_GT(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
    ::shutdown(fd.get(), SHUT_WR);
    EXPECT_TRUE(until([&] { return closed(fd); })) << bytes;
  }
  EXPECT_TRUE(a.is_up(b));
  EXPECT_EQ(a.ups[b.life], 1);
  EXPECT_GE(a.service->mesh().counts().malformed, 2u);
}

TEST_F(PeerServiceTest, AStrangerWhoSaysNothingIsClosed) {
  TestHost a(loop_, "alpha", 1);
  ASSERT_TRUE(a.start());
  const auto begin = std::chrono::steady_clock::now();
  const Fd fd = connect_to(a);
  EXPECT_TRUE(until([&] { return closed(fd); }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1'900));
}

TEST_F(PeerServiceTest, StrangersMakeRoomForEachOther) {
  TestHost a(loop_, "alpha", 1);
  a.options.mesh.max_strangers = 2;
  ASSERT_TRUE(a.start());
  const Fd first = connect_to(a);
  const Fd second = connect_to(a);
  const Fd third = connect_to(a);
  ASSERT_TRUE(until([&] { return closed(first); }));
  EXPECT_FALSE(closed(third));
  EXPECT_EQ(a.service->mesh().counts().evicted, 1u);
}

TEST_F(PeerServiceTest, TwoWithoutAWayGoThroughTheThird) {
  TestHost a(loop_, "alpha", 1), b(loop_, "beta", 2), c(loop_, "gamma", 3);
  for (TestHost* host : {&a, &b, &c}) ASSERT_TRUE(host->start());
  // Nobody listens on port 1.
  a.service->set_peers({{b.life, "127.0.0.1:1"}, {c.life, c.address()}});
  b.service->set_peers({{a.life, "127.0.0.1:1"}, {c.life, c.address()}});
  c.service->set_peers({{a.life, a.address()}, {b.life, b.address()}});
  ASSERT_TRUE(linked(a, b));
  EXPECT_EQ(a.service->mesh().relayed_up(), 1u);
  ASSERT_TRUE(a.service->send(b.life, std::string(5 << 20, 'x'), Urgency::kBulk));
  ASSERT_TRUE(b.service->send(a.life, "back", Urgency::kUrgent));
  EXPECT_TRUE(until([&] { return b.bytes_in == 5 << 20 && a.last == "back"; }));
  EXPECT_GE(c.service->mesh().counts().relayed_bytes, size_t{5} << 20);
  // And directly as soon as that is possible.
  introduce({&a, &b, &c});
  EXPECT_TRUE(
      until([&] { return a.is_up(b) && b.is_up(a) && a.service->mesh().relayed_up() == 0; }));
}

TEST_F(PeerServiceTest, BeyondLoopbackItAsksForTls) {
  TestHost a(loop_, "alpha", 1, "0.0.0.0:0");
  const auto refused = a.start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalidRequest);
  EXPECT_NE(refused.error().detail.find("--tls-ca"), std::string::npos);
  a.options.insecure = true;
  EXPECT_TRUE(a.start());
}

TEST_F(PeerServiceTest, ADefaultPortThatIsTakenBecomesAFreeOne) {
  const auto first = bind_peer("127.0.0.1:0", false);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->taken.empty());
  const auto second = bind_peer(to_string(first->address), false);
  ASSERT_TRUE(second);
  EXPECT_NE(second->address.port, first->address.port);
  EXPECT_NE(second->taken.find("in use"), std::string::npos);
  const auto asked_for = bind_peer(to_string(first->address), true);
  ASSERT_FALSE(asked_for);
  EXPECT_EQ(asked_for.error().kind, ErrorKind::kConflict);
}

class PeerTlsTest : public PeerServiceTest {
 protected:
  // Bound to all addresses, so that it speaks TLS, and reached on loopback.
  struct TlsHost : TestHost {
    TlsHost(PeerTlsTest& test, const std::string& name, uint64_t number, Authority& authority,
            const std::string& certificate)
        : TestHost(test.loop_, name, number, "0.0.0.0:0") {
      authority.issue(certificate);
      options.tls_cert = test.folder_.file(certificate + ".pem");
      options.tls_key = test.folder_.file(certificate + ".key");
      options.tls_ca = test.authority_.file();
    }
  };
  void never_up(TestHost& a, TestHost& b) {
    const auto tries = [](const TestHost& host) {
      return host.service->mesh().counts().dial_failures;
    };
    EXPECT_TRUE(until([&] { return tries(a) >= 2 && tries(b) >= 2; }));
    EXPECT_FALSE(a.is_up(b));
    EXPECT_FALSE(b.is_up(a));
  }

  ScratchDirectory folder_;
  Authority authority_{folder_};
};

TEST_F(PeerTlsTest, HostsOfOneAuthorityAreLinked) {
  TlsHost a(*this, "alpha", 1, authority_, "alpha"), b(*this, "beta", 2, authority_, "beta");
  ASSERT_TRUE(a.start());
  ASSERT_TRUE(b.start());
  EXPECT_TRUE(a.service->encrypted());
  introduce({&a, &b});
  ASSERT_TRUE(linked(a, b));
  ASSERT_TRUE(a.service->send(b.life, std::string(10 << 20, 'x'), Urgency::kBulk));
  ASSERT_TRUE(b.service->send(a.life, std::string(10 << 20, 'y'), Urgency::kBulk));
  EXPECT_TRUE(until([&] { return b.bytes_in == 10 << 20 && a.bytes_in == 10 << 20; }));
  EXPECT_EQ(a.ups[b.life], 1);
}

TEST_F(PeerTlsTest, ACertificateOfAnotherAuthorityIsWorthNothing) {
  Authority other(folder_, "other");
  TlsHost a(*this, "alpha", 1, authority_, "alpha"), b(*this, "beta", 2, other, "beta");
  ASSERT_TRUE(a.start());
  ASSERT_TRUE(b.start());
  introduce({&a, &b});
  never_up(a, b);
}

TEST_F(PeerTlsTest, ACertificateOfAClientDoesNotMakeAHost) {
  TlsHost a(*this, "alpha", 1, authority_, "alpha"), b(*this, "beta", 2, authority_, "alice");
  ASSERT_TRUE(a.start());
  ASSERT_TRUE(b.start());
  introduce({&a, &b});
  never_up(a, b);
}

TEST_F(PeerTlsTest, PlainBytesAreNoTls) {
  TlsHost a(*this, "alpha", 1, authority_, "alpha");
  ASSERT_TRUE(a.start());
  TestHost b(loop_, "beta", 2);
  ASSERT_TRUE(b.start());
  introduce({&a, &b});
  never_up(a, b);
}

}  // namespace
}  // namespace phoenix::peer
