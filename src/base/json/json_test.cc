#include "base/json/json.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "base/json/json_writer.h"

namespace phoenix::json {
namespace {

// "pointer: detail" of the refusal; "ok" if it was taken.
std::string verdict(std::string_view text) {
  const auto document = Document::parse(text);
  if (document) return "ok";
  if (document.error().fields.empty()) return document.error().detail;
  return document.error().fields[0].pointer + ": " + document.error().fields[0].detail;
}

bool starts(std::string_view text, std::string_view with) { return text.starts_with(with); }

TEST(Json, takes_every_kind_of_value) {
  for (const char* text :
       {"null", " true ", "-0", "0.5e+10", "\"\"", "[]", "{}", "[1,[2,{\"a\":[]}],\"x\"]",
        "{\"a\":{\"b\":[true,false,null]},\"c\":1}", "\"\\u00e9\\ud83d\\ude00\\\\\\/\\b\""}) {
    EXPECT_EQ(verdict(text), "ok") << text;
  }
}

TEST(Json, names_the_place_of_what_is_broken) {
  EXPECT_TRUE(starts(verdict(""), ": the body is empty")) << verdict("");
  EXPECT_TRUE(starts(verdict("{\"a\":[1,2,NaN]}"), "/a/2: no JSON value"))
      << verdict("{\"a\":[1,2,NaN]}");
  EXPECT_TRUE(starts(verdict("{\"a\":{\"b\":tru}}"), "/a/b: ")) << verdict("{\"a\":{\"b\":tru}}");
  EXPECT_TRUE(starts(verdict("[1,]"), "/1: ")) << verdict("[1,]");
  EXPECT_TRUE(starts(verdict("{\"x/y\":{\"~\":01}}"), "/x~1y/~0: a number has a leading zero"));
  EXPECT_TRUE(starts(verdict("{} {}"), ": more text"));
  EXPECT_TRUE(starts(verdict("[\"a"), "/0: a string is not closed"));
  EXPECT_TRUE(starts(verdict("{\"a\":1,}"), "/a: expected a key")) << verdict("{\"a\":1,}");
  EXPECT_TRUE(starts(verdict("{\"a\":\"\\ud800\"}"), "/a: \\u names a lone surrogate"));
  EXPECT_TRUE(starts(verdict("[{},{\"a\":\"\xff\"}]"), "/1/a: a string is not UTF-8"));
  EXPECT_TRUE(starts(verdict("[\"a\nb\"]"), "/0: a string holds a control character"));
}

TEST(Json, refuses_a_key_that_stands_twice) {
  EXPECT_EQ(verdict("[0,{\"a\":{\"k\":1,\"k\":2}}]"),
            "/1/a/k: this key stands twice in its object");
  EXPECT_EQ(verdict("{\"\\u0061\":1,\"a\":2}"), "/a: this key stands twice in its object");
  std::string many = "{";
  for (int i = 0; i < 50; ++i) many += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_EQ(verdict(many + "\"k7\":0}"), "/k7: this key stands twice in its object");
  EXPECT_EQ(verdict(many + "\"k77\":0}"), "ok");
}

TEST(Json, nests_64_levels_and_no_more) {
  const std::string open(64, '[');
  const std::string close(64, ']');
  EXPECT_EQ(verdict(open + close), "ok");
  EXPECT_NE(verdict(open + "[" + close + "]").find("nested deeper than 64"), std::string::npos);
}

TEST(Json, keeps_the_text_of_numbers_and_decodes_strings) {
  const std::string text = R"({"n":1.50e-3,"s":"a\n\u00e9\ud83d\ude00","list":[1,"two",{}]})";
  const auto document = Document::parse(text);
  ASSERT_TRUE(document);
  const Value root = document->root();
  EXPECT_EQ(root.find("n")->raw(), "1.50e-3");
  EXPECT_EQ(root.find("s")->string(), "a\n\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(root.find("list")->size(), 3u);
  EXPECT_FALSE(root.find("l"));
  EXPECT_FALSE(root.find("lists"));
}

TEST(Json, reads_integers_exactly_or_not_at_all) {
  EXPECT_EQ(exact_integer("5"), 5);
  EXPECT_EQ(exact_integer("-5.0"), -5);
  EXPECT_EQ(exact_integer("5e2"), 500);
  EXPECT_EQ(exact_integer("0.5e1"), 5);
  EXPECT_EQ(exact_integer("9223372036854775807"), INT64_MAX);
  EXPECT_FALSE(exact_integer("9223372036854775808"));
  EXPECT_FALSE(exact_integer("5.5"));
  EXPECT_FALSE(exact_integer("1e400000000000"));
  EXPECT_EQ(exact_integer("0e999999999"), 0);
}

TEST(Json, reads_scores_in_thousandths_rounded_down) {
  EXPECT_EQ(thousandths("0.29"), 290u);
  EXPECT_EQ(thousandths("0.9999"), 999u);
  EXPECT_EQ(thousandths("9e-1"), 900u);
  EXPECT_EQ(thousandths("1.000"), 1000u);
  EXPECT_EQ(thousandths("0.0004"), 0u);
  EXPECT_EQ(thousandths("1e-30"), 0u);
  EXPECT_FALSE(thousandths("1.0001"));
  EXPECT_FALSE(thousandths("2"));
  EXPECT_FALSE(thousandths("-0.1"));
}

TEST(Json, canonical_form_forgets_order_and_white_space) {
  const auto canonical = [](std::string_view text) {
    const auto document = Document::parse(text);
    std::string out;
    append_canonical(out, document->root());
    return out;
  };
  EXPECT_EQ(canonical("{ \"b\" : [1, 2],\n\"a\":\"\\u0041\"}"), "{\"a\":\"A\",\"b\":[1,2]}");
  EXPECT_EQ(canonical("{\"a\":\"A\",\"b\":[1,2]}"), canonical("{\"b\":[1,2],\"a\":\"A\"}"));
  EXPECT_NE(canonical("[1,2]"), canonical("[2,1]"));
}

TEST(Json, one_line_keeps_all_but_line_feeds) {
  EXPECT_EQ(one_line("{\r\n \"a\": \"x\\n\"\n}"), "{ \"a\": \"x\\n\"}");
}

// The second opinion: a parser that the world uses. It is more lenient only where we mean it:
// duplicate keys, and depth.
TEST(Json, agrees_with_boost_about_what_json_is) {
  const std::vector<std::string> seeds = {
      R"({"a":[1,2.5e3,-0,"x\u00e9",true,null],"b":{"c":{}}})", R"([[],[[]],"\\\"",0.1])",
      R"({"id":"p1","requiredCapabilities":["ocr"],"payload":{"deep":[{"x":1}]}})"};
  const std::string bytes = "{}[],:\"\\0123eE+-.tfnu \n\x01\xc3\xff";
  uint32_t state = 1;
  int taken = 0;
  for (int round = 0; round < 60'000; ++round) {
    const auto next = [&state] { return state = state * 1664525u + 1013904223u; };
    std::string text = seeds[(next() >> 16) % seeds.size()];
    for (uint32_t edits = (next() >> 16) % 3; edits > 0; --edits) {
      const size_t at = (next() >> 8) % text.size();
      const char byte = bytes[(next() >> 16) % bytes.size()];
      const uint32_t kind = (next() >> 16) % 3;
      if (kind == 0) text[at] = byte;
      if (kind == 1) text.insert(at, 1, byte);
      if (kind == 2 && text.size() > 1) text.erase(at, 1);
    }
    boost::system::error_code error;
    boost::json::parse(text, error);
    const std::string ours = verdict(text);
    if (ours.find("stands twice") != std::string::npos) continue;
    EXPECT_EQ(ours == "ok", !error) << text << "\n" << ours << "\n" << error.message();
    taken += error ? 0 : 1;
  }
  EXPECT_GT(taken, 1000);
}

TEST(JsonWriter, escapes_what_must_be_escaped) {
  std::string out;
  append_string(out, std::string_view("a\"b\\c\n\t\x01\x7f\xc3\xa9", 11));
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\xc3\xa9\"");
}

