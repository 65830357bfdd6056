// Requests and answers over real sockets: what a well-meaning client sees.
#include "net/http_server.h"

#include <atomic>

#include "net/test_server.h"

namespace phoenix {
namespace {

using testing::Client;
using testing::kPatience;
using testing::Signal;
using testing::TestServer;

TEST(HttpServer, answers_and_keeps_the_connection_open) {
  TestServer server;
  Client client(server.port());
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.get("/a%20b?x=1&y=%2F");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "GET /a%20b?x=1&y=%2F ");
    EXPECT_TRUE(answer.has("content-length: 21"));
    EXPECT_TRUE(answer.has("content-type: text/plain"));
    EXPECT_EQ(answer.head.find("connection: close"), std::string::npos);
    EXPECT_NE(answer.head.find("\r\ndate: "), std::string::npos);
  }
  EXPECT_EQ(server.on_loop([&] { return server.server().connections(); }), 1U);
}

TEST(HttpServer, answers_pipelined_requests_in_order) {
  TestServer server;
  Client client(server.port());
  std::string all;
  for (int i = 0; i < 500; ++i) {
    const std::string body(static_cast<size_t>(i), 'b');
    all += "POST /" + std::to_string(i) +
           " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(i) + "\r\n\r\n" + body;
  }
  std::thread sender([&] { client.send(all); });
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(client.read_answer().body,
              "POST /" + std::to_string(i) + " " + std::string(static_cast<size_t>(i), 'b'));
  }
  sender.join();
}

TEST(HttpServer, answers_pipelined_requests_in_order_when_answers_come_late) {
  EventLoop* loop = nullptr;
  TestServer server({}, [&loop](std::shared_ptr<HttpExchange> exchange) {
    loop->post([exchange] {
      HttpResponse response;
      response.body = exchange->request().head.path;
      exchange->respond(std::move(response));
    });
  });
  loop = &server.loop();
  Client client(server.port());
  client.send(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  client.finish_sending();
  EXPECT_EQ(client.read_answer().body, "/1");
  EXPECT_EQ(client.read_answer().body, "/2");
  EXPECT_EQ(client.read_answer().body, "/3");
  EXPECT_TRUE(client.ended());
}

TEST(HttpServer, takes_a_request_byte_by_byte) {
  TestServer server;
  Client client(server.port());
  const std::string request =
      "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nTrailer: no\r\n\r\n";
  for (const char c : request) ASSERT_TRUE(client.send({&c, 1}));
  EXPECT_EQ(client.read_answer().body, "POST /p abcde");
  EXPECT_EQ(client.get("/next").body, "GET /next ");
}

TEST(HttpServer, takes_a_large_body_and_gives_a_large_answer) {
  TestServer server;
  Client client(server.port());
  std::string body(5'000'000, 'q');
  body.front() = '<';
  body.back() = '>';
  client.send("POST /big HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n");
  std::thread sender([&] { client.send(body); });
  const auto answer = client.read_answer();
  sender.join();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body == "POST /big " + body);
}

