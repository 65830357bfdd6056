// What the HTTP server does with clients that are slow, greedy, broken or hostile.
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <vector>

#include "net/http_server.h"
#include "net/test_server.h"

namespace phoenix {
namespace {

using testing::Client;
using testing::Signal;
using testing::TestServer;
using Clock = std::chrono::steady_clock;

HttpServerOptions quick() {
  HttpServerOptions options;
  options.request_timeout = milliseconds(150);
  options.idle_timeout = seconds(20);
  options.linger_timeout = milliseconds(300);
  return options;
}

void expect_problem(const Client::Answer& answer, int status, std::string_view words) {
  EXPECT_EQ(answer.status, status);
  EXPECT_TRUE(answer.has("content-type: application/problem+json"));
  EXPECT_TRUE(answer.has("connection: close"));
  EXPECT_NE(answer.body.find(words), std::string::npos) << answer.body;
}

TEST(HttpLimits, slow_senders_get_408_while_others_are_served) {
  TestServer server(quick());
  std::vector<std::unique_ptr<Client>> slow;
  std::atomic<bool> over = false;
  for (int i = 0; i < 64; ++i) slow.push_back(std::make_unique<Client>(server.port()));
  const auto start = Clock::now();
  std::thread trickle([&] {
    const std::string request = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n";
    for (size_t at = 0; !over; ++at) {
      for (const auto& client : slow) client->send({&request[at % request.size()], 1});
      ::poll(nullptr, 0, 2);  // what makes them slow
    }
  });
  Client quick_one(server.port());
  std::vector<Clock::duration> times;
  for (int i = 0; i < 500; ++i) {
    const auto sent = Clock::now();
    EXPECT_EQ(quick_one.get("/livez").status, 200);
    times.push_back(Clock::now() - sent);
  }
  std::sort(times.begin(), times.end());
  EXPECT_LE(times[495], std::chrono::milliseconds(50));
  int refused = 0;
  for (const auto& client : slow) {
    const auto answer = client->read_answer();
    if (answer.status == 408) ++refused;
  }
  EXPECT_EQ(refused, 64);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(15));
  over = true;
  trickle.join();
}

TEST(HttpLimits, the_deadline_counts_from_the_first_byte_whatever_arrives_later) {
  TestServer server(quick());
  Client client(server.port());
  const auto start = Clock::now();
  client.send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  // A client that never pauses: only an absolute deadline ends this.
  while (client.send("x") && Clock::now() - start < std::chrono::seconds(10)) {
    if (::recv(client.fd(), nullptr, 0, MSG_DONTWAIT | MSG_PEEK) == 0) break;
    char byte = 0;
    if (::recv(client.fd(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1) break;
  }
  expect_problem(client.read_answer(), 408, "did not arrive within 150 ms");
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(150));
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
}

TEST(HttpLimits, idle_connections_are_closed_without_a_word) {
  HttpServerOptions options;
  options.idle_timeout = milliseconds(50);
  TestServer server(options);
  Client silent(server.port());
  Client once(server.port());
  EXPECT_EQ(once.get("/").status, 200);
  EXPECT_TRUE(silent.ended());
  EXPECT_TRUE(once.ended());
}

TEST(HttpLimits, a_request_may_begin_late_on_an_idle_connection) {
  HttpServerOptions options = quick();
  options.request_timeout = milliseconds(30);
  TestServer server(options);
  Client client(server.port());
  EXPECT_EQ(client.get("/").status, 200);
  Signal<bool> later;
  auto timer = std::make_shared<std::optional<Timer>>();
  server.on_loop(
      [&] { *timer = server.loop().call_after(milliseconds(90), [&] { later.set(true); }); });
  ASSERT_TRUE(later.arrived());
  EXPECT_EQ(client.get("/").status, 200);
  server.on_loop([&] { timer->reset(); });
}

TEST(HttpLimits, a_client_that_keeps_sending_sees_the_413) {
  HttpServerOptions options;
  options.body_limit = 100'000;
  TestServer server(options);
  for (const char* framing : {"Content-Length: 30000000", "Transfer-Encoding: chunked"}) {
    Client client(server.port());
    client.send("POST / HTTP/1.1\r\nHost: x\r\n" + std::string(framing) + "\r\n\r\n");
    std::string block = std::string(65'536, 'x');
    if (framing[0] == 'T') block = "10000\r\n" + block + "\r\n";
    size_t sent = 0;
    // Sends far more than all buffers between the two hold, before it ever reads.
    while (sent < 30'000'000 && client.send(block)) sent += block.size();
    EXPECT_GE(sent, 30'000'000U) << framing;
    expect_problem(client.read_answer(), 413, "100000 bytes");
  }
}

TEST(HttpLimits, lingering_ends_by_bytes_and_by_time) {
  HttpServerOptions options = quick();
  options.body_limit = 10;
  options.linger_limit = 1'000'000;
  TestServer server(options);
  Client endless(server.port());
  endless.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n");
  const std::string block(65'536, 'x');
  size_t sent = 0;
  while (sent < 99'000'000 && endless.send(block)) sent += block.size();
  EXPECT_LT(sent, 99'000'000U);

  Client silent(server.port());
  silent.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n");
  expect_problem(silent.read_answer(), 413, "too-large");
  EXPECT_TRUE(silent.ended());
  Signal<bool> empty;
  std::function<void()> look = [&] {
    if (server.server().connections() == 0) return empty.set(true);
    server.loop().post(look);
  };
  server.loop().post(look);
  EXPECT_TRUE(empty.arrived());
}

TEST(HttpLimits, the_gate_refuses_before_the_body_is_read) {
  int handled = 0;
  TestServer server(
      {},
      [&](const std::shared_ptr<HttpExchange>& exchange) {
        ++handled;
        exchange->respond({});
      },
      [](const HttpHead& head) -> std::optional<HttpResponse> {
        if (head.header("host") == "x") return std::nullopt;
        HttpResponse response;
        response.status = 421;
        return response;
      });
  Client client(server.port());
  client.send(
      "POST / HTTP/1.1\r\nHost: evil\r\nExpect: 100-continue\r\n"
      "Content-Length: 10000000\r\n\r\n");
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.status, 421);
  EXPECT_TRUE(answer.has("connection: close"));
  const std::string block(65'536, 'x');
  for (size_t sent = 0; sent < 9'000'000; sent += block.size()) ASSERT_TRUE(client.send(block));
  EXPECT_EQ(server.on_loop([&] { return handled; }), 0);

  // Without a body there is nothing to misunderstand: the connection goes on.
  Client other(server.port());
  other.send("GET / HTTP/1.1\r\nHost: evil\r\n\r\n");
  EXPECT_EQ(other.read_answer().status, 421);
  EXPECT_EQ(other.get("/").status, 200);
}

TEST(HttpLimits, does_not_invite_a_body_that_is_too_large) {
  HttpServerOptions options;
  options.body_limit = 10;
  TestServer server(options);
  Client client(server.port());
  client.send("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
  expect_problem(client.read_answer(), 413, "10 bytes");
}

TEST(HttpLimits, heads_are_bounded_as_a_whole) {
  TestServer server;
  Client one_line(server.port());
  one_line.send("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n");
  expect_problem(one_line.read_answer(), 400, "16384 bytes");

  Client many(server.port());
  many.send("GET / HTTP/1.1\r\nHost: x\r\n");
  for (int i = 0; i < 2'000; ++i) many.send("X-" + std::to_string(i) + ": y\r\n");
  expect_problem(many.read_answer(), 400, "16384 bytes");
}

TEST(HttpLimits, what_is_not_http_gets_400_and_a_close) {
  TestServer server;
  const std::string host = "Host: x\r\n";
  const std::vector<std::string> inputs = {
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 garbage\r\n\r\n", 23),
      std::string("\0\0\0\0\r\n\r\n", 8),
      std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      "GET / HTTP/1.1\n" + host + "\r\n",
      "GET  / HTTP/1.1\r\n" + host + "\r\n",
      "GET nopath HTTP/1.1\r\n" + host + "\r\n",
      "GET /a#b HTTP/1.1\r\n" + host + "\r\n",
      "GET / HTTP/3.1\r\n" + host + "\r\n",
      std::string("GET / HTTP/1.1\r\n\r\n"),
      "GET / HTTP/1.1\r\n" + host + host + "\r\n",
      "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: 1, 1\r\n\r\na",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host +
          "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host +
          "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\n\r\n",
      "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
      "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
      "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  };
  for (const std::string& bytes : inputs) {
    Client client(server.port());
    client.send(bytes);
    SCOPED_TRACE(bytes);
    expect_problem(client.read_answer(), 400, "invalid-request");
    client.finish_sending();
    EXPECT_TRUE(client.ended());
  }
}

TEST(HttpLimits, chunk_lines_and_trailers_are_bounded) {
  TestServer server;
  for (const char* start : {"1;", "0\r\nT: "}) {
    Client client(server.port());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(start + std::string(100'000, 'x'));
    expect_problem(client.read_answer(), 400, "");
  }
}

TEST(HttpLimits, connections_beyond_the_bound_are_told_so) {
  HttpServerOptions options;
  options.max_connections = 3;
  TestServer server(options);
  std::vector<std::unique_ptr<Client>> within;
  for (int i = 0; i < 3; ++i) {
    within.push_back(std::make_unique<Client>(server.port()));
    EXPECT_EQ(within.back()->get("/").status, 200);
  }
  Client beyond(server.port());
  expect_problem(beyond.read_answer(), 503, "3 connections");
  EXPECT_TRUE(beyond.ended());
  within.pop_back();
  beyond.close();
  for (int tries = 0;; ++tries) {
    Client again(server.port());
    if (again.get("/").status == 200) break;
    ASSERT_LT(tries, 1'000);
  }
}

TEST(HttpLimits, connections_of_one_address_can_be_bounded) {
  HttpServerOptions options;
  options.max_connections_per_peer = 1;
  TestServer server(options);
  Client first(server.port());
  EXPECT_EQ(first.get("/").status, 200);
  Client second(server.port());
  expect_problem(second.read_answer(), 429, "one address");
}

TEST(HttpLimits, bodies_that_arrive_are_bounded_together) {
  HttpServerOptions options;
  options.max_body_bytes = 1'000'000;
  TestServer server(options);
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n";
  Client first(server.port());
  first.send(head + std::string(800'000, 'a'));
  Client second(server.port());
  second.send(head + std::string(800'000, 'b'));
  Client third(server.port());
  EXPECT_EQ(third.get("/").status, 200);
  // One of the two fits; whichever arrived later was refused.
  pollfd both[2] = {{first.fd(), POLLIN, 0}, {second.fd(), POLLIN, 0}};
  ASSERT_GT(::poll(both, 2, 10'000), 0);
  Client& refused = both[0].revents != 0 ? first : second;
  Client& going_on = both[0].revents != 0 ? second : first;
  expect_problem(refused.read_answer(), 503, "overloaded");
  going_on.send(std::string(100'000, 'c'));
  EXPECT_EQ(going_on.read_answer().status, 200);
}

TEST(HttpLimits, answers_that_are_not_taken_are_bounded_together) {
  HttpServerOptions options;
  options.max_answer_bytes = 50'000'000;
  TestServer server(options, [](const std::shared_ptr<HttpExchange>& exchange) {
    HttpResponse response;
    response.body.resize(exchange->request().head.path == "/small" ? 5 : 30'000'000);
    exchange->respond(std::move(response));
  });
  Client first(server.port());
  first.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(first.read_exactly(12), "HTTP/1.1 200");
  Client second(server.port());
  second.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  const Client::Answer refused = second.read_answer();
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.body.find("overloaded"), std::string::npos) << refused.body;
  EXPECT_EQ(Client(server.port()).get("/small").status, 200);
  first.reset();
  server.on_loop([] {});  // the break was noticed
  second.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(second.read_answer().body.size(), 30'000'000U);
}

TEST(HttpLimits, a_client_that_does_not_read_its_answer_is_cut_off) {
  HttpServerOptions options;
  options.write_timeout = milliseconds(100);
  options.write_bytes_per_second = 1'000'000'000;
  TestServer server(options, [](const std::shared_ptr<HttpExchange>& exchange) {
    HttpResponse response;
    // More than the kernel's buffers hold.
    response.body.assign(64'000'000, 'x');
    exchange->respond(std::move(response));
  });
  Client client(server.port());
  client.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  Signal<bool> gone;
  std::function<void()> look = [&] {
    if (server.server().connections() == 0) return gone.set(true);
    server.loop().post(look);
  };
  client.read_until("\r\n\r\n");
  server.loop().post(look);
  ASSERT_TRUE(gone.arrived());
  EXPECT_LT(client.read_to_end().size(), 64'000'000U);
}

TEST(HttpLimits, running_out_of_descriptors_only_pauses_accepting) {
  TestServer server;
  Client before(server.port());
  EXPECT_EQ(before.get("/").status, 200);
  rlimit normal = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &normal), 0);
  Client waiting_one(server.port());
  EXPECT_EQ(waiting_one.get("/").status, 200);

  // Clients take the last descriptors; the server's accept finds none.
  rlimit tight = normal;
  tight.rlim_cur = static_cast<rlim_t>(waiting_one.fd()) + 12;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  std::vector<std::unique_ptr<Client>> hoard;
  for (int i = 0; i < 40; ++i) hoard.push_back(std::make_unique<Client>(server.port()));
  EXPECT_EQ(before.get("/").status, 200);
  const auto connected =
      std::find_if(hoard.rbegin(), hoard.rend(), [](const auto& c) { return c->connected(); });
  ASSERT_NE(connected, hoard.rend());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &normal), 0);
  EXPECT_EQ((*connected)->get("/").status, 200);
}

}  // namespace
}  // namespace phoenix
