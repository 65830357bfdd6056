#include "client/tls.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "client/async_client.h"
#include "client/connection.h"
#include "client/http_client.h"
#include "net/test_certificates.h"
#include "net/test_server.h"

namespace phoenix {
namespace {

class TlsClientTest : public ::testing::Test {
 protected:
  TlsClientTest() : authority_(directory_) {
    authority_.issue("localhost");
    HttpServerOptions options;
    options.tls =
        HttpTlsOptions{directory_.file("localhost.pem"), directory_.file("localhost.key"), ""};
    server_ = std::make_unique<testing::TestServer>(options);
  }
  ClientOptions options(const std::string& host, const std::string& ca) const {
    ClientOptions out;
    out.urls = {"https://" + host + ":" + std::to_string(server_->port())};
    out.tls_ca = ca;
    out.timeout = seconds(20);
    return out;
  }
  testing::ScratchDirectory directory_;
  testing::Authority authority_;
  std::unique_ptr<testing::TestServer> server_;
};

TEST_F(TlsClientTest, SpeaksToAHostThatProvesItsName) {
  auto client = phoenix::Client::create(options("localhost", authority_.file()));
  ASSERT_TRUE(client);
  const std::string large(300'000, 'x');
  for (int i = 0; i < 2; ++i) {
    const CallResult answer = client->post("/a", large);
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->body, "POST /a " + large);
  }
}

TEST_F(TlsClientTest, AlsoOnALoop) {
  EventLoop loop;
  auto client = AsyncClient::create(loop, options("localhost", authority_.file()));
  ASSERT_TRUE(client);
  std::string body;
  Call call;
  call.target = "/b";
  (*client)->call(1, call, [&](const CallResult& answer) {
    body = answer ? answer->body : answer.error().detail;
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(body, "GET /b ");
}

TEST_F(TlsClientTest, NothingIsSentToAHostThatDoesNotProveIt) {
  const testing::Authority other(directory_, "other");
  auto stranger = phoenix::Client::create(options("localhost", other.file()));
  auto misnamed = phoenix::Client::create(options("127.0.0.1", authority_.file()));
  ASSERT_TRUE(stranger && misnamed);
  for (phoenix::Client* client : {&*stranger, &*misnamed}) {
    const CallResult answer = client->post("/", "secret");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().fault, CallFault::kUnreachable);
    EXPECT_NE(answer.error().detail.find("certificate"), std::string::npos)
        << answer.error().detail;
  }
}

// One call over a connection of its own, waited for by poll(2).
std::string call_once(HostConnection& connection) {
  Call call;
  call.target = "/c";
  connection.send(encode_request(connection.origin(), call, ""), false, 1024, {});
  while (connection.phase() == HostConnection::Phase::kBusy) {
    pollfd ready{connection.fd(), POLLIN, 0};
    if (connection.wants_write()) ready.events |= POLLOUT;
    if (poll(&ready, 1, 20'000) <= 0) return "nothing came";
    connection.step();
  }
  if (connection.phase() != HostConnection::Phase::kDone) return connection.detail();
  return connection.take_answer().body;
}

TEST_F(TlsClientTest, ShowsItsOwnCertificateToWhoAsksAndKnowsTheOtherByName) {
  authority_.issue("client");
  HttpServerOptions mutual;
  mutual.tls = HttpTlsOptions{directory_.file("localhost.pem"), directory_.file("localhost.key"),
                              authority_.file()};
  testing::TestServer asking(mutual);
  const auto own = TlsTrust::create(authority_.file(), directory_.file("client.pem"),
                                    directory_.file("client.key"));
  const auto none = TlsTrust::create(authority_.file());
  ASSERT_TRUE(own && none);
  const BaseUrl at = *parse_url("https://127.0.0.1:" + std::to_string(asking.port()));
  HostConnection shown(at, *own, "localhost");
  EXPECT_EQ(call_once(shown), "GET /c ");
  HostConnection misnamed(at, *own, "elsewhere");
  EXPECT_NE(call_once(misnamed).find("certificate"), std::string::npos);
  HostConnection nameless(at, *none, "localhost");
  EXPECT_NE(call_once(nameless), "GET /c ");
  EXPECT_FALSE(TlsTrust::create(authority_.file(), directory_.file("client.key"), "none"));
}

TEST_F(TlsClientTest, ACaFileThatIsNoneIsRefused) {
  const auto client =
      phoenix::Client::create(options("localhost", directory_.write("bad.pem", "nothing")));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().fields.at(0).pointer, "flag:--tls-ca");
}

}  // namespace
}  // namespace phoenix
