#include "membership/serf/pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace phoenix::gossip {
namespace {

struct Case {
  std::string pattern;
  std::string text;
  bool found;
};

void expect_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto pattern = Pattern::compile(c.pattern);
    ASSERT_TRUE(pattern) << c.pattern;
    EXPECT_EQ(pattern->found_in(c.text), c.found) << c.pattern << " in " << c.text;
  }
}

TEST(Pattern, is_found_anywhere_unless_anchored) {
  expect_all({
      {"", "", true},
      {"", "x", true},
      {"web", "my-webserver", true},
      {"web", "we-b", false},
      {"^web", "webserver", true},
      {"^web", "my-web", false},
      {"web$", "my-web", true},
      {"web$", "webserver", false},
      {"^web$", "web", true},
      {"^$", "", true},
      {"^$", "x", false},
      {"\\Aweb\\z", "web", true},
      {"a^b", "ab", false},
      {"(^a|b)c", "xbc", true},
      {"(^a|b)c", "xac", false},
      {"\\bweb\\b", "a web b", true},
      {"\\bweb\\b", "a webb", false},
      {"\\Beb", "web", true},
      {"\\bweb", "web", true},
      {"web\\b", "web", true},
      {"\\B", "", true},
      {"\\b", "", false},
  });
}

TEST(Pattern, repeats) {
  expect_all({
      {"^ab*c$", "ac", true},
      {"^ab*c$", "abbbc", true},
      {"^ab+c$", "ac", false},
      {"^ab+c$", "abbc", true},
      {"^ab?c$", "abc", true},
      {"^ab?c$", "abbc", false},
      {"^a{3}$", "aaa", true},
      {"^a{3}$", "aa", false},
      {"^a{3}$", "aaaa", false},
      {"^a{2,}$", "a", false},
      {"^a{2,}$", "aaaaa", true},
      {"^a{1,3}$", "aaa", true},
      {"^a{1,3}$", "aaaa", false},
      {"^a{0}$", "", true},
      {"^a{0}$", "a", false},
      {"^a*?$", "aaa", true},
      {"^a+?b??$", "aab", true},
      {"^(ab)+$", "ababab", true},
      {"^(ab)+$", "aba", false},
      {"^(a*)*$", "aaa", true},
      {"^(a*)+b$", "aac", false},
      {"^(a|b*)*c$", "abbac", true},
      {"^(ab?){2,3}$", "abaab", true},
      {"^x{a}$", "x{a}", true},
      {"^x{,2}$", "x{,2}", true},
      {"^x{1$", "x{1", true},
      {"^{$", "{", true},
      {"^x{01}$", "x{01}", true},
  });
}

TEST(Pattern, chooses) {
  expect_all({
      {"^(web|db|lb)-[0-9]+$", "db-42", true},
      {"^(web|db|lb)-[0-9]+$", "dc-42", false},
      {"^(?:a|b)c$", "bc", true},
      {"^(?P<kind>a|b)c$", "ac", true},
      {"^a|b$", "ax", true},
      {"^a|b$", "xb", true},
      {"^a|b$", "xax", false},
      {"^(|a)b$", "b", true},
      {"^(a||b)$", "", true},
      {"a|b|c|d", "d", true},
  });
}

TEST(Pattern, knows_sets_of_runes) {
  expect_all({
      {"^.$", "x", true},
      {"^.$", "\n", false},
      {"^[abc]$", "b", true},
      {"^[abc]$", "d", false},
      {"^[^abc]$", "d", true},
      {"^[^abc]$", "a", false},
      {"^[^a]$", "\n", true},
      {"^[a-f0-3]+$", "b2f0", true},
      {"^[a-f]+$", "g", false},
      {"^[]a]+$", "a]", true},
      {"^[^]a]$", "]", false},
      {"^[a-]+$", "-a", true},
      {"^[-a]+$", "-a", true},
      {"^[\\]]$", "]", true},
      {"^[\\^a]$", "^", true},
      {"^\\d+$", "2026", true},
      {"^\\d+$", "2o26", false},
      {"^\\D+$", "abc", true},
      {"^\\w+$", "a_B9", true},
      {"^\\w+$", "a-b", false},
      {"^\\W$", "-", true},
      {"^\\s$", "\t", true},
      {"^\\S$", "\t", false},
      {"^[\\d.]+$", "10.0.1", true},
      {"^[\\W]$", "-", true},
      {"^[^\\d]$", "5", false},
      {"^[[:alpha:]]+$", "aZ", true},
      {"^[[:^alpha:]]+$", "09", true},
      {"^[[:xdigit:]-]+$", "be-Ef", true},
      {"^[[:word:]]$", "_", true},
      {"^[[:^word:]]$", "_", false},
      {"^[[a]$", "[", true},
      {"^[[:punct:]]+$", "!~[", true},
  });
}