TEST(HttpServer, answers_head_as_get_without_the_body) {
  TestServer server;
  Client client(server.port());
  client.send("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.read_answer(true);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.has("content-length: 7"));
  EXPECT_EQ(client.get("/after").body, "GET /after ");
}

TEST(HttpServer, serves_http_1_0) {
  TestServer server;
  Client closing(server.port());
  closing.send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_EQ(closing.read_answer().body, "GET /old ");
  EXPECT_TRUE(closing.ended());

  Client keeping(server.port());
  keeping.send("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(keeping.read_answer().has("connection: keep-alive"));
  keeping.send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_EQ(keeping.read_answer().status, 200);
}

TEST(HttpServer, asks_for_the_body_of_a_client_that_expects_to_be_asked) {
  TestServer server;
  Client client(server.port());
  client.send("PUT /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_EQ(client.read_answer().body, "PUT /e body");
}

TEST(HttpServer, tells_the_handler_what_it_needs_to_know) {
  HttpHead seen;
  TestServer server({}, [&](const std::shared_ptr<HttpExchange>& exchange) {
    seen = exchange->request().head;
    exchange->respond({});
  });
  Client client(server.port());
  client.get("/p", "X-Mixed-CASE:  Value One \r\nX-Empty:\r\n");
  EXPECT_EQ(seen.header("x-mixed-case"), "Value One");
  ASSERT_NE(seen.find("x-empty"), nullptr);
  EXPECT_EQ(seen.find("absent"), nullptr);
  EXPECT_EQ(seen.peer, "127.0.0.1");
  EXPECT_FALSE(seen.tls);
  EXPECT_EQ(seen.version, 11);

  client.send("GET http://other.example:80/abs?q HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_answer();
  EXPECT_EQ(seen.path, "/abs");
  EXPECT_EQ(seen.query, "q");
  EXPECT_EQ(seen.header("host"), "other.example:80");
}

TEST(HttpServer, keeps_control_characters_out_of_the_head) {
  TestServer server({}, [](const std::shared_ptr<HttpExchange>& exchange) {
    HttpResponse response;
    response.status = 404;
    response.headers = {{"Location", "/a\r\nInjected: yes"}, {"content-LENGTH", "999"}};
    response.body = "x";
    exchange->respond(std::move(response));
  });
  Client client(server.port());
  const auto answer = client.get("/");
  EXPECT_EQ(answer.head.find("HTTP/1.1 404 Not Found"), std::string::npos);
  EXPECT_TRUE(answer.head.starts_with("http/1.1 404 not found\r\n"));
  EXPECT_TRUE(answer.has("location: /a  injected: yes"));
  EXPECT_TRUE(answer.has("content-length: 1"));
}

TEST(HttpServer, answers_without_body_have_no_length) {
  TestServer server({}, [](const std::shared_ptr<HttpExchange>& exchange) {
    HttpResponse response;
    response.status = 204;
    response.body = "must not be sent";
    exchange->respond(std::move(response));
  });
  Client client(server.port());
  EXPECT_EQ(client.get("/").head.find("content-length"), std::string::npos);
  EXPECT_EQ(client.get("/").status, 204);
}

TEST(HttpServer, ends_the_connection_after_an_answer_that_asks_for_it) {
  TestServer server({}, [](const std::shared_ptr<HttpExchange>& exchange) {
    HttpResponse response;
    response.close = true;
    exchange->respond(std::move(response));
  });
  Client client(server.port());
  EXPECT_TRUE(client.get("/").has("connection: close"));
  EXPECT_TRUE(client.ended());
}

TEST(HttpServer, answers_500_when_the_handler_drops_the_request) {
  TestServer server({}, [](const std::shared_ptr<HttpExchange>&) {});
  Client client(server.port());
  const auto answer = client.get("/");
  EXPECT_EQ(answer.status, 500);
  EXPECT_TRUE(answer.has("content-type: application/problem+json"));
}

TEST(HttpServer, answers_only_once) {
  TestServer server({}, [](const std::shared_ptr<HttpExchange>& exchange) {
    HttpResponse response;
    response.body = "one";
    exchange->respond(response);
    response.body = "two";
    exchange->respond(response);
    EXPECT_FALSE(exchange->stream({})->write("three"));
  });
  Client client(server.port());
  EXPECT_EQ(client.get("/").body, "one");
  EXPECT_EQ(client.get("/").body, "one");
}

TEST(HttpServer, notices_a_client_that_leaves_before_its_answer) {
  Signal<bool> arrived;
  Signal<bool> abandoned;
  std::shared_ptr<HttpExchange> kept;
  TestServer server({}, [&](std::shared_ptr<HttpExchange> exchange) {
    exchange->on_abandoned([&] { abandoned.set(true); });
    kept = std::move(exchange);
    arrived.set(true);
  });
  Client client(server.port());
  client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(arrived.arrived());
  EXPECT_EQ(server.on_loop([&] { return server.server().in_progress(); }), 1U);
  client.reset();
  ASSERT_TRUE(abandoned.arrived());
  server.on_loop([&] { kept->respond({}); });
  EXPECT_EQ(server.on_loop([&] { return server.server().in_progress(); }), 0U);
  server.on_loop([&] { kept.reset(); });
}

TEST(HttpServer, still_answers_a_client_that_only_finished_sending) {
  Signal<bool> abandoned;
  std::shared_ptr<HttpExchange> kept;
  TestServer server({}, [&](std::shared_ptr<HttpExchange> exchange) {
    kept = std::move(exchange);
    kept->on_abandoned([&] { abandoned.set(true); });
  });
  Client client(server.port());
  client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  client.finish_sending();
  ASSERT_TRUE(abandoned.arrived());
  server.on_loop([&] {
    HttpResponse response;
    response.body = "late";
    kept->respond(std::move(response));
    kept.reset();
  });
  EXPECT_EQ(client.read_answer().body, "late");
  EXPECT_TRUE(client.ended());
}

TEST(HttpServer, closes_without_an_answer_when_a_wait_is_given_up) {
  Signal<bool> abandoned;
  TestServer server({}, [&](std::shared_ptr<HttpExchange> exchange) {
    HttpExchange& waiting = *exchange;
    waiting.on_abandoned([&, kept = std::move(exchange)] { abandoned.set(true); });
  });
  Client client(server.port());
  client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  client.finish_sending();
  ASSERT_TRUE(abandoned.arrived());
  EXPECT_TRUE(client.ended());
}

TEST(HttpServer, closing_all_abandons_what_waits_and_leaves_nothing_open) {
  Signal<bool> arrived;
  Signal<bool> abandoned;
  std::shared_ptr<HttpExchange> kept;
  TestServer server({}, [&](std::shared_ptr<HttpExchange> exchange) {
    kept = std::move(exchange);
    kept->on_abandoned([&] { abandoned.set(true); });
    arrived.set(true);
  });
  Client idle(server.port());
  Client waiting(server.port());
  waiting.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(arrived.arrived());
  server.on_loop([&] { server.server().close_all(); });
  ASSERT_TRUE(abandoned.arrived());
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(waiting.ended());
  EXPECT_EQ(server.on_loop([&] { return server.server().connections(); }), 0U);
  EXPECT_FALSE(Client(server.port()).connected());
  server.on_loop([&] { kept.reset(); });
}

TEST(HttpServer, answers_close_the_connection_once_it_stopped_accepting) {
  TestServer server;
  Client client(server.port());
  EXPECT_EQ(client.get("/").status, 200);
  server.on_loop([&] { server.server().stop_accepting(); });
  EXPECT_TRUE(client.get("/").has("connection: close"));
  EXPECT_TRUE(client.ended());
}

TEST(HttpServer, names_the_address_and_the_remedy_when_the_port_is_in_use) {
  TestServer server;
  EventLoop loop;
  HttpServerOptions options;
  options.listen = "127.0.0.1:" + std::to_string(server.port());
  const auto second = HttpServer::listen(loop, options, nullptr, TestServer::echo());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  EXPECT_NE(second.error().detail.find(options.listen), std::string::npos);
  EXPECT_NE(second.error().detail.find("port 0"), std::string::npos);
}

TEST(HttpServer, refuses_addresses_that_are_none_or_elsewhere) {
  EventLoop loop;
  HttpServerOptions options;
  for (const char* listen : {"nonsense", "192.0.2.1:0", "127.0.0.1:65536", "no.such.invalid:1"}) {
    options.listen = listen;
    const auto server = HttpServer::listen(loop, options, nullptr, TestServer::echo());
    ASSERT_FALSE(server.has_value()) << listen;
    EXPECT_EQ(server.error().kind, ErrorKind::kInvalidRequest);
  }
}

TEST(HttpServer, listens_on_names_and_on_ipv6) {
  EventLoop loop;
  HttpServerOptions options;
  options.listen = "localhost:0";
  auto named = HttpServer::listen(loop, options, nullptr, TestServer::echo());
  ASSERT_TRUE(named.has_value()) << named.error().detail;
  EXPECT_EQ((*named)->address(), "127.0.0.1:" + std::to_string((*named)->port()));

  const bool has_ipv6 = Fd(::socket(AF_INET6, SOCK_STREAM, 0)).valid();
  options.listen = "[::1]:0";
  auto six = HttpServer::listen(loop, options, nullptr, TestServer::echo());
  if (!has_ipv6 || !six) GTEST_SKIP() << "no IPv6 here";
  EXPECT_EQ((*six)->address(), "[::1]:" + std::to_string((*six)->port()));
}

}  // namespace
}  // namespace phoenix
