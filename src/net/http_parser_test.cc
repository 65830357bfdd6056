#include "net/http_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace phoenix {
namespace {

using Status = HttpParser::Status;
constexpr HttpParser::Limits kLimits = {.head = 1'000, .body = 100};

// Feeds in pieces of that size, as a connection would, and returns the last status.
Status feed_all(HttpParser& parser, std::string_view bytes, size_t piece, size_t& left) {
  std::string buffer;
  Status status = Status::kNeedMore;
  size_t at = 0;
  for (;;) {
    size_t used = 0;
    status = parser.feed(buffer, used);
    buffer.erase(0, used);
    if (status == Status::kDone || status == Status::kFault) break;
    if (status == Status::kHead) continue;
    if (at == bytes.size()) break;
    buffer += bytes.substr(at, piece);
    at += std::min(piece, bytes.size() - at);
  }
  left = buffer.size() + bytes.size() - at;
  return status;
}

TEST(HttpParser, reads_the_same_however_the_bytes_are_cut) {
  const std::string request =
      "PUT /path?x HTTP/1.1\r\nHost: h\r\nX: 1\r\nX: 2\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "A\r\n0123456789\r\n1\r\n!\r\n0\r\n\r\n";
  for (size_t piece = 1; piece <= request.size(); ++piece) {
    HttpParser parser(kLimits);
    size_t left = 0;
    ASSERT_EQ(feed_all(parser, request + "GET", piece, left), Status::kDone) << piece;
    EXPECT_LE(left, 3U);
    const HttpRequest& got = parser.request();
    EXPECT_EQ(got.head.method, "PUT");
    EXPECT_EQ(got.head.path, "/path");
    EXPECT_EQ(got.head.query, "x");
    EXPECT_EQ(got.head.headers.size(), 4U);
    EXPECT_EQ(got.body, "0123456789!");
  }
}

TEST(HttpParser, leaves_the_next_request_untouched) {
  const std::string first = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
  HttpParser parser(kLimits);
  size_t left = 0;
  ASSERT_EQ(feed_all(parser, first + "\r\nGET /2", 1'000, left), Status::kDone);
  EXPECT_EQ(left, 8U);
  parser.reset();
  EXPECT_FALSE(parser.started());
  size_t used = 0;
  EXPECT_EQ(parser.feed("\r\n", used), Status::kNeedMore);
  EXPECT_EQ(used, 2U);
  EXPECT_FALSE(parser.started());
  ASSERT_EQ(feed_all(parser, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n", 5, left), Status::kDone);
  EXPECT_EQ(parser.request().head.path, "/2");
}

TEST(HttpParser, tells_the_head_before_it_takes_the_body) {
  HttpParser parser(kLimits);
  size_t used = 0;
  const std::string_view all = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
  ASSERT_EQ(parser.feed(all, used), Status::kHead);
  EXPECT_EQ(used, all.size() - 3);
  EXPECT_TRUE(parser.has_body());
  EXPECT_TRUE(parser.request().body.empty());
  EXPECT_EQ(parser.feed(all.substr(used), used), Status::kDone);
  EXPECT_EQ(parser.request().body, "abc");
}

TEST(HttpParser, bounds_the_body_exactly) {
  for (const bool chunked : {false, true}) {
    for (const size_t size : {100U, 101U}) {
      HttpParser parser(kLimits);
      std::string request = "POST / HTTP/1.1\r\nHost: h\r\n";
      if (chunked) {
        // In two chunks, so that the sum counts.
        request += "Transfer-Encoding: chunked\r\n\r\n32\r\n" + std::string(50, 'x') + "\r\n" +
                   (size == 100 ? "32" : "33") + "\r\n" + std::string(size - 50, 'x') +
                   "\r\n0\r\n\r\n";
      } else {
        request += "Content-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'x');
      }
      size_t left = 0;
      const Status status = feed_all(parser, request, 7, left);
      EXPECT_EQ(status, size == 100 ? Status::kDone : Status::kFault);
      if (size > 100) EXPECT_EQ(parser.fault().kind, ErrorKind::kTooLarge);
    }
  }
}

TEST(HttpParser, bounds_the_head_as_a_whole_when_it_comes_line_by_line) {
  for (const size_t piece : {1U, 10U, 5'000U}) {
    HttpParser parser(kLimits);
    std::string request = "GET / HTTP/1.1\r\nHost: h\r\n";
    while (request.size() < 1'100) request += "X-Y: z\r\n";
    size_t left = 0;
    ASSERT_EQ(feed_all(parser, request + "\r\n", piece, left), Status::kFault) << piece;
    EXPECT_EQ(parser.fault().reason_code, "head-too-large");
  }
}

TEST(HttpParser, ignores_trailers) {
  HttpParser parser(kLimits);
  size_t left = 0;
  ASSERT_EQ(feed_all(parser,
                     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "0\r\nAuthorization: Bearer x\r\nHost: evil\r\n\r\n",
                     11, left),
            Status::kDone);
  EXPECT_EQ(parser.request().head.find("authorization"), nullptr);
  EXPECT_EQ(parser.request().head.header("host"), "h");
}

TEST(HttpParser, knows_when_the_connection_goes_on) {
  const auto keeps = [](const std::string& request) {
    HttpParser parser(kLimits);
    size_t left = 0;
    EXPECT_EQ(feed_all(parser, request, 100, left), Status::kDone);
    return parser.keep_alive();
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

}  // namespace
}  // namespace phoenix