TEST(Pattern, knows_escapes) {
  expect_all({
      {"^10\\.0\\.0\\.1$", "10.0.0.1", true},
      {"^10\\.0\\.0\\.1$", "10x0.0.1", false},
      {"^\\(a\\)\\*$", "(a)*", true},
      {"^\\x41\\x{1F600}$", "A\U0001F600", true},
      {"^\\t\\n\\r\\f\\v\\a$", "\t\n\r\f\v\a", true},
      {"^\\\\$", "\\", true},
      {"^[\\x41-\\x43]$", "B", true},
  });
}

TEST(Pattern, reads_utf8) {
  expect_all({
      {"^.$", "é", true},
      {"^é+$", "éé", true},
      {"^[à-ü]$", "é", true},
      {"^..$", "é", false},
      {"^.{4}$", "\xf0\x9f\x98", false},  // three bytes that are none count one each
      {"^.{3}$", "\xf0\x9f\x98", true},
      {"^.{2}$", "\xc0\x80", true},      // longer than need be
      {"^.{3}$", "\xed\xa0\x80", true},  // half of a pair
      {"^\xef\xbf\xbd$", "\xff", true},
  });
}

TEST(Pattern, folds_case_on_request) {
  expect_all({
      {"(?i)^WEB[A-C]$", "webB", true},
      {"(?i)^web$", "WeB", true},
      {"(?i)[^a]", "A", false},
      {"web", "WEB", false},
  });
}

TEST(Pattern, that_is_none_is_refused) {
  const char* const refused[] = {
      "(",           ")",        "a)",     "(a",     "[",
      "[a",          "[]",       "[^]",    "*",      "+a",
      "?",           "a|*",      "(*)",    "a**",    "a*+",
      "a{2}{3}",     "a{3,2}",   "a{513}", "\\",     "\\q",
      "\\pL",        "\\Qa",     "\\1",    "\\x4",   "\\x{}",
      "[z-a]",       "[a-\\d]",  "(?s).",  "(?=a)",  "(?P<n",
      "\xff",        "[\xc3]",   "{2}",    "a|{1,}", "(?P<>a)",
      "(?P<a-b>c)",  "[[:no:]]", "\\x4g",  "\\x{41", "a{99999999999}",
      "\\x{110000}",
  };
  for (const char* expression : refused) {
    EXPECT_FALSE(Pattern::compile(expression)) << expression;
  }
}

TEST(Pattern, is_bounded_in_length_depth_and_size) {
  EXPECT_TRUE(Pattern::compile(std::string(512, 'a')));
  EXPECT_FALSE(Pattern::compile(std::string(513, 'a')));
  EXPECT_TRUE(Pattern::compile(std::string(32, '(') + "a" + std::string(32, ')')));
  EXPECT_FALSE(Pattern::compile(std::string(33, '(') + "a" + std::string(33, ')')));
  EXPECT_TRUE(Pattern::compile("(a{16}){16}"));
  EXPECT_FALSE(Pattern::compile("((a{16}){16}){16}"));
  EXPECT_FALSE(Pattern::compile("(((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9})"));
  EXPECT_TRUE(Pattern::compile("(((((){500}){500}){500}){500})"));
}

// What makes a matcher that tries one way after the other take longer than the universe lasts.
TEST(Pattern, takes_no_longer_than_pattern_times_text) {
  const std::string text(512, 'a');
  for (const char* expression : {"^(a+)+$b", "^(a|a)*b", "^(a*)*b", "^(a?){160}a{160}b",
                                 "^(.*)(.*)(.*)(.*)(.*)b$", "^(([a-z])+.)+[A-Z]([a-z])+$"}) {
    const auto pattern = Pattern::compile(expression);
    ASSERT_TRUE(pattern) << expression;
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(pattern->found_in(text)) << expression;
  }
}

}  // namespace
}  // namespace phoenix::gossip
