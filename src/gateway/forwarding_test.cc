#include "gateway/forwarding.h"

#include <gtest/gtest.h>

namespace phoenix::gateway {
namespace {

TEST(Forwarding, LeavesOutWhatBelongsToOneConnectionOrWasJudgedHere) {
  HttpRequest request;
  request.head.method = "POST";
  request.head.path = "/v1/packets";
  request.head.query = "namespace=a%20b";
  request.head.headers = {{"host", "gateway:7400"},
                          {"connection", "keep-alive, X-Mine"},
                          {"x-mine", "1"},
                          {"keep-alive", "5"},
                          {"te", "trailers"},
                          {"transfer-encoding", "chunked"},
                          {"expect", "100-continue"},
                          {"origin", "http://gateway:7400"},
                          {"sec-fetch-site", "same-origin"},
                          {"phoenix-gateway", "http://evil"},
                          {"authorization", "Bearer t"},
                          {"idempotency-key", "k"},
                          {"content-type", "application/json"}};
  request.body = "{}";
  const BaseUrl keeper = *parse_url("http://10.0.0.1:7400");
  EXPECT_EQ(forwarded(request, keeper, "http://gateway:7400"),
            "POST /v1/packets?namespace=a%20b HTTP/1.1\r\n"
            "Host: 10.0.0.1:7400\r\n"
            "Phoenix-Gateway: http://gateway:7400\r\n"
            "authorization: Bearer t\r\n"
            "idempotency-key: k\r\n"
            "content-type: application/json\r\n"
            "Content-Length: 2\r\n"
            "\r\n{}");
}

TEST(Forwarding, SaysALengthOnlyWhereTheClientSentABody) {
  HttpRequest request;
  request.head.method = "GET";
  request.head.path = "/v1/hosts";
  const BaseUrl keeper = *parse_url("http://10.0.0.1:7400");
  EXPECT_EQ(forwarded(request, keeper, "u").find("Content-Length"), std::string::npos);
  request.head.method = "POST";
  request.head.headers = {{"content-length", "0"}};
  EXPECT_NE(forwarded(request, keeper, "u").find("Content-Length: 0\r\n\r\n"), std::string::npos);
}

TEST(Forwarding, NoFieldCanEndItsLine) {
  HttpRequest request;
  request.head.method = "GET";
  request.head.path = "/";
  const std::string sent = forwarded(request, *parse_url("http://10.0.0.1:1"), "a\r\nX: y");
  EXPECT_NE(sent.find("Phoenix-Gateway: aX: y\r\n\r\n"), std::string::npos);
}

TEST(Forwarding, HandsBackWhatIsTheClients) {
  Answer answer;
  answer.headers = {{"content-type", "application/json"},
                    {"content-length", "9"},
                    {"date", "today"},
                    {"connection", "close, x-hop"},
                    {"x-hop", "1"},
                    {"transfer-encoding", "chunked"},
                    {"etag", "\"3\""},
                    {"phoenix-request-id", "req_1"}};
  const std::vector<std::pair<std::string, std::string>> wanted = {
      {"content-type", "application/json"}, {"etag", "\"3\""}, {"phoenix-request-id", "req_1"}};
  EXPECT_EQ(handed_back(answer), wanted);
}

}  // namespace
}  // namespace phoenix::gateway
