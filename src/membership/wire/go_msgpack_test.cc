#include "membership/wire/go_msgpack.h"

#include <gtest/gtest.h>

#include <vector>

#include "membership/wire/test_hex.h"

namespace phoenix::gossip {
namespace {

uint64_t read_uint(std::string_view hex, bool& ok, uint64_t max = UINT64_MAX) {
  const std::string bytes = from_hex(hex);
  GoReader in(bytes);
  const uint64_t value = in.uint(max);
  ok = in.at_end();
  return value;
}

TEST(GoReader, TakesEveryFormOfANumberThatIsNotNegative) {
  for (const std::string_view form : {"64", "cc64", "cd0064", "ce00000064", "cf0000000000000064",
                                      "d064", "d10064", "d200000064", "d30000000000000064"}) {
    bool ok = false;
    EXPECT_EQ(read_uint(form, ok), 100U) << form;
    EXPECT_TRUE(ok) << form;
  }
  bool ok = false;
  EXPECT_EQ(read_uint("cfffffffffffffffff", ok), UINT64_MAX);
  EXPECT_TRUE(ok);
  EXPECT_EQ(read_uint("c0", ok), 0U);  // nil
  EXPECT_TRUE(ok);
}

TEST(GoReader, RefusesWhatIsNoSuchNumber) {
  for (const std::string_view form :
       {"ff", "e0", "d0ff", "d1ff00", "d2ffffffff", "d3ffffffffffffffff", "ca3f800000",
        "cb3ff0000000000000", "a131", "c3", "90", "80", "c1", "cc", "cd00", "ce000000",
        "cf00000000000000", ""}) {
    bool ok = true;
    EXPECT_EQ(read_uint(form, ok), 0U) << form;
    EXPECT_FALSE(ok) << form;
  }
  bool ok = true;
  read_uint("cd0100", ok, 255);
  EXPECT_FALSE(ok);
  read_uint("ccff", ok, 255);
  EXPECT_TRUE(ok);
}

TEST(GoReader, ReadsNegativeNumbersWhereTheyMakeSense) {
  struct Case {
    std::string_view hex;
    int64_t value;
  };
  for (const Case& c : std::initializer_list<Case>{{"ff", -1},
                                                   {"e0", -32},
                                                   {"d080", -128},
                                                   {"d18000", -32768},
                                                   {"d280000000", INT32_MIN},
                                                   {"d38000000000000000", INT64_MIN},
                                                   {"cf7fffffffffffffff", INT64_MAX}}) {
    const std::string bytes = from_hex(c.hex);
    GoReader in(bytes);
    EXPECT_EQ(in.sint(), c.value) << c.hex;
    EXPECT_TRUE(in.at_end()) << c.hex;
  }
  const std::string beyond = from_hex("cf8000000000000000");
  GoReader in(beyond);
  in.sint();
  EXPECT_FALSE(in.ok());
}

TEST(GoReader, TakesEveryFamilyOfStrings) {
  for (const std::string_view form :
       {"a16e", "d9016e", "da00016e", "db000000016e", "c4016e", "c500016e", "c6000000016e"}) {
    const std::string bytes = from_hex(form);
    GoReader in(bytes);
    EXPECT_EQ(in.str(), "n") << form;
    EXPECT_TRUE(in.at_end()) << form;
  }
  for (const std::string_view form :
       {"a2 6e", "d9026e", "dbffffffff6e", "c6ffffffff", "916e", "6e"}) {
    const std::string bytes = from_hex(form);
    GoReader in(bytes);
    EXPECT_EQ(in.str(), "") << form;
    EXPECT_FALSE(in.ok()) << form;
  }
}

TEST(GoReader, NeverPromisesMoreElementsThanThereAreBytes) {
  for (const std::string_view form : {"9201", "dc000201", "ddffffffff01", "8101", "de000101",
                                      "df7fffffff0101", "df800000010101"}) {
    const std::string bytes = from_hex(form);
    GoReader in(bytes);
    EXPECT_EQ(in.next_is_array() ? in.array() : in.map(), 0U) << form;
    EXPECT_FALSE(in.ok()) << form;
  }
}

TEST(GoReader, AFaultLasts) {
  const std::string bytes = from_hex("c1 01 a16e");
  GoReader in(bytes);
  EXPECT_EQ(in.uint(), 0U);
  EXPECT_EQ(in.uint(), 0U);
  EXPECT_EQ(in.str(), "");
  EXPECT_FALSE(in.nil());
  EXPECT_FALSE(in.next_is_array());
  EXPECT_EQ(in.rest(), "");
  EXPECT_EQ(in.float64(), 0);
  EXPECT_FALSE(in.ok());
}

// One of every kind there is, with the values that it contains.
const std::vector<std::string_view> kValues = {"00",
                                               "7f",
                                               "ff",
                                               "c0",
                                               "c2",
                                               "c3",
                                               "cc80",
                                               "cd0100",
                                               "ce00010000",
                                               "cf0000000100000000",
                                               "d080",
                                               "d18000",
                                               "d280000000",
                                               "d38000000000000000",
                                               "ca3f800000",
                                               "cb3ff0000000000000",
                                               "a0",
                                               "a16e",
                                               "d9016e",
                                               "da00016e",
                                               "db000000016e",
                                               "c40100",
                                               "c5000100",
                                               "c60000000100",
                                               "d40100",
                                               "d5010000",
                                               "d60100000000",
                                               "d7010000000000000000",
                                               "d80100000000000000000000000000000000",
                                               "c7020100ff",
                                               "c800010100",
                                               "c9000000010100",
                                               "90",
                                               "920102",
                                               "dc00020102",
                                               "dd0000000101",
                                               "80",
                                               "81a16e01",
                                               "de0001a16e01",
                                               "df00000001a16e01",
                                               "9193929190c2c381a1789201c0"};

TEST(GoReader, SkipsAnyValue) {
  for (const std::string_view form : kValues) {
    const std::string bytes = from_hex(form) + '\x2a';
    GoReader in(bytes);
    in.skip();
    EXPECT_EQ(in.uint(), 42U) << form;
    EXPECT_TRUE(in.at_end()) << form;
    // Cut anywhere, it is no value.
    for (size_t size = 0; size + 1 < bytes.size(); ++size) {
      GoReader cut(std::string_view(bytes).substr(0, size));
      cut.skip();
      EXPECT_FALSE(cut.ok()) << form << " cut to " << size;
    }
  }
}

TEST(GoReader, SkipsNoDeeperThanItSays) {
  std::string nested(kMaxSkipDepth - 1, '\x91');
  nested.push_back('\x01');
  GoReader shallow(nested);
  shallow.skip();
  EXPECT_TRUE(shallow.at_end());
  GoReader deep(nested.insert(0, 1, '\x91'));
  deep.skip();
  EXPECT_FALSE(deep.ok());
  // A hundred thousand levels are refused as quickly.
  const std::string tower(100'000, '\x91');
  GoReader tall(tower);
  tall.skip();
  EXPECT_FALSE(tall.ok());
}

TEST(GoReader, StructuresComeAsMapsInAnyOrderOrAsArrays) {
  constexpr std::array<std::string_view, 2> kNames = {"A", "B"};
  uint64_t a = 0, b = 0;
  const auto read = [&](std::string_view hex) {
    a = b = 0;
    const std::string bytes = from_hex(hex);
    GoReader in(bytes);
    return read_struct(in, kNames, [&](size_t field) { (field == 0 ? a : b) = in.uint(); });
  };
  const auto both = [&] { return a == 1 && b == 2; };
  EXPECT_TRUE(read("82 a141 01 a142 02") && both());
  EXPECT_TRUE(read("82 a142 02 a141 01") && both());
  EXPECT_TRUE(read("83 a142 02 a158 9201c0 a141 01") && both());  // X is unknown
  EXPECT_TRUE(read("92 01 02") && both());
  EXPECT_TRUE(read("93 01 02 81a15803") && both());  // a third field of a newer peer
  EXPECT_TRUE(read("91 01") && a == 1 && b == 0);
  EXPECT_TRUE(read("81 a142 02") && a == 0 && b == 2);
  EXPECT_TRUE(read("80") && a == 0 && b == 0);
  EXPECT_TRUE(read("82 a141 01 a142 02 ff") && both());  // what follows is not ours
  EXPECT_FALSE(read("c0"));
  EXPECT_FALSE(read("01"));
  EXPECT_FALSE(read("a141"));
  EXPECT_FALSE(read("81 01 02"));  // a name that is none
  EXPECT_FALSE(read("82 a141 01"));
  EXPECT_FALSE(read(""));
}

TEST(GoWriter, WritesWhatTheOldestPeersTake) {
  std::string out;
  GoWriter writer(out);
  writer.str(std::string(31, 'a'));
  EXPECT_EQ(out[0], '\xbf');
  out.clear();
  writer.str(std::string(40, 'a'));  // no str8
  EXPECT_EQ(to_hex(out.substr(0, 3)), "da0028");
  out.clear();
  writer.str(std::string(65'536, 'a'));
  EXPECT_EQ(to_hex(out.substr(0, 5)), "db00010000");
  out.clear();
  writer.bytes("");
  writer.bytes("x");
  writer.sint(-1);
  writer.sint(-33);
  writer.sint(-129);
  writer.sint(-32'769);
  writer.sint(INT64_MIN);
  writer.sint(200);
  EXPECT_EQ(to_hex(out), "c0a178ffd0dfd1ff7fd2ffff7fffd38000000000000000ccc8");
  out.clear();
  writer.map(15);
  writer.map(16);
  writer.map(65'536);
  writer.array(15);
  writer.array(16);
  writer.array(65'536);
  EXPECT_EQ(to_hex(out), "8fde0010df000100009fdc0010dd00010000");
}

TEST(ValueScanner, FindsTheEndHoweverTheValueIsCut) {
  for (const std::string_view form : kValues) {
    const std::string bytes = from_hex(form);
    ValueScanner at_once;
    size_t pos = 0;
    EXPECT_EQ(at_once.scan(bytes, pos), ValueScanner::State::kDone) << form;
    EXPECT_EQ(pos, bytes.size()) << form;
    ValueScanner piecewise;
    pos = 0;
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(piecewise.scan(std::string_view(bytes).substr(0, size), pos),
                ValueScanner::State::kMore)
          << form << " cut to " << size;
    }
    EXPECT_EQ(piecewise.scan(bytes + "rest", pos), ValueScanner::State::kDone) << form;
    EXPECT_EQ(pos, bytes.size()) << form;
  }
}

TEST(ValueScanner, RefusesTheUnusedByteAndTowers) {
  size_t pos = 0;
  EXPECT_EQ(ValueScanner().scan("\xc1", pos), ValueScanner::State::kMalformed);
  pos = 0;
  EXPECT_EQ(ValueScanner().scan(std::string(100'000, '\x91'), pos),
            ValueScanner::State::kMalformed);
}

}  // namespace
}  // namespace phoenix::gossip
