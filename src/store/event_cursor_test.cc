#include "store/event_cursor.h"

#include <gtest/gtest.h>

namespace phoenix {
namespace {

TEST(EventCursor, of_one_log_is_a_number) {
  EXPECT_EQ(EventCursor().text(), "0");
  EXPECT_EQ(EventCursor(17).text(), "17");
  EXPECT_TRUE(EventCursor(17).plain());
  EXPECT_EQ(EventCursor::parse("17"), EventCursor(17));
  EXPECT_EQ(EventCursor::parse("0"), EventCursor());
  EXPECT_EQ(EventCursor::parse("18446744073709551615")->position(kOwnLog), UINT64_MAX);
}

TEST(EventCursor, of_several_logs_names_them) {
  EventCursor cursor(12, 5);
  cursor.raise(3, 1007);
  cursor.raise(5, 11);
  cursor.raise(9, 0);
  EXPECT_EQ(cursor.text(), "3:1007,5:12");
  EXPECT_FALSE(cursor.plain());
  EXPECT_EQ(EventCursor::parse(cursor.text()), cursor);
  EXPECT_EQ(EventCursor::parse("5:12,3:1007"), cursor);
  EXPECT_EQ(EventCursor(4, 1).text(), "1:4") << "a log that others stand beside is named";
  EXPECT_EQ(EventCursor::parse("0:8"), EventCursor(8));
}

TEST(EventCursor, covers_what_it_has_read) {
  EventCursor cursor(12, 5);
  cursor.raise(EventCursor(7, 3));
  EXPECT_TRUE(cursor.covers(5, 12));
  EXPECT_FALSE(cursor.covers(5, 13));
  EXPECT_TRUE(cursor.covers(4, 0));
  EXPECT_FALSE(cursor.covers(4, 1));
  EXPECT_TRUE(cursor.covers(EventCursor()));
  EXPECT_TRUE(cursor.covers(EventCursor(7, 3)));
  EXPECT_FALSE(cursor.covers(EventCursor(1)));
  EXPECT_FALSE(EventCursor(7, 3).covers(cursor));
}

TEST(EventCursor, refuses_what_is_none) {
  for (const char* text : {"", " ", "-1", "1 ", "x", "1:", ":1", "1:2,", ",1:2", "1:2,3", "1:2:3",
                           "4294967296:1", "18446744073709551616", "1:18446744073709551616"}) {
    EXPECT_FALSE(EventCursor::parse(text)) << text;
  }
  std::string many = "1:1";
  for (size_t i = 0; i < EventCursor::kMaxLogs; ++i) many += ",1:1";
  EXPECT_FALSE(EventCursor::parse(many));
}

}  // namespace
}  // namespace phoenix
