// Bodies that are written bit by bit: framing, bounds, and who ended them.
#include "net/http_server.h"
#include "net/test_server.h"

namespace phoenix {
namespace {

using testing::Client;
using testing::Signal;
using testing::TestServer;

constexpr std::string_view kGet = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";

// A server whose only stream stays at hand.
class HttpStreamTest : public ::testing::Test {
 protected:
  void serve(HttpServerOptions options = {}) {
    server = std::make_unique<TestServer>(
        std::move(options), [this](const std::shared_ptr<HttpExchange>& exchange) {
          HttpResponse head;
          head.headers = {{"Content-Type", "text/event-stream"}};
          head.body = first_chunk;
          stream = exchange->stream(std::move(head));
          stream->on_closed([this](bool by_peer) { closed.set(by_peer); });
          opened.set(true);
        });
  }
  void TearDown() override {
    if (server == nullptr) return;
    server->on_loop([this] { stream.reset(); });
    server.reset();
  }
  bool write(std::string chunk) {
    return server->on_loop([&] { return stream->write(std::move(chunk)); });
  }

  std::string first_chunk;
  std::shared_ptr<HttpStream> stream;
  Signal<bool> opened;
  Signal<bool> closed;
  std::unique_ptr<TestServer> server;
};

TEST_F(HttpStreamTest, sends_chunks_and_an_orderly_end) {
  first_chunk = ":hello\n";
  serve();
  Client client(server->port());
  client.send(kGet);
  const auto answer = client.read_answer();
  EXPECT_TRUE(answer.has("transfer-encoding: chunked"));
  EXPECT_TRUE(answer.has("content-type: text/event-stream"));
  EXPECT_EQ(answer.head.find("content-length"), std::string::npos);
  EXPECT_EQ(client.read_exactly(12), "7\r\n:hello\n\r\n");
  EXPECT_TRUE(write("data: 1\n\n"));
  EXPECT_EQ(client.read_exactly(14), "9\r\ndata: 1\n\n\r\n");
  server->on_loop([&] {
    stream->write("a");
    stream->write("b");
    stream->close();
    EXPECT_FALSE(stream->write("c"));
  });
  EXPECT_EQ(client.read_to_end(), "2\r\nab\r\n0\r\n\r\n");
  EXPECT_FALSE(closed.get());
}

TEST_F(HttpStreamTest, an_http_1_0_stream_ends_with_the_connection) {
  serve();
  Client client(server->port());
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read_answer().head.find("transfer-encoding"), std::string::npos);
  server->on_loop([&] {
    stream->write("plain");
    stream->close();
  });
  EXPECT_EQ(client.read_to_end(), "plain");
}

TEST_F(HttpStreamTest, dropping_the_last_reference_ends_it) {
  serve();
  Client client(server->port());
  client.send(kGet);
  client.read_answer();
  server->on_loop([&] { stream.reset(); });
  EXPECT_EQ(client.read_to_end(), "0\r\n\r\n");
  EXPECT_FALSE(closed.get());
}

TEST_F(HttpStreamTest, notices_the_client_leaving_although_nothing_is_written) {
  serve();
  Client client(server->port());
  client.send(kGet);
  client.read_answer();
  client.close();
  ASSERT_TRUE(closed.arrived());
  EXPECT_TRUE(closed.get());
  EXPECT_FALSE(write("x"));
}

TEST_F(HttpStreamTest, notices_a_reset_as_the_client_leaving) {
  serve();
  Client client(server->port());
  client.send(kGet);
  client.read_answer();
  client.reset();
  ASSERT_TRUE(closed.arrived());
  EXPECT_TRUE(closed.get());
}

TEST_F(HttpStreamTest, tells_a_late_listener_too) {
  serve();
  Client client(server->port());
  client.send(kGet);
  client.read_answer();
  client.close();
  ASSERT_TRUE(closed.arrived());
  Signal<bool> again;
  server->on_loop([&] { stream->on_closed([&](bool by_peer) { again.set(by_peer); }); });
  ASSERT_TRUE(again.arrived());
  EXPECT_TRUE(again.get());
}

TEST_F(HttpStreamTest, a_reader_too_far_behind_is_cut_off_by_the_host) {
  HttpServerOptions options;
  options.stream_limit = 100'000;
  serve(options);
  Client client(server->port());
  client.send(kGet);
  client.read_answer();
  const std::string chunk(50'000, 'x');
  int taken = 0;
  while (taken < 10'000 && write(chunk)) ++taken;
  EXPECT_LT(taken, 10'000);
  EXPECT_EQ(server->on_loop([&] { return stream->buffered(); }), 0U);
  ASSERT_TRUE(closed.arrived());
  EXPECT_FALSE(closed.get());
}

TEST_F(HttpStreamTest, a_reader_that_takes_nothing_is_cut_off_after_the_write_deadline) {
  HttpServerOptions options;
  options.write_timeout = milliseconds(100);
  options.write_bytes_per_second = 1'000'000'000;
  options.stream_limit = size_t{64} << 20;
  serve(options);
  Client client(server->port());
  client.send(kGet);
  client.read_answer();
  // Fills the kernel's buffers, and a little more.
  const std::string chunk(60'000, 'x');
  while (server->on_loop([&] { return stream->buffered(); }) == 0 && write(chunk)) {
    server->on_loop([] {});
  }
  ASSERT_TRUE(closed.arrived());
  EXPECT_FALSE(closed.get());
}

TEST_F(HttpStreamTest, one_chunk_may_exceed_the_bound_when_nothing_is_behind) {
  HttpServerOptions options;
  options.stream_limit = 10;
  serve(options);
  Client client(server->port());
  client.send(kGet);
  client.read_answer();
  EXPECT_TRUE(write(std::string(1'000, 'y')));
  EXPECT_EQ(client.read_exactly(1'007), "3e8\r\n" + std::string(1'000, 'y') + "\r\n");
}

TEST_F(HttpStreamTest, tells_when_the_reader_has_taken_all) {
  serve();
  Client client(server->port());
  client.send(kGet);
  client.read_answer();
  const std::string large(size_t{8} << 20, 'x');
  Signal<bool> drained;
  server->on_loop([&] {
    stream->write(large);
    stream->on_drained([&] { drained.set(stream->buffered() == 0); });
  });
  EXPECT_GT(server->on_loop([&] { return stream->buffered(); }), 0u);
  client.read_exactly(std::string("800000\r\n").size() + large.size() + 2);
  EXPECT_TRUE(drained.get());
  Signal<bool> again;
  server->on_loop([&] { stream->on_drained([&] { again.set(true); }); });
  EXPECT_TRUE(again.get()) << "also if nothing was behind";
}

TEST_F(HttpStreamTest, a_body_that_is_broken_off_has_no_end) {
  serve();
  Client client(server->port());
  client.send(kGet);
  client.read_answer();
  EXPECT_TRUE(write("data: 1\n\n"));
  EXPECT_EQ(client.read_exactly(14), "9\r\ndata: 1\n\n\r\n");
  server->on_loop([&] { stream->abort(); });
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_FALSE(closed.get());
}

TEST_F(HttpStreamTest, the_server_closing_is_no_fault_of_the_client) {
  serve();
  Client client(server->port());
  client.send(kGet);
  client.read_answer();
  server->on_loop([&] { server->server().close_all(); });
  ASSERT_TRUE(closed.arrived());
  EXPECT_FALSE(closed.get());
  EXPECT_TRUE(client.ended());
}

TEST_F(HttpStreamTest, a_head_request_gets_the_head_alone) {
  serve();
  Client client(server->port());
  client.send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_answer().status, 200);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_FALSE(closed.get());
}

TEST_F(HttpStreamTest, many_events_arrive_whole_and_in_order) {
  serve();
  Client client(server->port());
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(opened.arrived());
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    const std::string event = "data: " + std::to_string(i) + "\n\n";
    expected += event;
    server->loop().post([this, event] { stream->write(event); });
  }
  server->loop().post([this] { stream->close(); });
  client.read_until("\r\n\r\n");
  EXPECT_TRUE(client.read_to_end() == expected);
}

}  // namespace
}  // namespace phoenix
