#include "sim/scenario/script.h"

#include <gtest/gtest.h>

namespace phoenix::sim {
namespace {

constexpr std::string_view kText =
    "# first\n\nsubmit p1 requires=b+a+b\nshow p1\n----\none\ntwo\n\n# last\n";

TEST(Script, ReadsBlocksAndWritesThemBack) {
  const auto script = parse_script(kText);
  ASSERT_TRUE(script);
  ASSERT_EQ(script->blocks.size(), 1U);
  EXPECT_EQ(script->blocks[0].line, 3U);
  EXPECT_EQ(script->blocks[0].commands.size(), 2U);
  EXPECT_EQ(script->blocks[0].expected, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(script_text(*script, {{"one", "two"}}), kText);
  EXPECT_NE(script_text(*script, {{"three"}}), kText);
}

TEST(Script, RefusesCommandsWithoutDashes) {
  EXPECT_FALSE(parse_script("poll w1\n\n----\n"));
  EXPECT_FALSE(parse_script("poll w1\n"));
  EXPECT_FALSE(parse_script("----\n"));
}

TEST(Words, TellsArgumentsFromOptions) {
  const Words words("submit p1 p2 requires=b+a+b wait=2s load=7");
  EXPECT_EQ(words.verb(), "submit");
  EXPECT_EQ(words.argument(1), "p2");
  EXPECT_EQ(words.argument(2), "");
  EXPECT_EQ(words.list("requires"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(words.millis("wait", 0), 2'000);
  EXPECT_EQ(words.number("load", 1), 7);
  EXPECT_EQ(words.number("weight", 5), 5);
  EXPECT_TRUE(words.flag("p2"));
  EXPECT_EQ(parse_millis("3 s"), -1);
  EXPECT_EQ(parse_millis("-3s"), -1);
}

}  // namespace
}  // namespace phoenix::sim
