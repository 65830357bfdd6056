#include "policy/rules/json_value.h"

#include <gtest/gtest.h>

#include "policy/cel/program.h"

namespace phoenix::policy {
namespace {

// What an expression over a payload of that text answers.
std::string ask(std::string_view payload, std::string_view condition) {
  cel::Schema schema;
  schema.add("payload", cel::Kind::kDyn);
  const auto program = cel::compile(std::string(condition), schema, cel::CompileOptions());
  if (!program) return program.error().front().what;
  cel::Scratch memory;
  cel::Scratch scratch;
  const cel::Value value = value_of_text(payload, memory);
  const cel::Value answer = cel::evaluate(*program, std::span(&value, 1), scratch);
  if (answer.is_error()) return cel::error_text(*program, answer);
  return answer.is_true() ? "true" : answer.is_false() ? "false" : "another value";
}

TEST(JsonValue, each_kind_is_what_an_expression_takes_it_for) {
  EXPECT_EQ(ask("null", "payload == null"), "true");
  EXPECT_EQ(ask("true", "payload"), "true");
  EXPECT_EQ(ask("-5", "type(payload) == int && payload == -5"), "true");
  EXPECT_EQ(ask("18446744073709551615", "type(payload) == uint"), "true");
  EXPECT_EQ(ask("18446744073709551616", "type(payload) == double"), "true");
  EXPECT_EQ(ask("5.0", "type(payload) == double && payload == 5"), "true");
  EXPECT_EQ(ask("1e400", "payload > 1e308"), "true");
  EXPECT_EQ(ask("1e-400", "payload == 0"), "true");
  EXPECT_EQ(ask("-1e400", "payload < -1e308"), "true");
  EXPECT_EQ(ask(R"("a\n\u00e4")", "payload == 'a\\n\\u00e4'"), "true");
  EXPECT_EQ(ask(R"({"b": [1, {"c": "x"}], "a\"": 2})",
                R"(payload.b[1].c == 'x' && payload['a"'] == 2 && size(payload.b) == 2)"),
            "true");
}

TEST(JsonValue, what_is_no_json_is_absent) {
  EXPECT_NE(ask("{", "payload == null"), "true");
  EXPECT_NE(ask("", "payload == null"), "true");
}

TEST(JsonValue, what_is_too_large_for_the_memory_is_an_error) {
  cel::Scratch small(256);
  std::string text = "[";
  for (int i = 0; i < 1000; ++i) text += "1,";
  text += "1]";
  const cel::Value value = value_of_text(text, small);
  ASSERT_TRUE(value.is_error());
  EXPECT_EQ(value.fault, cel::Fault::kTooLarge);
}

}  // namespace
}  // namespace phoenix::policy
