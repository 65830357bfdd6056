#include "cli/line/parse.h"

#include <gtest/gtest.h>

#include "cli/line/help.h"

namespace phoenix::cli {
namespace {

// A small program with every form of flag.
class ParseTest : public ::testing::Test {
 protected:
  ParseTest() {
    Command list;
    list.path = "packet list";
    list.summary = "the packets";
    list.example = "phoenix packet list";
    list.flags.push_back(number_flag("--limit", "N", &limit, 1, 1000, "at most"));
    list.flags.push_back(list_flag("--requires", "C,…", &required, "capabilities"));
    Flag wait = optional_text_flag("--wait", "30s", &waited, "wait");
    wait.optional_value = true;
    list.flags.push_back(std::move(wait));
    list.flags.push_back(later_flag("--join", "ADDR"));
    table.push_back(std::move(list));
    Command show;
    show.path = "packet show";
    show.words_name = "PACKET";
    show.words_min = 1;
    show.words_max = 2;
    show.words = &words;
    table.push_back(std::move(show));
    Command start;
    start.path = "worker start";
    start.rest = &rest;
    table.push_back(std::move(start));
    Command later;
    later.path = "build";
    later.later = true;
    table.push_back(std::move(later));
  }

  auto parse(const std::vector<std::string>& args) { return parse_line(args, table, &globals); }
  std::string complaint(const std::vector<std::string>& args) {
    const auto line = parse(args);
    return line ? "" : line.error().what;
  }

