#include "policy/contract/schema.h"

#include <gtest/gtest.h>

namespace phoenix::policy {
namespace {

// "" where the document is as the schema says, else what is wrong; "refused: …" for a bad schema.
std::string fault(const std::string& schema, const std::string& document) {
  const auto compiled = Schema::compile(schema);
  if (!compiled) {
    std::string text = "refused:";
    for (const FieldError& one : compiled.error().fields) {
      text += " " + one.pointer + ": " + one.detail + ";";
    }
    return text;
  }
  const auto parsed = json::Document::parse(document);
  if (!parsed) return "no JSON";
  return compiled->fault(parsed->root()).value_or("");
}

struct Case {
  const char* schema;
  const char* document;
  const char* fault;
};

TEST(ContractSchema, Keywords) {
  const Case cases[] = {
      {"{}", "[1]", ""},
      {R"({"type":"object"})", "{}", ""},
      {R"({"type":"object"})", "[]", "the whole: [] is no object"},
      {R"({"type":["string","null"]})", "null", ""},
      {R"({"type":["string","null"]})", "0", "the whole: 0 is no null or string"},
      {R"({"type":"integer"})", "3", ""},
      {R"({"type":"integer"})", "3.0", ""},
      {R"({"type":"integer"})", "1e30", ""},
      {R"({"type":"integer"})", "3.5", "the whole: 3.5 is no integer"},
      {R"({"type":"number"})", "3", ""},
      {R"({"type":"number"})", "\"3\"", "the whole: \"3\" is no number"},
      {R"({"type":"boolean"})", "false", ""},
      {R"({"minimum":1,"maximum":5})", "1", ""},
      {R"({"minimum":1,"maximum":5})", "5.0", ""},
      {R"({"minimum":1,"maximum":5})", "5.01", "the whole: 5.01 is above 5"},
      {R"({"minimum":1,"maximum":5})", "0", "the whole: 0 is below 1"},
      {R"({"minimum":1})", "\"a\"", ""},
      {R"({"maximum":9007199254740993})", "9007199254740993", ""},
      {R"({"maximum":9007199254740992})", "9007199254740993",
       "the whole: 9007199254740993 is above 9007199254740992"},
      {R"({"maximum":1e308})", "1e999", "the whole: 1e999 is above 1e308"},
      {R"({"minimum":0})", "-1e-999", ""},
      {R"({"enum":["a",1,{"x":[1,2],"y":null}]})", "1.0", ""},
      {R"({"enum":["a",1,{"x":[1,2],"y":null}]})", R"({"y":null,"x":[1,2.0]})", ""},
      {R"({"enum":["a",1,{"x":[1,2],"y":null}]})", R"({"x":[2,1],"y":null})",
       "the whole: {\"x\":[2,1],\"y\":null} is none of the values that are allowed"},
      {R"({"enum":["\u0061"]})", "\"a\"", ""},
      {R"({"pattern":"^in/"})", "\"in/x\"", ""},
      {R"({"pattern":"in/"})", "\"an in/x\"", ""},
      {R"({"pattern":"^in/"})", "\"out/in/\"", "the whole: \"out/in/\" does not match ^in/"},
      {R"({"pattern":"^in/"})", "7", ""},
      {R"({"items":{"type":"string"}})", R"(["a","b"])", ""},
      {R"({"items":{"type":"string"}})", R"(["a",2])", "/1: 2 is no string"},
      {R"({"required":["a"]})", R"({"a":null})", ""},
      {R"({"required":["a","b"]})", R"({"a":1})", "/b: is missing"},
      {R"({"required":["a"]})", "[]", ""},
      {R"({"properties":{"a":{"properties":{"b":{"maximum":2}}}}})", R"({"a":{"b":3}})",
       "/a/b: 3 is above 2"},
      {R"({"properties":{"a":{}},"additionalProperties":false})", R"({"a":1})", ""},
      {R"({"properties":{"a":{}},"additionalProperties":false})", R"({"b":1})",
       "/b: is not allowed"},
      {R"({"required":["b"],"additionalProperties":{"type":"string"}})", R"({"b":1})",
       "/b: 1 is no string"},
      {R"({"title":"x","description":"y"})", "1", ""},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(fault(one.schema, one.document), one.fault) << one.schema << " " << one.document;
  }
}

TEST(ContractSchema, WhatCannotBeCheckedIsRefused) {
  const auto refuses = [](const char* schema, const char* words) {
    const std::string text = fault(schema, "1");
    EXPECT_TRUE(text.starts_with("refused:")) << schema;
    EXPECT_NE(text.find(words), text.npos) << text;
  };
  refuses(R"({"$ref":"#/a"})", "/$ref:");
  refuses(R"({"properties":{"a":{"format":"uri"}}})", "/properties/a/format:");
  refuses(R"({"type":"objct"})", "/type:");
  refuses(R"({"type":[]})", "at least one type");
  refuses(R"({"enum":[]})", "/enum:");
  refuses(R"({"minimum":"1"})", "/minimum: must be a number");
  refuses(R"({"minimum":2,"maximum":1})", "no value can meet this");
  refuses(R"({"pattern":"("})", "no regular expression");
  refuses(R"({"additionalProperties":1})", "/additionalProperties:");
  refuses(R"([])", "must be an object");
  // All faults are told at once.
  const std::string both = fault(R"({"type":"x","required":1})", "1");
  EXPECT_NE(both.find("/type:"), both.npos);
  EXPECT_NE(both.find("/required:"), both.npos);
}

TEST(ContractSchema, DepthAndSizeAreBounded) {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += R"({"items":)";
    text += "{}";
    for (int i = 0; i < depth; ++i) text += "}";
    return text;
  };
  EXPECT_TRUE(Schema::compile(nested(Schema::kMostDepth)));
  EXPECT_FALSE(Schema::compile(nested(Schema::kMostDepth + 1)));
  std::string wide = R"({"properties":{)";
  for (size_t i = 0; i < Schema::kMostSchemas; ++i) {
    wide += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":{}";
  }
  EXPECT_FALSE(Schema::compile(wide + "}}"));
}

// A list of many values against an enum of many: the check ends, and refuses.
TEST(ContractSchema, EnumsHaveABudget) {
  std::string choices;
  for (int i = 0; i < 5'000; ++i) choices += (i > 0 ? "," : "") + std::to_string(i);
  std::string items;
  for (int i = 0; i < 5'000; ++i) items += (i > 0 ? ",4999" : "4999");
  EXPECT_NE(fault(R"({"items":{"enum":[)" + choices + "]}}", "[" + items + "]")
                .find("takes too many comparisons"),
            std::string::npos);
}

}  // namespace
}  // namespace phoenix::policy
