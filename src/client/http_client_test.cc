#include "client/http_client.h"

#include <gtest/gtest.h>

#include "client/scripted_server.h"

namespace phoenix {
namespace {

using Peer = ScriptedServer::Peer;

Client make_client(std::vector<std::string> urls, Duration timeout = seconds(20)) {
  ClientOptions options;
  options.urls = std::move(urls);
  options.token = "secret";
  options.timeout = timeout;
  auto client = Client::create(std::move(options));
  EXPECT_TRUE(client);
  return std::move(*client);
}

TEST(HttpClient, SendsWhatItIsToldAndReadsTheAnswer) {
  std::string seen;
  ScriptedServer server({[&](Peer& peer) {
    seen = peer.read_request();
    peer.answer(201, "made", "ETag: \"1\"\r\n");
  }});
  {
    Client client = make_client({server.url() + "/base/"});
    Call call;
    call.method = "POST";
    call.target = "/v1/x?y=1";
    call.body = "{}";
    call.headers = {{"Idempotency-Key", "k"}};
    const CallResult answer = client.call(call);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 201);
    EXPECT_EQ(answer->body, "made");
    EXPECT_EQ(answer->header("etag"), "\"1\"");
  }
  EXPECT_TRUE(seen.starts_with("POST /base/v1/x?y=1 HTTP/1.1\r\n")) << seen;
  for (const char* part : {"Authorization: Bearer secret\r\n", "Idempotency-Key: k\r\n",
                           "Content-Type: application/json\r\n", "Content-Length: 2\r\n"}) {
    EXPECT_NE(seen.find(part), std::string::npos) << part;
  }
}

TEST(HttpClient, KeepsOneConnection) {
  ScriptedServer server({[](Peer& peer) {
    for (int i = 0; i < 3; ++i) {
      peer.read_request();
      peer.answer(200, std::to_string(i));
    }
    peer.await_close();
  }});
  Client client = make_client({server.url()});
  for (int i = 0; i < 3; ++i) {
    const CallResult answer = client.get("/");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, std::to_string(i));
  }
  client.disconnect();
}

TEST(HttpClient, AKeptConnectionThatTheHostClosedIsMadeAnew) {
  const auto once = [](Peer& peer) {
    peer.read_request();
    peer.answer(200, "ok");
  };
  ScriptedServer server({once, once});
  Client client = make_client({server.url()});
  ASSERT_TRUE(client.get("/"));
  Call call;
  call.method = "POST";
  call.target = "/";
  call.headers = {{"Idempotency-Key", "k"}};
  const CallResult second = client.call(call);
  ASSERT_TRUE(second) << second.error().detail;
}

TEST(HttpClient, ReadsChunksAndBodiesThatEndWithTheConnection) {
  ScriptedServer server({[](Peer& peer) {
                           peer.read_request();
                           peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                           peer.write("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
                           peer.await_close();
                         },
                         [](Peer& peer) {
                           peer.read_request();
                           peer.write("HTTP/1.1 200 OK\r\n\r\nuntil the end");
                         }});
  Client client = make_client({server.url()});
  EXPECT_EQ(client.get("/")->body, "abcde");
  client.disconnect();
  EXPECT_EQ(client.get("/")->body, "until the end");
}

TEST(HttpClient, TakesTheNextHostWhenNobodyListens) {
  const auto twice = [](Peer& peer) {
    for (int i = 0; i < 2; ++i) {
      peer.read_request();
      peer.answer(200, "ok");
    }
  };
  ScriptedServer server({twice});
  Client client = make_client({dead_url(), server.url()});
  const CallResult answer = client.post("/", "{}");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->url, server.url());
  EXPECT_TRUE(client.post("/", "{}"));
}

constexpr const char* kProblem = "Content-Type: application/problem+json\r\n";

Call writing_call() {
  Call call;
  call.method = "POST";
  call.target = "/";
  call.body = "{}";
  call.headers = {{"Idempotency-Key", "k"}};
  return call;
}

TEST(HttpClient, AHostThatDeclinesSendsAWritingCallToTheNextWithTheSameKey) {
  ScriptedServer leaving({[](Peer& peer) {
    peer.read_request();
    peer.answer(503, "leaving", kProblem);
  }});
  std::string seen;
  ScriptedServer staying({[&](Peer& peer) {
    for (int i = 0; i < 2; ++i) {
      seen = peer.read_request();
      peer.answer(201, "made");
    }
  }});
  {
    Client client = make_client({leaving.url(), staying.url()});
    for (int i = 0; i < 2; ++i) {
      const CallResult answer = client.call(writing_call());
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->status, 201) << "the second call does not ask the leaving host again";
    }
  }
  EXPECT_NE(seen.find("Idempotency-Key: k\r\n"), std::string::npos);
}

