#include "runtime/log.h"

#include <gtest/gtest.h>

namespace phoenix {
namespace {

constexpr WallMs kAt = 1'795'838'400'007;  // 2026-11-28T04:00:00.007Z

TEST(Log, text_is_one_line_of_names_and_values) {
  EXPECT_EQ(
      Log::render(false, kAt, Severity::kInfo, "started", {{"url", "http://h:1"}, {"run", "3"}}),
      "2026-11-28T04:00:00.007Z info started url=http://h:1 run=3");
}

TEST(Log, a_value_cannot_forge_a_line_or_a_field) {
  EXPECT_EQ(Log::render(false, kAt, Severity::kWarn, "refused",
                        {{"path", "/v1\n2026 info fake"}, {"a", "b c=\"d\""}, {"none", ""}}),
            "2026-11-28T04:00:00.007Z warn refused path=\"/v1\\u000a2026 info fake\" "
            "a=\"b c=\\\"d\\\"\" none=\"\"");
}

TEST(Log, json_is_one_object) {
  EXPECT_EQ(Log::render(true, kAt, Severity::kError, "stopped", {{"why", "a \"b\"\t\\"}}),
            "{\"time\":\"2026-11-28T04:00:00.007Z\",\"level\":\"error\",\"event\":\"stopped\","
            "\"why\":\"a \\\"b\\\"\\u0009\\\\\"}");
}

TEST(Log, level_is_the_least_severity_that_is_written) {
  testing::internal::CaptureStderr();
  const Log log("warn", false);
  EXPECT_FALSE(log.wants(Severity::kInfo));
  EXPECT_TRUE(log.wants(Severity::kError));
  log.write(Severity::kInfo, "quiet", {});
  log.write(Severity::kWarn, "loud", {{"a", "{}"}});
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_EQ(out.find("quiet"), std::string::npos);
  EXPECT_NE(out.find(" warn loud a={}\n"), std::string::npos) << out;
  EXPECT_FALSE(Log("off", true).wants(Severity::kError));
}

}  // namespace
}  // namespace phoenix