// Wherever in a long text it stands, whatever stands before and behind it.
TEST(JsonWriter, escapes_what_must_be_escaped_anywhere_in_a_text) {
  const std::vector<std::pair<std::string, std::string>> odd = {
      {"\"", "\\\""},
      {"\\", "\\\\"},
      {"\n", "\\n"},
      {std::string(1, '\0'), "\\u0000"},
      {"\x1f", "\\u001f"},
      {"\x7f", "\\u007f"},
      {"\xc3\xa9", "\xc3\xa9"},
      {"\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac"}};
  for (size_t before = 0; before < 40; ++before) {
    for (const auto& [text, escaped] : odd) {
      for (const size_t behind : {size_t{0}, size_t{3}, size_t{33}}) {
        const std::string head(before, 'a');
        const std::string tail(behind, '~');
        std::string out;
        append_string(out, head + text + tail + text);
        EXPECT_EQ(out, '"' + head + escaped + tail + escaped + '"');
        auto back = Document::parse(out);
        ASSERT_TRUE(back) << out;
        EXPECT_EQ(back->root().string(), head + text + tail + text);
        EXPECT_FALSE(Document::parse('"' + head + "\x02" + tail + '"'));
        EXPECT_FALSE(Document::parse('"' + head + "\xff" + tail + '"')) << "no UTF-8";
      }
    }
  }
}

TEST(JsonWriter, writes_times_to_the_millisecond) {
  EXPECT_EQ(time_text(1), "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(time_text(951'782'400'000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(time_text(1'795'478'399'999), "2026-11-23T23:59:59.999Z");
  EXPECT_EQ(time_text(253'402'300'799'999), "9999-12-31T23:59:59.999Z");
}

TEST(JsonWriter, writes_scores_and_reals_shortly) {
  const auto score = [](uint32_t value) {
    std::string out;
    append_thousandths(out, value);
    return out;
  };
  EXPECT_EQ(score(1000), "1");
  EXPECT_EQ(score(900), "0.9");
  EXPECT_EQ(score(905), "0.905");
  EXPECT_EQ(score(5), "0.005");
  EXPECT_EQ(score(0), "0");
  std::string out;
  Writer writer(out);
  writer.begin_array();
  writer.real(1.25);
  writer.real(3.0);
  writer.end_array();
  EXPECT_EQ(out, "[1.25,3]");
}

}  // namespace
}  // namespace phoenix::json
