#include "cli/packets/packet_document.h"

#include <gtest/gtest.h>

#include "base/bytes_text.h"

namespace phoenix::cli {
namespace {

constexpr int64_t kNow = 1'767'225'600'000;  // 2026-01-01T00:00:00Z

std::string document(const PacketFlags& flags) {
  const auto made = packet_document(flags, kNow);
  return made ? made->dump() : "refused: " + made.error().what;
}

TEST(PacketDocument, HoldsOnlyWhatWasGiven) {
  PacketFlags flags;
  flags.required = {"ocr", "pdf"};
  EXPECT_EQ(document(flags), R"({"requiredCapabilities":["ocr","pdf"]})");
}

TEST(PacketDocument, HoldsEveryFlag) {
  PacketFlags flags;
  flags.required = {"ocr"};
  flags.id = "p1";
  flags.payload = R"({"page": 1.50})";
  flags.labels = {"customer=c9", "empty="};
  flags.affinity = "k";
  flags.deadline = "10m";
  flags.not_before = "2026-02-03T04:05:06Z";
  flags.attempt_timeout = seconds(90);
  flags.priority = -5;
  EXPECT_EQ(document(flags),
            R"({"id":"p1","requiredCapabilities":["ocr"],"labels":{"customer":"c9","empty":""},)"
            R"("affinityKey":"k","priority":-5,"attemptTimeoutSeconds":90,)"
            R"("deadline":"2026-01-01T00:10:00.000Z","notBefore":"2026-02-03T04:05:06Z",)"
            R"("payload":{"page":1.50}})");
}

TEST(PacketDocument, OtherContentTypesAreBytes) {
  PacketFlags flags;
  flags.required = {"a"};
  flags.payload = "hi\xff";
  flags.content_type = "text/plain";
  EXPECT_EQ(document(flags),
            R"({"requiredCapabilities":["a"],"contentType":"text/plain","payloadBase64":"aGn/"})");
  flags.content_type = "application/problem+json; charset=utf-8";
  flags.payload = "[1]";
  EXPECT_EQ(document(flags),
            R"({"requiredCapabilities":["a"],)"
            R"("contentType":"application/problem+json; charset=utf-8","payload":[1]})");
}

TEST(PacketDocument, WrongValuesNameTheirFlag) {
  PacketFlags flags;
  flags.id = "a b";
  EXPECT_EQ(document(flags), "refused: --id: \"a b\" is no packet id");
  flags = {};
  flags.labels = {"x"};
  EXPECT_EQ(document(flags), "refused: --label: \"x\" is no KEY=VALUE");
  flags = {};
  flags.attempt_timeout = milliseconds(1500);
  EXPECT_EQ(document(flags), "refused: --attempt-timeout: 1500ms is no whole number of seconds");
  flags = {};
  flags.deadline = "soon";
  EXPECT_EQ(document(flags),
            "refused: --deadline: \"soon\" is no duration; write it as 1500ms, 25s or 2m");
  flags = {};
  flags.payload = "hello";
  EXPECT_EQ(document(flags), "refused: --payload: not valid JSON at byte 1: syntax error");
  flags.payload = "@/nonexistent/file";
  EXPECT_EQ(document(flags), "refused: cannot read --payload");
  flags.payload = "\"" + std::string(kMaxContent, 'x') + "\"";
  EXPECT_EQ(document(flags), "refused: --payload: 1048578 bytes");
}

TEST(Base64, PadsAsTheStandardSays) {
  EXPECT_EQ(base64_text(""), "");
  EXPECT_EQ(base64_text("f"), "Zg==");
  EXPECT_EQ(base64_text("fo"), "Zm8=");
  EXPECT_EQ(base64_text("foo"), "Zm9v");
  EXPECT_EQ(base64_text("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace phoenix::cli
