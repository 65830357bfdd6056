#include "cli/line/values.h"

#include <gtest/gtest.h>

namespace phoenix::cli {
namespace {

TEST(Durations, AreReadWithTheirUnits) {
  EXPECT_EQ(parse_duration("1500ms").value(), milliseconds(1500));
  EXPECT_EQ(parse_duration("25s").value(), seconds(25));
  EXPECT_EQ(parse_duration("2m").value(), seconds(120));
  EXPECT_EQ(parse_duration("7d").value(), seconds(604800));
  EXPECT_EQ(parse_duration("1h30m").value(), seconds(5400));
  EXPECT_EQ(parse_duration("1m500ms").value(), milliseconds(60500));
  EXPECT_EQ(parse_duration("0s").value(), Duration{});
  EXPECT_EQ(parse_duration("36500d").value(), seconds(int64_t{36500} * 86400));
}

TEST(Durations, WithoutUnitOrOutOfOrderAreRefused) {
  for (const char* text : {"", "5", "s", "-1s", "1.5s", "1s1m", "1s1s", "5 s", "5S", "1y", "ms",
                           "36501d", "99999999999999999999s", "4000000000000ms"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  EXPECT_EQ(parse_duration("5").error(), "\"5\" is no duration; write it as 1500ms, 25s or 2m");
}

TEST(Durations, AreWrittenInTheLargestUnitThatFits) {
  EXPECT_EQ(format_duration(milliseconds(1500)), "1500ms");
  EXPECT_EQ(format_duration(seconds(25)), "25s");
  EXPECT_EQ(format_duration(seconds(120)), "2m");
  EXPECT_EQ(format_duration(Duration{}), "0s");
}

TEST(Integers, KeepToTheirRange) {
  EXPECT_EQ(parse_integer("42", 1, 100).value(), 42);
  EXPECT_EQ(parse_integer("-5", -10, 10).value(), -5);
  EXPECT_EQ(parse_integer("+5", -10, 10).value(), 5);
  for (const char* text : {"", "0", "101", "4x", "0x4", "1e2", "+-5", "99999999999999999999"}) {
    EXPECT_FALSE(parse_integer(text, 1, 100)) << text;
  }
}

TEST(Bytes, TakeBinaryUnits) {
  EXPECT_EQ(parse_bytes("1MiB", 1, 1 << 30).value(), 1 << 20);
  EXPECT_EQ(parse_bytes("512", 1, 1 << 30).value(), 512);
  EXPECT_EQ(parse_bytes("4KiB", 1, 1 << 30).value(), 4096);
  for (const char* text : {"", "MiB", "1MB", "0", "2GiB", "1.5MiB", "9999999999999999999GiB"}) {
    EXPECT_FALSE(parse_bytes(text, 1, 1 << 30)) << text;
  }
}

TEST(Lists, SplitAtCommasUnlessEscaped) {
  using Parts = std::vector<std::string>;
  EXPECT_EQ(split_list("ocr").value(), Parts({"ocr"}));
  EXPECT_EQ(split_list("ocr,pdf").value(), Parts({"ocr", "pdf"}));
  EXPECT_EQ(split_list("a\\,b,c").value(), Parts({"a,b", "c"}));
  EXPECT_FALSE(split_list("a,,b"));
  EXPECT_FALSE(split_list(""));
}

}  // namespace
}  // namespace phoenix::cli
