#include "client/async_client.h"

#include <gtest/gtest.h>

#include "client/scripted_server.h"

namespace phoenix {
namespace {

using Peer = ScriptedServer::Peer;

class AsyncClientTest : public ::testing::Test {
 protected:
  void connect(std::vector<std::string> urls) {
    ClientOptions options;
    options.urls = std::move(urls);
    options.timeout = seconds(20);
    auto made = AsyncClient::create(loop_, options);
    ASSERT_TRUE(made);
    client_ = std::move(*made);
  }
  CallResult call(Call call) {
    CallResult out;
    client_->call(++last_id_, call, [&](const CallResult& result) {
      out = result;
      loop_.stop();
    });
    loop_.run();
    return out;
  }
  EventLoop loop_;
  std::unique_ptr<AsyncClient> client_;
  uint64_t last_id_ = 0;
};

Call get(Duration timeout = {}) {
  Call call;
  call.target = "/";
  call.timeout = timeout;
  return call;
}

TEST_F(AsyncClientTest, CallsRunBesideEachOther) {
  // The second connection is answered first; the first waits for it.
  ScriptedServer first({[](Peer& peer) {
    peer.read_request();
    peer.await_close();
  }});
  ScriptedServer second({[](Peer& peer) {
    peer.read_request();
    peer.answer(200, "quick");
  }});
  connect({first.url()});
  bool slow_ended = false;
  client_->call(77, get(), [&](const CallResult&) { slow_ended = true; });
  ClientOptions options;
  options.urls = {second.url()};
  auto other = AsyncClient::create(loop_, options);
  ASSERT_TRUE(other);
  std::string body;
  (*other)->call(1, get(), [&](const CallResult& result) {
    body = result ? result->body : result.error().detail;
    loop_.stop();
  });
  loop_.run();
  EXPECT_EQ(body, "quick");
  EXPECT_FALSE(slow_ended);
  client_->cancel(77);
}

TEST_F(AsyncClientTest, ReusesAConnectionAndNoticesWhenItIsClosed) {
  ScriptedServer server({[](Peer& peer) {
                           for (int i = 0; i < 2; ++i) {
                             peer.read_request();
                             peer.answer(200, "first");
                           }
                         },
                         [](Peer& peer) {
                           peer.read_request();
                           peer.answer(200, "second");
                         }});
  connect({server.url()});
  EXPECT_EQ(call(get())->body, "first");
  EXPECT_EQ(call(get())->body, "first");
  Call repeatable = get();
  repeatable.repeatable = true;
  const CallResult third = call(repeatable);
  ASSERT_TRUE(third) << third.error().detail;
  EXPECT_EQ(third->body, "second");
}

TEST_F(AsyncClientTest, EachCallHasItsDeadline) {
  ScriptedServer server({[](Peer& peer) { peer.await_close(); }});
  connect({server.url()});
  const CallResult result = call(get(milliseconds(50)));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, CallFault::kTimedOut);
}

TEST_F(AsyncClientTest, TakesTheNextHostAndSaysWhenThereIsNone) {
  ScriptedServer server({[](Peer& peer) {
    peer.read_request();
    peer.answer(204, "");
  }});
  connect({dead_url(), server.url()});
  EXPECT_EQ(call(get())->status, 204);
  connect({dead_url()});
  EXPECT_EQ(call(get()).error().fault, CallFault::kUnreachable);
}

TEST_F(AsyncClientTest, ACallWithAUrlOfItsOwnGoesThereAlone) {
  ScriptedServer other({[](Peer& peer) {
    peer.read_request();
    peer.answer(204, "");
  }});
  connect({dead_url(), other.url()});
  Call there = get();
  there.url = other.url();
  EXPECT_EQ(call(there)->status, 204);
  there.url = dead_url();
  const CallResult nobody = call(there);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().url, there.url);
  EXPECT_TRUE(nobody_listens(nobody.error()));
  there.url = "https://127.0.0.1:1";
  EXPECT_EQ(call(there).error().fault, CallFault::kUnreachable);
}

TEST_F(AsyncClientTest, ReadsAStreamAndNoticesItsEnd) {
  ScriptedServer server({[](Peer& peer) {
    peer.read_request();
    peer.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        "Transfer-Encoding: chunked\r\n\r\n");
    peer.write("18\r\nid: 7\nevent: a\ndata: x\n\n\r\n");
    peer.write("b\r\ndata: y\r\n\r\n\r\n");
  }});
  connect({server.url()});
  std::vector<std::string> seen;
  AsyncClient::StreamSink sink;
  sink.opened = [&] { seen.emplace_back("opened"); };
  sink.event = [&](const SseEvent& event) {
    seen.push_back(event.type + "/" + event.id + "/" + event.data);
  };
  sink.refused = [&](const Answer&) { loop_.stop(); };
  sink.broken = [&](const CallFailure& failure) {
    seen.emplace_back(failure.fault == CallFault::kReset ? "broken" : "unreachable");
    loop_.stop();
  };
  client_->open_stream(5, get(), std::move(sink));
  loop_.run();
  EXPECT_EQ(seen, (std::vector<std::string>{"opened", "a/7/x", "message//y", "broken"}));
}

TEST_F(AsyncClientTest, AStreamThatIsRefusedHandsOverTheProblem) {
  ScriptedServer server({[](Peer& peer) {
    peer.read_request();
    peer.answer(409, "why");
  }});
  connect({server.url()});
  std::string body;
  AsyncClient::StreamSink sink;
  sink.refused = [&](const Answer& answer) {
    body = std::to_string(answer.status) + answer.body;
    loop_.stop();
  };
  sink.broken = [&](const CallFailure&) { loop_.stop(); };
  client_->open_stream(5, get(), std::move(sink));
  loop_.run();
  EXPECT_EQ(body, "409why");
}

TEST_F(AsyncClientTest, CancelFromWithinAnEventStopsTheRest) {
  ScriptedServer server({[](Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\n\r\ndata: 1\n\ndata: 2\n\n");
    peer.await_close();
  }});
  connect({server.url()});
  int events = 0;
  AsyncClient::StreamSink sink;
  sink.event = [&](const SseEvent&) {
    ++events;
    client_->cancel(5);
    loop_.post([&] { loop_.stop(); });
  };
  sink.broken = [&](const CallFailure&) { ADD_FAILURE(); };
  client_->open_stream(5, get(), std::move(sink));
  loop_.run();
  EXPECT_EQ(events, 1);
}

}  // namespace
}  // namespace phoenix
