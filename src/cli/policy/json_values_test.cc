#include "cli/policy/json_values.h"

#include <gtest/gtest.h>

#include "policy/cel/program.h"

namespace phoenix::cli {
namespace {

std::string type_and_value(std::string_view expression) {
  const auto program = cel::compile(expression, cel::Schema());
  if (!program) return cel::problem_text(program.error().front());
  cel::Scratch scratch;
  const cel::Value value = cel::evaluate(*program, {}, scratch);
  return type_of_value(value) + " " + json_of_value(value).dump();
}

TEST(JsonValues, NumbersKeepTheirType) {
  const Json json =
      *Json::parse("[1, -9223372036854775808, 18446744073709551615, 1.0, 1e3, 1e400]");
  cel::Scratch scratch;
  const cel::Value list = value_of_json(json, scratch);
  ASSERT_EQ(list.list->count, 6U);
  std::string kinds;
  for (uint32_t at = 0; at < 6; ++at) {
    kinds += std::string(cel::kind_name(list.list->items[at].kind)) + " ";
  }
  EXPECT_EQ(kinds, "int int uint double double double ");
}

TEST(JsonValues, EveryTypeHasAFormInJson) {
  EXPECT_EQ(type_and_value("null"), "null_type null");
  EXPECT_EQ(type_and_value("1 + 1"), "int 2");
  EXPECT_EQ(type_and_value("18446744073709551615u"), "uint 18446744073709551615");
  EXPECT_EQ(type_and_value("2.0"), "double 2.0");
  EXPECT_EQ(type_and_value("1.0 / 0.0"), "double \"Infinity\"");
  EXPECT_EQ(type_and_value("b'abc'"), "bytes \"YWJj\"");
  EXPECT_EQ(type_and_value("[1, 'a', true]"), "list [1,\"a\",true]");
  EXPECT_EQ(type_and_value("{'b': {}, 'a': 1}"), "map {\"a\":1,\"b\":{}}");
  EXPECT_EQ(type_and_value("{2u: 1, true: 2}"), "map {\"2\":1,\"true\":2}");
  EXPECT_EQ(type_and_value("timestamp('2026-11-28T22:00:00+01:00')"),
            "timestamp \"2026-11-28T21:00:00Z\"");
  EXPECT_EQ(type_and_value("duration('90m')"), "duration \"5400s\"");
  EXPECT_EQ(type_and_value("type(1)"), "type \"int\"");
}

TEST(JsonValues, ADocumentThatTakesTooMuchMemoryIsRefused) {
  std::string text = "[0";
  for (int count = 0; count < 1'000; ++count) text += ",0";
  const Json json = *Json::parse(text + "]");
  cel::Scratch small(1'000);
  EXPECT_TRUE(value_of_json(json, small).is_error());
  cel::Scratch large(20'000);
  EXPECT_TRUE(value_of_json(json, large).is(cel::Kind::kList));
}

}  // namespace
}  // namespace phoenix::cli
