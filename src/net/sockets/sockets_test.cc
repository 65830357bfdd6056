// Real sockets on loopback: what is sent arrives whole, and who sends to nobody is told.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "net/sockets/dial.h"
#include "net/sockets/udp_socket.h"

namespace phoenix {
namespace {

struct Heard : UdpEvents {
  void on_datagram(std::string_view bytes, const IpPort& from) override {
    datagrams.emplace_back(bytes, from);
  }
  void on_batch_end() override {}
  void on_refused(const IpPort& to) override { refused.push_back(to); }
  std::vector<std::pair<std::string, IpPort>> datagrams;
  std::vector<IpPort> refused;
};

void run_until(EventLoop& loop, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done() && std::chrono::steady_clock::now() < end) {
    loop.run_one_for(std::chrono::milliseconds(100));
  }
  ASSERT_TRUE(done());
}

std::unique_ptr<UdpSocket> bound(EventLoop& loop, UdpEvents& events, const char* host) {
  auto socket = UdpSocket::bind({host, 0});
  EXPECT_TRUE(socket) << socket.error().detail;
  if (!socket) return nullptr;
  (*socket)->start(loop, events);
  return std::move(*socket);
}

TEST(IpPort, goes_through_text_and_kernel_form_and_back) {
  for (const Address& address : {Address{"127.0.0.1", 7946}, Address{"2001:db8::5", 1}}) {
    const auto numbers = ip_port(address);
    ASSERT_TRUE(numbers);
    EXPECT_EQ(to_address(*numbers), address);
    EXPECT_EQ(ip_port(kernel_address(*numbers, AF_INET6).room), *numbers);
  }
  EXPECT_EQ(ip_port(Address{"::ffff:10.0.0.1", 5}), ip_port(Address{"10.0.0.1", 5}));
  EXPECT_FALSE(ip_port(Address{"localhost", 5}));
  EXPECT_EQ(kernel_address(*ip_port(Address{"::1", 5}), AF_INET).length, 0U);
}

TEST(UdpSocket, datagrams_arrive_whole_in_order_and_with_their_sender) {
  EventLoop loop;
  Heard at_a;
  Heard at_b;
  const auto a = bound(loop, at_a, "127.0.0.1");
  const auto b = bound(loop, at_b, "127.0.0.1");
  const size_t count = 300;  // more than one turn takes, less than the kernel keeps
  for (size_t i = 0; i < count; ++i) {
    ASSERT_TRUE(a->send(b->local(), std::to_string(i) + std::string(i % 7, 'x')));
  }
  ASSERT_TRUE(a->send(b->local(), ""));
  ASSERT_TRUE(a->send(b->local(), std::string(60'000, 'y')));
  run_until(loop, [&] { return at_b.datagrams.size() == count + 2; });
  for (size_t i = 0; i < count; ++i) {
    EXPECT_EQ(at_b.datagrams[i].first, std::to_string(i) + std::string(i % 7, 'x'));
    EXPECT_EQ(at_b.datagrams[i].second, a->local());
  }
  EXPECT_EQ(at_b.datagrams[count].first, "");
  EXPECT_EQ(at_b.datagrams[count + 1].first.size(), 60'000U);
  EXPECT_EQ(b->counts().datagrams_in, count + 2);
  EXPECT_EQ(a->counts().datagrams_out, count + 2);
}

TEST(UdpSocket, who_sends_to_nobody_is_told_whom_and_goes_on_sending) {
  EventLoop loop;
  Heard at_a;
  Heard at_b;
  const auto a = bound(loop, at_a, "127.0.0.1");
  const auto b = bound(loop, at_b, "127.0.0.1");
  auto gone = bound(loop, at_b, "127.0.0.1");
  const IpPort nobody = gone->local();
  gone.reset();
  ASSERT_TRUE(a->send(nobody, "anyone?"));
  // The refusal stands in the socket now; it must not eat what is sent to another.
  ASSERT_TRUE(a->send(b->local(), "hello"));
  run_until(loop, [&] { return !at_a.refused.empty() && !at_b.datagrams.empty(); });
  EXPECT_EQ(at_a.refused.front(), nobody);
  EXPECT_EQ(at_b.datagrams.front().first, "hello");
  EXPECT_EQ(a->counts().refused, 1U);
}

TEST(UdpSocket, one_bound_to_all_of_ipv6_speaks_ipv4_too) {
  EventLoop loop;
  Heard at_six;
  Heard at_four;
  auto six = UdpSocket::bind({"::", 0});
  if (!six) GTEST_SKIP() << "this machine has no IPv6";
  (*six)->start(loop, at_six);
  const auto four = bound(loop, at_four, "127.0.0.1");
  IpPort to = *ip_port(Address{"127.0.0.1", (*six)->local().port});
  ASSERT_TRUE(four->send(to, "from four"));
  run_until(loop, [&] { return !at_six.datagrams.empty(); });
  EXPECT_EQ(at_six.datagrams.front().second, four->local());
  ASSERT_TRUE((*six)->send(four->local(), "from six"));
  run_until(loop, [&] { return !at_four.datagrams.empty(); });
  EXPECT_EQ(at_four.datagrams.front().first, "from six");
  EXPECT_FALSE(four->send(*ip_port(Address{"::1", 9}), "no way"));
  EXPECT_EQ(four->counts().not_sent, 1U);
}

TEST(UdpSocket, a_port_in_use_and_a_foreign_address_are_told_apart) {
  EventLoop loop;
  Heard heard;
  const auto first = bound(loop, heard, "127.0.0.1");
  const auto second = UdpSocket::bind({"127.0.0.1", first->local().port});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  const auto foreign = UdpSocket::bind({"192.0.2.1", 0});
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().kind, ErrorKind::kInvalidRequest);
}

TEST(Dial, ends_connected_or_refused) {
  auto listener = listen_tcp({"127.0.0.1", 0});
  ASSERT_TRUE(listener);
  const auto ended = [](const Dialed& dialed) {
    pollfd ready{dialed.fd.get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&ready, 1, 10'000), 1);
    return dial_result(dialed.fd.get());
  };
  const IpPort to = local_of(listener->get());
  const Dialed good = dial_tcp(to);
  ASSERT_TRUE(good.fd.valid());
  EXPECT_EQ(ended(good), 0);
  EXPECT_EQ(peer_of(good.fd.get()), to);
  listener->reset(-1);
  const Dialed bad = dial_tcp(to);
  if (bad.fd.valid()) {
    EXPECT_EQ(ended(bad), ECONNREFUSED);
  } else {
    EXPECT_EQ(bad.error, ECONNREFUSED);
  }
}

}  // namespace
}  // namespace phoenix
