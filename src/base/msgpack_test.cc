// Canonical msgpack: one form for each value, every other form refused.
#include "base/msgpack.h"

#include <gtest/gtest.h>

namespace phoenix {
namespace {

template <class Write>
std::string written(Write write) {
  std::string bytes;
  MsgpackWriter out(bytes);
  write(out);
  return bytes;
}

TEST(Msgpack, integers_at_every_boundary_come_back_in_their_shortest_form) {
  struct Row {
    uint64_t value;
    size_t size;
  };
  const Row rows[] = {{0, 1},         {0x7f, 1},       {0x80, 2},
                      {0xff, 2},      {0x100, 3},      {0xffff, 3},
                      {0x10000, 5},   {UINT32_MAX, 5}, {uint64_t{UINT32_MAX} + 1, 9},
                      {UINT64_MAX, 9}};
  for (const auto& [value, size] : rows) {
    const std::string bytes = written([&](MsgpackWriter& out) { out.uint(value); });
    EXPECT_EQ(bytes.size(), size) << value;
    MsgpackReader in(bytes);
    EXPECT_EQ(in.uint(), value);
    EXPECT_TRUE(in.at_end());
  }
  for (const int64_t value : {int64_t{0}, int64_t{-1}, int64_t{-32}, int64_t{-33}, int64_t{-128},
                              int64_t{-129}, int64_t{-32768}, int64_t{-32769}, int64_t{INT32_MIN},
                              int64_t{INT32_MIN} - 1, INT64_MIN, INT64_MAX}) {
    const std::string bytes = written([&](MsgpackWriter& out) { out.sint(value); });
    MsgpackReader in(bytes);
    EXPECT_EQ(in.sint(), value);
    EXPECT_TRUE(in.at_end());
  }
}

TEST(Msgpack, texts_and_bytes_at_every_boundary_come_back) {
  for (const size_t size : {0u, 31u, 32u, 255u, 256u, 65535u, 65536u}) {
    const std::string text(size, 'x');
    const std::string bytes = written([&](MsgpackWriter& out) {
      out.str(text);
      out.bin(text);
    });
    MsgpackReader in(bytes);
    EXPECT_EQ(in.str(), text);
    EXPECT_EQ(in.bin(), text);
    EXPECT_TRUE(in.at_end());
  }
}

TEST(Msgpack, longer_forms_than_needed_are_refused) {
  const auto refused = [](std::string bytes, auto read) {
    MsgpackReader in(bytes);
    read(in);
    return !in.ok();
  };
  const auto uint = [](MsgpackReader& in) { in.uint(); };
  const auto sint = [](MsgpackReader& in) { in.sint(); };
  const auto str = [](MsgpackReader& in) { in.str(); };
  const auto bin = [](MsgpackReader& in) { in.bin(); };
  const auto array = [](MsgpackReader& in) { in.array(); };
  EXPECT_TRUE(refused({"\xcc\x7f", 2}, uint));
  EXPECT_TRUE(refused({"\xcd\x00\xff", 3}, uint));
  EXPECT_TRUE(refused({"\xce\x00\x00\xff\xff", 5}, uint));
  EXPECT_TRUE(refused({"\xd0\xe0", 2}, sint));
  EXPECT_TRUE(refused({"\xd0\x01", 2}, sint));
  EXPECT_TRUE(refused({"\xd1\xff\x80", 3}, sint));
  EXPECT_TRUE(refused({"\xd9\x01x", 3}, str));
  EXPECT_TRUE(refused({"\xda\x00\x01x", 4}, str));
  EXPECT_TRUE(refused({"\xc5\x00\x01x", 4}, bin));
  EXPECT_TRUE(refused({"\xdc\x00\x01\xc0", 4}, array));
}

TEST(Msgpack, a_fault_is_final_and_reads_are_empty_after_it) {
  const std::string bytes = written([](MsgpackWriter& out) {
    out.uint(7);
    out.str("x");
  });
  MsgpackReader in(bytes);
  EXPECT_EQ(in.str(), "") << "it is a number";
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.uint(), 0u);
  EXPECT_EQ(in.str(), "");
  EXPECT_EQ(in.array(), 0u);
  EXPECT_FALSE(in.at_end());
}

TEST(Msgpack, sizes_beyond_the_input_are_refused) {
  const std::string huge_array("\xdd\xff\xff\xff\xff\xc0", 6);
  MsgpackReader array(huge_array);
  EXPECT_EQ(array.array(), 0u);
  EXPECT_FALSE(array.ok());
  const std::string huge_text("\xdb\xff\xff\xff\xffx", 6);
  MsgpackReader text(huge_text);
  EXPECT_EQ(text.str(), "");
  EXPECT_FALSE(text.ok());
  MsgpackReader nothing("");
  EXPECT_EQ(nothing.array(), 0u);
  EXPECT_FALSE(nothing.ok());
}

TEST(Msgpack, numbers_above_the_asked_bound_are_refused) {
  const std::string bytes = written([](MsgpackWriter& out) { out.uint(8); });
  MsgpackReader in(bytes);
  in.uint(7);
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace phoenix
