#include "cli/table.h"

#include <gtest/gtest.h>

namespace phoenix::cli {
namespace {

TEST(Tables, AlignColumnsAndLeaveNoSpacesAtTheEnd) {
  Table table({{"PACKET"}, {"STATUS"}, {"EPOCH", false, true}, {"LABELS", true}, {"NOTE"}});
  table.add({"invoice-17", "RUNNING", "12", "a=b", ""});
  table.add({"ü", "FAILED", "3", "", "no luck"});
  EXPECT_EQ(table.render(false, false),
            "PACKET      STATUS   EPOCH  NOTE\n"
            "invoice-17  RUNNING     12  -\n"
            "ü           FAILED       3  no luck\n");
  EXPECT_EQ(table.render(true, false),
            "PACKET      STATUS   EPOCH  LABELS  NOTE\n"
            "invoice-17  RUNNING     12  a=b     -\n"
            "ü           FAILED       3  -       no luck\n");
}

TEST(Tables, ColoursDoNotMoveColumns) {
  Table table({{"STATUS"}, {"ID"}});
  table.add({"FAILED", "a"});
  EXPECT_EQ(table.render(false, true), "STATUS  ID\n\x1b[31mFAILED\x1b[0m  a\n");
}

TEST(Tables, LaterRowsStayBelowTheHeader) {
  Table table({{"PACKET"}, {"STATUS"}});
  table.add({"a-long-id", "PENDING"});
  table.render(false, false);
  table.clear();
  table.add({"b", "RUNNING"});
  EXPECT_EQ(table.render(false, false, false), "b          RUNNING\n");
}

TEST(Sheets, AlignValuesAndIndentBlocks) {
  EXPECT_EQ(render_sheet({{"Id", "a"}, {"Status", "DONE"}, {"Text", "one\ntwo\n"}}, false),
            "Id:      a\n"
            "Status:  DONE\n"
            "Text:\n"
            "  one\n"
            "  two\n");
}

TEST(Harmless, ControlCharactersAndBrokenTextAreShownAsBytes) {
  EXPECT_EQ(harmless("a\x1b[2Jb\n"), "a\\x1b[2Jb\\x0a");
  EXPECT_EQ(harmless("\xc2\x9b"
                     "1m"),
            "\\xc2\\x9b1m");
  EXPECT_EQ(harmless("\xff"
                     "x\xe2\x82"),
            "\\xffx\\xe2\\x82");
  EXPECT_EQ(harmless("grün €"), "grün €");
}

TEST(Times, AreReadAsUtc) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_time("2000-02-29T12:00:00.250Z"), 951825600250);
  EXPECT_EQ(parse_time("2026-11-24T01:02:03.004Z"), 1795482123004);
  EXPECT_EQ(parse_time("2026-11-24"), -1);
  EXPECT_EQ(parse_time(""), -1);
}

TEST(Times, AgesUseOneUnit) {
  const int64_t start = parse_time("2026-01-01T00:00:00.000Z");
  const auto after = [&](int64_t s) { return age("2026-01-01T00:00:00.000Z", start + s * 1000); };
  EXPECT_EQ(after(-5), "0s");
  EXPECT_EQ(after(119), "119s");
  EXPECT_EQ(after(120), "2m");
  EXPECT_EQ(after(7200), "2h");
  EXPECT_EQ(after(3 * 86400), "3d");
  EXPECT_EQ(age("soon", start), "");
}

}  // namespace
}  // namespace phoenix::cli