  std::vector<Command> table;
  Globals globals;
  int64_t limit = 0;
  std::vector<std::string> required, words, rest;
  std::optional<std::string> waited;
};

TEST_F(ParseTest, GlobalFlagsStandAnywhere) {
  const auto line =
      parse({"-n", "a", "packet", "-o", "json", "list", "--no-color", "--url=http://x"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->command->path, "packet list");
  EXPECT_EQ(globals.name_space, "a");
  EXPECT_EQ(globals.output, "json");
  EXPECT_TRUE(globals.no_color);
  EXPECT_EQ(globals.urls, std::vector<std::string>{"http://x"});
}

TEST_F(ParseTest, WordsInBracketsStayWhole) {
  ASSERT_TRUE(parse({"packet", "show", "[1,2][0]", "[]"}));
  EXPECT_EQ(words, (std::vector<std::string>{"[1,2][0]", "[]"}));
  ASSERT_TRUE(parse({"packet", "list", "--requires", "[a]", "--wait=[1,2]"}));
  EXPECT_EQ(required, std::vector<std::string>{"[a]"});
  EXPECT_EQ(waited, "[1,2]");
  ASSERT_TRUE(parse({"worker", "start", "--", "sh", "[a,b]"}));
  EXPECT_EQ(rest, (std::vector<std::string>{"sh", "[a,b]"}));
}

TEST_F(ParseTest, AValueThatIsAVerbStaysAValue) {
  ASSERT_TRUE(parse({"-n", "packet", "packet", "show", "list"}));
  EXPECT_EQ(globals.name_space, "packet");
  EXPECT_EQ(words, std::vector<std::string>{"list"});
}

TEST_F(ParseTest, AnAddressTakesNoWordAfterIt) {
  ASSERT_TRUE(parse({"packet", "show", "--url", "http://a,http://b", "p1"}));
  EXPECT_EQ(globals.urls, (std::vector<std::string>{"http://a", "http://b"}));
  EXPECT_EQ(words, std::vector<std::string>{"p1"});
}

TEST_F(ParseTest, RepeatedListsAddUp) {
  ASSERT_TRUE(parse({"packet", "list", "--requires", "a,b", "--requires", "c", "d"}));
  EXPECT_EQ(required, (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST_F(ParseTest, AnOptionalValueComesOnlyWithAnEqualsSign) {
  ASSERT_TRUE(parse({"packet", "list", "--wait", "--limit", "3"}));
  EXPECT_EQ(waited, "");
  EXPECT_EQ(limit, 3);
  ASSERT_TRUE(parse({"packet", "list", "--wait=30s"}));
  EXPECT_EQ(waited, "30s");
}

TEST_F(ParseTest, WhatFollowsTheDashesIsLeftAlone) {
  ASSERT_TRUE(parse({"worker", "start", "--", "sh", "-c", "--help", "--"}));
  EXPECT_EQ(rest, (std::vector<std::string>{"sh", "-c", "--help", "--"}));
  EXPECT_EQ(complaint({"packet", "list", "--", "x"}), "nothing may follow --");
}

TEST_F(ParseTest, ADashIsAWord) {
  ASSERT_TRUE(parse({"packet", "show", "-"}));
  EXPECT_EQ(words, std::vector<std::string>{"-"});
}

TEST_F(ParseTest, WrongUseIsNamed) {
  EXPECT_EQ(complaint({"packet", "list", "--limti", "3"}),
            "unknown flag --limti, did you mean --limit?");
  EXPECT_EQ(complaint({"packet", "list", "--limit"}), "--limit needs a value");
  EXPECT_EQ(complaint({"packet", "list", "--limit", "x"}),
            "--limit: \"x\" is no whole number from 1 to 1000");
  EXPECT_EQ(complaint({"packet", "show"}), "PACKET is missing");
  EXPECT_EQ(complaint({"packet", "show", "a", "b", "c"}), "unexpected argument \"c\"");
  EXPECT_EQ(complaint({"packet", "list", "a"}), "unexpected argument \"a\"");
  EXPECT_EQ(complaint({"packet", "lisst"}), "unknown command: phoenix packet lisst");
  EXPECT_EQ(parse({"packet", "lisst"}).error().why, "did you mean: phoenix packet list");
  EXPECT_EQ(complaint({"build", "--anything"}), "phoenix build: not in this version");
  EXPECT_EQ(complaint({"packet", "list", "--join", "x"}), "--join: not in this version");
  EXPECT_EQ(complaint({"packet", "list", "-o", "xml"}),
            "--output: \"xml\" is none of table, wide, json, yaml, name");
}

TEST_F(ParseTest, EveryComplaintOfALineIsTold) {
  const auto line = parse({"packet", "list", "--limit", "0", "--nope", "--url", ""});
  ASSERT_FALSE(line);
  EXPECT_NE(line.error().what, "");
  EXPECT_NE(line.error().why.find('\n'), std::string::npos);
  EXPECT_EQ(line.error().next, "see: phoenix packet list --help");
}

TEST_F(ParseTest, HelpWinsOverComplaints) {
  const auto line = parse({"packet", "list", "--limit", "0", "--help"});
  ASSERT_TRUE(line);
  EXPECT_TRUE(line->help);
}

TEST_F(ParseTest, AGroupAloneIsNoCommand) {
  const auto line = parse({"packet"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->command, nullptr);
  EXPECT_EQ(line->group, "packet");
}

TEST_F(ParseTest, HelpOfACommand) {
  EXPECT_EQ(command_help(table, table[0]),
            "the packets\n"
            "\n"
            "Usage:\n"
            "  phoenix packet list [flags]\n"
            "\n"
            "Flags:\n"
            "      --limit N       at most\n"
            "      --requires C,…  capabilities\n"
            "      --wait[=30s]    wait\n"
            "\n"
            "Example:\n"
            "  phoenix packet list\n"
            "\n"
            "Flags that every command takes (-n, -o, --url, …): phoenix --help\n");
}

TEST_F(ParseTest, HelpOfACommandTellsWhatIsBelowIt) {
  Command bare;
  bare.path = "packet";
  bare.summary = "the packets";
  table.push_back(bare);
  const std::string help = command_help(table, bare);
  EXPECT_NE(help.find("\nCommands below it:\n  list  the packets\n"), std::string::npos) << help;
}

}  // namespace
}  // namespace phoenix::cli