TEST(HttpClient, WhatAHostDeclinesIsToldWhenNoOtherServes) {
  const auto decline = [](Peer& peer) {
    peer.read_request();
    peer.answer(503, "leaving", kProblem);
  };
  ScriptedServer leaving({decline});
  Client client = make_client({leaving.url(), dead_url()});
  const CallResult answer = client.call(writing_call());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "leaving");
}

TEST(HttpClient, ACallThatMustNotArriveTwiceStaysWhereItWent) {
  ScriptedServer leaving({[](Peer& peer) {
    peer.read_request();
    peer.answer(503, "leaving", kProblem);
  }});
  Client client = make_client({leaving.url(), dead_url()});
  const CallResult answer = client.post("/", "{}");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
}

TEST(HttpClient, A503ThatIsNoRefusalIsAnAnswer) {
  ScriptedServer unready({[](Peer& peer) {
    peer.read_request();
    peer.answer(503, "{}", "Content-Type: application/json\r\n");
  }});
  Client client = make_client({unready.url(), dead_url()});
  const CallResult answer = client.get("/readyz");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->url, unready.url());
}

TEST(HttpClient, ASilentHostIsWaitedForOnlyItsShareAndThenComesLast) {
  ScriptedServer frozen({[](Peer& peer) { peer.await_close(); }});
  ScriptedServer well({[](Peer& peer) {
    for (int i = 0; i < 2; ++i) {
      peer.read_request();
      peer.answer(200, "ok");
    }
  }});
  Client client = make_client({frozen.url(), well.url()}, milliseconds(400));
  ASSERT_TRUE(client.call(writing_call()));
  const CallResult again = client.call(writing_call());
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(again->url, well.url());
}

TEST(HttpClient, NamesEveryHostWhenNoneAnswers) {
  const std::string one = dead_url();
  const std::string two = dead_url();
  Client client = make_client({one, two});
  const CallResult answer = client.get("/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().url, one + ", " + two);
  EXPECT_TRUE(nobody_listens(answer.error()));
}

TEST(HttpClient, ACallWithAUrlOfItsOwnGoesThereAlone) {
  ScriptedServer other({[](Peer& peer) {
    peer.read_request();
    peer.answer(200, "other");
  }});
  Client client = make_client({dead_url()});
  Call call;
  call.target = "/";
  call.url = other.url();
  EXPECT_EQ(client.call(call)->body, "other");
  call.url = "https://127.0.0.1:1";
  EXPECT_EQ(client.call(call).error().fault, CallFault::kUnreachable);
}

TEST(HttpClient, TellsTheThreeFailuresApart) {
  Client nobody = make_client({dead_url()});
  EXPECT_EQ(nobody.get("/").error().fault, CallFault::kUnreachable);

  ScriptedServer silent({[](Peer& peer) { peer.await_close(); }});
  {
    Client client = make_client({silent.url()}, milliseconds(50));
    EXPECT_EQ(client.post("/", "{}").error().fault, CallFault::kTimedOut);
  }
  ScriptedServer rude({[](Peer& peer) {
    peer.read_request();
    peer.reset();
  }});
  Client client = make_client({rude.url()});
  EXPECT_EQ(client.post("/", "{}").error().fault, CallFault::kReset);
}

TEST(HttpClient, AnAnswerCutShortOrOverTheBoundIsNone) {
  ScriptedServer server({[](Peer& peer) {
                           peer.read_request();
                           peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
                         },
                         [](Peer& peer) {
                           peer.read_request();
                           peer.write("nonsense\r\n\r\n");
                         },
                         [](Peer& peer) {
                           peer.read_request();
                           peer.answer(200, std::string(200, 'x'));
                         }});
  ClientOptions options;
  options.urls = {server.url()};
  options.max_answer = 100;
  auto client = Client::create(options);
  ASSERT_TRUE(client);
  for (int i = 0; i < 3; ++i) {
    const CallResult answer = client->post("/", "{}");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().fault, CallFault::kReset);
  }
}

TEST(HttpClient, RefusesUrlsThatAreNone) {
  for (const char* url :
       {"", "ftp://x", "http://", "http://a:b", "http://a:", "http://a b", "http://u@h",
        "http://::1:80", "http://[::1", "http://h:99999", "http://h?q"}) {
    ClientOptions options;
    options.urls = {url};
    const auto client = Client::create(options);
    ASSERT_FALSE(client) << url;
    EXPECT_EQ(client.error().fields.at(0).pointer, "flag:--url");
  }
}

TEST(HttpClient, KeysAreLongAndNeverTheSame) {
  EXPECT_EQ(random_idempotency_key().size(), 32U);
  EXPECT_NE(random_idempotency_key(), random_idempotency_key());
  EXPECT_EQ(url_encode("a/b c~\xc3"), "a%2Fb%20c~%C3");
}

}  // namespace
}  // namespace phoenix
