#include "net/tls.h"

#include <openssl/ssl.h>

#include "net/test_certificates.h"
#include "net/test_server.h"

namespace phoenix {
namespace {

using testing::Authority;
using testing::Client;
using testing::ScratchDirectory;
using testing::Signal;
using testing::TestServer;

// A blocking TLS client on top of the raw one.
class TlsClient {
 public:
  TlsClient(uint16_t port, const std::string& ca, const std::string& certificate = "",
            const std::string& key = "", int version = TLS1_3_VERSION)
      : raw_(port), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_load_verify_locations(context_, ca.c_str(), nullptr);
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_max_proto_version(context_, version);
    if (!certificate.empty()) {
      SSL_CTX_use_certificate_file(context_, certificate.c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM);
    }
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, raw_.fd());
    connected_ = SSL_connect(ssl_) == 1;
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  bool connected() const { return connected_; }
  std::string version() const { return SSL_get_version(ssl_); }
  Client& raw() { return raw_; }
  bool send(std::string_view bytes) {
    return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) ==
           static_cast<int>(bytes.size());
  }
  std::string read_until(std::string_view end) {
    while (buffer_.find(end) == std::string::npos && fill()) {
    }
    return std::exchange(buffer_, {});
  }
  // Up to an orderly end, else "cut: " and what came.
  std::string read_to_end() {
    while (fill()) {
    }
    const bool orderly = (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
    return (orderly ? "" : "cut: ") + std::exchange(buffer_, {});
  }

 private:
  bool fill() {
    char room[65536];
    const int count = SSL_read(ssl_, room, sizeof room);
    if (count > 0) buffer_.append(room, static_cast<size_t>(count));
    return count > 0;
  }

  Client raw_;
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
  std::string buffer_;
};

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() : authority(directory) {
    authority.issue("server");
    authority.issue("alice");
  }
  HttpServerOptions options(bool mutual = false) {
    HttpServerOptions made;
    made.tls = HttpTlsOptions{directory.file("server.pem"), directory.file("server.key"),
                              mutual ? authority.file() : ""};
    return made;
  }

  ScratchDirectory directory;
  Authority authority;
};

constexpr std::string_view kGet = "GET /t HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(TlsTest, serves_over_tls_1_3_and_1_2) {
  TestServer server(options());
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    TlsClient client(server.port(), authority.file(), "", "", version);
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(client.version(), version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
    for (int i = 0; i < 2; ++i) {
      client.send(kGet);
      EXPECT_NE(client.read_until("GET /t ").find("200 OK"), std::string::npos);
    }
  }
  TlsClient old(server.port(), authority.file(), "", "", TLS1_1_VERSION);
  EXPECT_FALSE(old.connected());
}

TEST_F(TlsTest, carries_large_bodies_both_ways) {
  TestServer server(options());
  TlsClient client(server.port(), authority.file());
  std::string body(3'000'000, 'z');
  body.back() = '!';
  client.send(
      "POST /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n");
  client.send(body);
  const std::string answer = client.read_to_end();
  EXPECT_TRUE(answer.ends_with("\r\n\r\nPOST /b " + body)) << answer.substr(0, 200);
  EXPECT_FALSE(answer.starts_with("cut"));
}

