// What the client reads and writes besides HTTP itself: JSON text, events, problems, addresses.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "client/address.h"
#include "client/answer_parser.h"
#include "client/json_text.h"
#include "client/problem.h"
#include "client/sse.h"

namespace phoenix {
namespace {

TEST(JsonTextTest, AcceptsJsonAndNothingElse) {
  for (const char* good : {"1", "-0.5e+3", "\"\\u00e4\"", "[]", " {\"a\":[1,{}]} ", "null"}) {
    EXPECT_TRUE(valid_json(good)) << good;
  }
  for (const char* bad : {"", "01", "1.", "+1", "[1,]", "{a:1}", "\"\n\"", "nul", "1 2", "[", "\"",
                          "{\"a\" 1}", "\"\\x\"", "\"\xff\"", "tru"}) {
    EXPECT_FALSE(valid_json(bad)) << bad;
  }
  EXPECT_TRUE(valid_json(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(valid_json(std::string(65, '[') + std::string(65, ']')));
}

TEST(JsonTextTest, HandsOutWhatWasSent) {
  const std::string text = R"({"n":1.00, "o" : {"k":[ 1 ,"x"]},"\u0061":"\ud83d\ude00\n"})";
  const auto json = JsonText::parse(text);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["n"].raw(), "1.00");
  EXPECT_EQ((*json)["o"].raw(), R"({"k":[ 1 ,"x"]})");
  EXPECT_EQ((*json)["o"]["k"].items().at(1).text(), "x");
  EXPECT_EQ((*json)["a"].text(), "\xf0\x9f\x98\x80\n");
  EXPECT_FALSE((*json)["none"].present());
  EXPECT_EQ((*json)["n"].integer(), std::nullopt);
  EXPECT_EQ((*json)["o"]["k"].items().at(0).integer(), 1);
  EXPECT_EQ(json->members().size(), 3U);
}

TEST(JsonTextTest, QuotesWhatItReadsBack) {
  const std::string text = std::string("a\"\\\n\t\x01\xc3\xa4", 8);
  EXPECT_EQ(JsonText::parse(quote_json(text))->text(), text);
  EXPECT_EQ(quote_json("\xff"), "\"\xef\xbf\xbd\"");
}

TEST(SseParserTest, ReadsEventsWhereverTheBytesAreCut) {
  const std::string text =
      ": comment\nid: 1\nevent: delivery\ndata: a\ndata: b\n\nretry: 5\n\ndata:c\r\n\r\nid: 2\n\n";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    std::vector<std::string> seen;
    SseParser parser([&](const SseEvent& event) {
      seen.push_back(event.type + "|" + event.id + "|" + event.data);
    });
    for (std::size_t at = 0; at < text.size(); at += size) {
      ASSERT_TRUE(parser.feed(std::string_view(text).substr(at, size)));
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"delivery|1|a\nb", "message||c"})) << size;
  }
}

TEST(AnswerParserTest, RefusesWhatIsAmbiguous) {
  for (const char* bad : {"HTTP/2 200\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"}) {
    AnswerParser parser(false, 100, nullptr);
    EXPECT_FALSE(parser.feed(bad)) << bad;
    EXPECT_FALSE(parser.error().empty());
  }
  AnswerParser endless(false, 100, nullptr);
  EXPECT_TRUE(endless.feed("HTTP/1.1 200 OK\r\nA: "));
  EXPECT_FALSE(endless.feed(std::string(AnswerParser::kMaxHead, 'x')));
}

TEST(AnswerParserTest, SkipsInterimAnswersAndSeesSurplus) {
  AnswerParser parser(false, 100, nullptr);
  EXPECT_TRUE(
      parser.feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
                  "Content-Length: 2\r\n\r\nok"));
  EXPECT_TRUE(parser.done());
  EXPECT_EQ(parser.answer().body, "ok");
  EXPECT_TRUE(parser.keep_alive());
  EXPECT_TRUE(parser.feed("x"));
  EXPECT_FALSE(parser.keep_alive());
}

TEST(ProblemTest, ReadsAProblemDocument) {
  Answer answer;
  answer.status = 409;
  answer.body =
      R"({"type":"/problems/stale-epoch","title":"t","detail":"d","epoch":7,)"
      R"("owner":"w2","packetStatus":"RUNNING","errors":[{"pointer":"/a","detail":"x"}]})";
  answer.headers = {{"retry-after", "2"}};
  const Error error = parse_problem(answer);
  EXPECT_EQ(error.kind, ErrorKind::kStaleEpoch);
  EXPECT_EQ(error.detail, "d");
  EXPECT_EQ(error.epoch, 7U);
  EXPECT_EQ(error.owner, "w2");
  EXPECT_EQ(error.retry_after_ms, 2000);
  EXPECT_EQ(error.fields.at(0).pointer, "/a");
  EXPECT_EQ(exit_code(error), 4);
}

TEST(ProblemTest, MakesDoWithAPageOfAProxy) {
  Answer answer;
  answer.status = 502;
  answer.body = "<html>";
  EXPECT_EQ(parse_problem(answer).kind, ErrorKind::kOverloaded);
  EXPECT_EQ(exit_code(parse_problem(answer)), 1);
}

TEST(AddressTest, FlagsThenEnvironmentThenFileThenDefault) {
  std::string dir = testing::TempDir() + "address-XXXXXX";
  ASSERT_NE(mkdtemp(dir.data()), nullptr);
  EXPECT_EQ(*resolve_urls({}, "", dir), std::vector<std::string>{"http://127.0.0.1:7400"});
  std::filesystem::create_directory(dir + "/.phoenixflight");
  const std::string file = dir + "/.phoenixflight/address.json";
  std::ofstream(file) << R"({"api":"http://127.0.0.1:41234","peer":null})";
  EXPECT_EQ(*resolve_urls({}, "", dir), std::vector<std::string>{"http://127.0.0.1:41234"});
  EXPECT_EQ(*resolve_urls({}, "http://a:1,http://b:2", dir),
            (std::vector<std::string>{"http://a:1", "http://b:2"}));
  EXPECT_EQ(*resolve_urls({"http://c:3"}, "http://a:1", dir),
            std::vector<std::string>{"http://c:3"});
  EXPECT_FALSE(resolve_urls({"nope://x"}, "", dir));
  std::ofstream(file) << "broken";
  const auto broken = resolve_urls({}, "", dir);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().detail.find(file), std::string::npos);
  std::filesystem::remove_all(dir);
}

TEST(HostOrderTest, BeginsWithWhoServedLastAndEndsWithWhoDidNot) {
  HostOrder order(3);
  EXPECT_EQ(order.tour(), (std::vector<std::size_t>{0, 1, 2}));
  order.failed(0);
  order.served(1);
  EXPECT_EQ(order.tour(), (std::vector<std::size_t>{1, 2, 0}));
  order.failed(1);
  order.served(2);
  EXPECT_EQ(order.tour(), (std::vector<std::size_t>{2, 0, 1}));
  order.served(0);
  EXPECT_EQ(order.tour(), (std::vector<std::size_t>{0, 2, 1}));
}

}  // namespace
}  // namespace phoenix
