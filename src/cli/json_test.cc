#include "cli/json.h"

#include <gtest/gtest.h>

namespace phoenix::cli {
namespace {

TEST(JsonText, PassesThroughUnchanged) {
  for (const char* text : {R"({"a":0.90,"b":1e3,"c":[1,-2,{"d":null}],"e":true,"f":"x\ny\"\\"})",
                           "[]", "{}", "null", "12345678901234567890123", "\"ü\"", R"({"":{}})"}) {
    const auto value = Json::parse(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(value->dump(), text);
  }
}

TEST(JsonText, BrokenTextIsRefusedWithItsPlace) {
  EXPECT_EQ(Json::parse("{bad").error().detail, "not valid JSON at byte 2: syntax error");
  EXPECT_FALSE(Json::parse(""));
  EXPECT_FALSE(Json::parse("1 2"));
  EXPECT_FALSE(Json::parse("NaN"));
  EXPECT_FALSE(Json::parse("{\"a\":1,}"));
  EXPECT_FALSE(Json::parse("\"\xff\""));
  EXPECT_EQ(Json::parse(R"({"a":1,"b":{"c":1,"c":2}})").error().detail,
            "the name \"c\" stands twice");
  EXPECT_FALSE(Json::parse(std::string(65, '[') + std::string(65, ']')));
  EXPECT_TRUE(Json::parse(std::string(64, '[') + std::string(64, ']')));
}

TEST(JsonText, AbsentMembersAreNullAllTheWayDown) {
  const Json value = *Json::parse(R"({"a":{"b":7,"s":"t"}})");
  EXPECT_EQ(value["a"]["b"].integer(), 7);
  EXPECT_EQ(value["a"]["s"].text(), "t");
  EXPECT_TRUE(value["x"]["y"].is_null());
  EXPECT_FALSE(value["a"]["s"].integer());
}

TEST(JsonText, PrettyAndYaml) {
  const Json value = *Json::parse(
      R"({"id":"a-1","num":0.50,"no":"no","t":"2026-01-01","l":["x",{"k":1,"m":[]}],"o":{"p":null}})");
  EXPECT_EQ(value.dump_yaml(),
            "id: a-1\n"
            "num: 0.50\n"
            "\"no\": \"no\"\n"
            "t: \"2026-01-01\"\n"
            "l:\n"
            "  - x\n"
            "  - k: 1\n"
            "    m: []\n"
            "o:\n"
            "  p: null\n");
  EXPECT_EQ(Json::parse(R"({"a":[1,{}]})")->dump_pretty(),
            "{\n  \"a\": [\n    1,\n    {}\n  ]\n}\n");
}

TEST(JsonText, BuildersReplaceAndQuote) {
  Json value = Json::object();
  value.set("a", Json::number(1)).set("b", Json::strings({"x"})).set("a", Json::string("\x01/\t"));
  EXPECT_EQ(value.dump(), R"({"a":"\u0001/\t","b":["x"]})");
}

}  // namespace
}  // namespace phoenix::cli