TEST_F(TlsTest, a_client_that_keeps_sending_sees_the_413) {
  HttpServerOptions small = options();
  small.body_limit = 1'000;
  TestServer server(small);
  TlsClient client(server.port(), authority.file());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n");
  const std::string block(50'000, 'x');
  for (size_t sent = 0; sent < 20'000'000; sent += block.size()) ASSERT_TRUE(client.send(block));
  EXPECT_NE(client.read_until("}").find(" 413 "), std::string::npos);
}

TEST_F(TlsTest, mutual_tls_names_the_client) {
  std::string subject;
  TestServer server(options(true), [&](const std::shared_ptr<HttpExchange>& exchange) {
    subject = exchange->request().head.client_subject;
    EXPECT_TRUE(exchange->request().head.tls);
    exchange->respond({});
  });
  TlsClient client(server.port(), authority.file(), directory.file("alice.pem"),
                   directory.file("alice.key"));
  client.send(kGet);
  EXPECT_NE(client.read_until("\r\n\r\n").find("200 OK"), std::string::npos);
  EXPECT_EQ(subject, "CN=alice");
}

TEST_F(TlsTest, mutual_tls_turns_strangers_away) {
  int handled = 0;
  TestServer server(options(true), [&](const std::shared_ptr<HttpExchange>& exchange) {
    ++handled;
    exchange->respond({});
  });
  Authority other(directory, "other");
  other.issue("mallory");
  for (const std::string name : {"", "mallory"}) {
    TlsClient client(server.port(), authority.file(),
                     name.empty() ? "" : directory.file(name + ".pem"),
                     name.empty() ? "" : directory.file(name + ".key"));
    // In TLS 1.3 the client learns of the refusal only when it reads.
    client.send(kGet);
    EXPECT_EQ(client.read_to_end().find("200"), std::string::npos);
  }
  EXPECT_EQ(server.on_loop([&] { return handled; }), 0);
}

TEST_F(TlsTest, a_stream_over_tls_notices_its_reader_leaving) {
  std::shared_ptr<HttpStream> stream;
  Signal<bool> closed;
  TestServer server(options(), [&](const std::shared_ptr<HttpExchange>& exchange) {
    stream = exchange->stream({});
    stream->on_closed([&](bool by_peer) { closed.set(by_peer); });
    stream->write("data: 1\n\n");
  });
  auto client = std::make_unique<TlsClient>(server.port(), authority.file());
  client->send(kGet);
  EXPECT_NE(client->read_until("data: 1\n\n\r\n").find("data: 1"), std::string::npos);
  client.reset();
  ASSERT_TRUE(closed.arrived());
  EXPECT_TRUE(closed.get());
  server.on_loop([&] { stream.reset(); });
}

TEST_F(TlsTest, plain_http_on_the_tls_port_is_told_so) {
  TestServer server(options());
  Client client(server.port());
  client.send(kGet);
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("https://"), std::string::npos);
  EXPECT_TRUE(client.ended());
}

TEST_F(TlsTest, garbage_and_silence_in_the_handshake_end_it) {
  HttpServerOptions quick = options();
  quick.request_timeout = milliseconds(50);
  TestServer server(quick);
  Client garbage(server.port());
  garbage.send(std::string(1'000, '\xff'));
  garbage.read_to_end();
  EXPECT_TRUE(garbage.ended());
  Client silent(server.port());
  EXPECT_TRUE(silent.ended());
}

TEST_F(TlsTest, bad_files_are_named_with_the_reason) {
  const std::string certificate = directory.file("server.pem");
  const std::string key = directory.file("server.key");
  const std::string junk = directory.write("junk.pem", "no pem at all");
  struct Case {
    TlsFiles files;
    std::string named;
    std::string reason;
  };
  const std::vector<Case> cases = {
      {{"/nowhere/x.pem", key, ""}, "/nowhere/x.pem", "No such file"},
      {{junk, key, ""}, junk, "no start line"},
      {{certificate, "/nowhere/x.key", ""}, "/nowhere/x.key", "No such file"},
      {{certificate, junk, ""}, junk, "PEM file"},
      {{certificate, directory.file("alice.key"), ""}, "alice.key", "mismatch"},
      {{certificate, key, junk}, junk, "PEM file"},
  };
  for (const Case& each : cases) {
    const auto context = TlsContext::load(each.files);
    ASSERT_FALSE(context.has_value()) << each.named;
    EXPECT_EQ(context.error().kind, ErrorKind::kInvalidRequest);
    EXPECT_NE(context.error().detail.find(each.named), std::string::npos);
    EXPECT_NE(context.error().detail.find(each.reason), std::string::npos)
        << context.error().detail;
  }
}

TEST_F(TlsTest, reloading_takes_new_files_and_keeps_the_old_ones_on_failure) {
  TestServer server(options());
  Authority renewed(directory, "renewed");
  renewed.issue("server");
  ASSERT_TRUE(server.on_loop([&] { return server.server().reload_tls().has_value(); }));
  EXPECT_TRUE(TlsClient(server.port(), renewed.file()).connected());
  EXPECT_FALSE(TlsClient(server.port(), authority.file()).connected());
  directory.write("server.pem", "broken");
  EXPECT_FALSE(server.on_loop([&] { return server.server().reload_tls().has_value(); }));
  EXPECT_TRUE(TlsClient(server.port(), renewed.file()).connected());
}

}  // namespace
}  // namespace phoenix
