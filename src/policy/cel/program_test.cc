#include "policy/cel/program.h"

#include <gtest/gtest.h>

#include <string>

namespace phoenix::cel {
namespace {

// The input of most tests: what a policy sees of a member and a packet, small.
class Cel : public testing::Test {
 protected:
  Cel() {
    trust_ = schema_.add("member.trustScore", Kind::kDouble);
    load_ = schema_.add("member.load", Kind::kInt);
    zone_ = schema_.add_text("member.zone", 64);
    skills_ = schema_.add_texts("member.capabilities", 64, 128);
    labels_ = schema_.add_text_map("member.labels", 64, 256);
    payload_ = schema_.add("packet.payload", Kind::kDyn);
    input_.assign(schema_.slots(), absent_value());
    input_[trust_] = double_value(0.92);
    input_[load_] = int_value(3);
    const Value skills[] = {string_value("ocr"), string_value("audit")};
    input_[skills_] = make_list(skills, 2, memory_, 0);
    const Entry labels[] = {{string_value("tier"), string_value("gold")},
                            {string_value("app/name"), string_value("shop")}};
    input_[labels_] = make_map(labels, 2, memory_, 0);
  }

  // The result as text: "true", "7", or "error 1:3: …".
  std::string result(std::string_view text) {
    const auto program = compile(text, schema_);
    if (!program) return "refused " + problem_text(program.error().front());
    const Value value = evaluate(*program, input_, scratch_);
    if (value.is_error()) return "error " + error_text(*program, value);
    if (value.is(Kind::kBool)) return value.boolean ? "true" : "false";
    if (value.is(Kind::kInt)) return std::to_string(value.integer);
    if (value.is(Kind::kString)) return std::string(value.view());
    return std::string(kind_name(value.kind));
  }

  Schema schema_;
  uint16_t trust_, load_, zone_, skills_, labels_, payload_;
  std::vector<Value> input_;
  Scratch memory_;
  Scratch scratch_;
};

TEST_F(Cel, exists_one_has_two_spellings) {
  EXPECT_EQ(result("member.capabilities.existsOne(c, c == 'ocr')"), "true");
  EXPECT_EQ(result("member.capabilities.existsOne(c, c != '')"), "false");
  EXPECT_EQ(result("member.capabilities.exists_one(c, c == 'ocr')"), "true");
}

TEST_F(Cel, reads_fields_of_the_input) {
  EXPECT_EQ(result("member.trustScore >= 0.9 && 'ocr' in member.capabilities"), "true");
  EXPECT_EQ(result("member.labels.tier == 'gold'"), "true");
  EXPECT_EQ(result("member.labels.`app/name`"), "shop");
  EXPECT_EQ(result("member.capabilities.exists(c, c.startsWith('aud'))"), "true");
  EXPECT_EQ(result("size(member.capabilities) + member.load"), "5");
}

TEST_F(Cel, has_asks_whether_a_field_is_there_and_reading_what_is_not_is_an_error) {
  EXPECT_EQ(result("has(member.zone)"), "false");
  EXPECT_EQ(result("member.zone == 'eu'"),
            "error 1:8: the field is not there; ask with has() first");
  EXPECT_EQ(result("has(member.zone) && member.zone == 'eu'"), "false");
  EXPECT_EQ(result("has(member.labels.tier)"), "true");
  EXPECT_EQ(result("has(member.labels.color)"), "false");
  EXPECT_EQ(result("member.labels.color"), "error 1:15: the map has no such key");
  input_[zone_] = string_value("eu");
  EXPECT_EQ(result("has(member.zone) && member.zone == 'eu'"), "true");
}

TEST_F(Cel, an_error_is_absorbed_by_what_settles_the_result) {
  EXPECT_EQ(result("member.zone == 'eu' || true"), "true");
  EXPECT_EQ(result("false && 1 / 0 == 1"), "false");
  EXPECT_EQ(result("1 / 0 == 1 && false"), "false");
  EXPECT_EQ(result("[0, 2].exists(x, 4 / x == 2)"), "true");
  EXPECT_EQ(result("[0, 2].all(x, 4 / x == 1)"), "false");
  EXPECT_EQ(result("[0, 2].all(x, 4 / x == 2)"), "error 1:17: division by zero");
}

TEST_F(Cel, words_are_other_spellings_of_signs) {
  EXPECT_EQ(result("true and not false or false"), "true");
  EXPECT_EQ(result("not member.load == 4"), "true");
  EXPECT_EQ(result("not true or true"), "true");
  EXPECT_EQ(result("1\n+ // one more\n\t1"), "2");
}

TEST_F(Cel, faults_tell_where_they_are_and_what_there_is) {
  EXPECT_EQ(result("member.trustscore > 0.5"),
            "refused 1:8: no field `trustscore` in member; did you mean `trustScore`?");
  EXPECT_EQ(result("member.x > 0.5"),
            "refused 1:8: no field `x` in member; there are trustScore, load, zone, capabilities, "
            "labels");
  EXPECT_EQ(result("membr.load"), "refused 1:1: no name `membr`; did you mean `member`?");
  EXPECT_EQ(result("member == member"),
            "refused 1:1: `member` is no value; name a field of it: trustScore, load, zone, "
            "capabilities, labels");
  EXPECT_EQ(result("\n  member.load > 'a'"), "refused 2:15: `>` does not take int and string");
  EXPECT_EQ(
      result("member.load + 1.0"),
      "refused 1:13: `+` does not take int and double; both must be of one type: write 1.0 or "
      "1u, or convert by int(), uint(), double()");
  EXPECT_EQ(result("'é' + 1"), "refused 1:5: `+` does not take string and int");
  EXPECT_EQ(result("member.load = 3"), "refused 1:13: no sign `=`; equality is `==`");
  EXPECT_EQ(result("member.load &"), "refused 1:13: no sign `&`; write `&&`");
  EXPECT_EQ(result("member.load in 3"),
            "refused 1:13: `in` does not take int and int; on its right stands a list or a map");
  EXPECT_EQ(result("member.zone.startswith('a')"),
            "refused 1:13: no function `startswith`; did you mean `startsWith`?");
  EXPECT_EQ(
      result("member.zone.startsWith(1)"),
      "refused 1:13: `startsWith` does not take (string, int); it is string.startsWith(string)");
  EXPECT_EQ(result("(1"), "refused 1:3: the end where `)` is expected");
  EXPECT_EQ(result("1 2"),
            "refused 1:3: `2` cannot follow here; the expression should end, or go on with an "
            "operator");
  EXPECT_EQ(result("timestamp('yesterday')"),
            "refused 1:11: this is no timestamp; write \"2026-11-28T21:45:00Z\"");
  EXPECT_EQ(result("member.zone.matches('(')"),
            "refused 1:21: no such pattern (RE2): missing ): (");
  EXPECT_EQ(
      result("member.zone.matches(member.zone)"),
      "refused 1:28: the pattern of matches() is a string written here, so that it is compiled "
      "once");
}

TEST_F(Cel, all_faults_are_told_at_once) {
  const auto program = compile("member.a == 1 || member.b == 2", schema_);
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().size(), 2U);
}

TEST_F(Cel, a_condition_must_be_a_bool) {
  CompileOptions options;
  options.result = Kind::kBool;
  EXPECT_TRUE(compile("member.load > 1", schema_, options));
  EXPECT_TRUE(compile("packet.payload.urgent", schema_, options));
  const auto program = compile("member.load", schema_, options);
  ASSERT_FALSE(program);
  EXPECT_EQ(problem_text(program.error().front()),
            "1:8: the result is to be bool, and this is int");
}

TEST_F(Cel, a_program_tells_which_fields_it_reads) {
  const auto program = compile(
      "member.load > 1 && has(member.zone) || member.load == member.labels.size()", schema_);
  ASSERT_TRUE(program);
  EXPECT_EQ(program->slots, (std::vector<uint16_t>{load_, zone_, labels_}));
}

TEST_F(Cel, the_cost_is_stated_and_bounded_before_anything_runs) {
  const auto cheap = compile("member.load > 1", schema_);
  ASSERT_TRUE(cheap);
  EXPECT_EQ(cheap->cost, 3U);
  const auto square =
      compile("member.capabilities.all(a, member.capabilities.exists(b, a == b))", schema_);
  ASSERT_TRUE(square);
  EXPECT_GT(square->cost, 64U * 64 * 3);
  EXPECT_EQ(result("packet.payload.all(a, packet.payload.all(b, a == b))").substr(0, 33),
            "refused 1:16: this may take 17172");
}

TEST_F(Cel, what_turns_out_larger_than_its_type_says_ends_at_the_limit) {
  std::vector<Value> many(60'000, int_value(7));
  input_[payload_] = make_list(many.data(), 30'000, memory_, 0);
  EXPECT_EQ(result("packet.payload.exists(x, x == 8)"),
            "error 1:16: the evaluation takes too many steps");
  EXPECT_EQ(result("8 in packet.payload && 8 in packet.payload"), "false");
  EXPECT_EQ(result("7 in packet.payload"), "true");
}

TEST_F(Cel, values_that_grow_too_large_are_an_error) {
  const std::string half(600'000, 'x');
  input_[payload_] = string_value(half);
  EXPECT_EQ(result("packet.payload + packet.payload == 'x'"),
            "error 1:16: the evaluation makes values that are too large");
}

TEST_F(Cel, what_is_too_deep_or_too_long_is_refused) {
  EXPECT_EQ(result(std::string(200, '(') + "1" + std::string(200, ')')), "1");
  EXPECT_EQ(result(std::string(300, '(') + "1" + std::string(300, ')')),
            "refused 1:251: nested more than 250 deep");
  EXPECT_EQ(result(std::string(300, '!') + "true").substr(0, 16), "refused 1:250: n");
  std::string chain = "1";
  for (int count = 0; count < 300; ++count) chain += "+1";
  EXPECT_EQ(result(chain).substr(0, 49), "refused 1:500: nested or chained more than 250 de");
  EXPECT_EQ(result(std::string(20'000, ' ')),
            "refused 1:1: 20000 bytes; an expression has at most 16384");
}

TEST_F(Cel, a_scratch_is_used_again_and_again) {
  const auto program = compile("'a' + member.labels.tier + string(member.load)", schema_);
  ASSERT_TRUE(program);
  for (int round = 0; round < 100'000; ++round) {
    ASSERT_EQ(evaluate(*program, input_, scratch_).view(), "agold3");
  }
}

TEST_F(Cel, fields_without_a_type_are_checked_when_they_are_read) {
  const Entry entries[] = {{string_value("amount"), int_value(12)},
                           {string_value("tags"), null_value()}};
  input_[payload_] = make_map(entries, 2, memory_, 0);
  EXPECT_EQ(result("packet.payload.amount > 10"), "true");
  EXPECT_EQ(result("packet.payload.amount > 10.5"), "true");
  EXPECT_EQ(result("packet.payload.tags == null"), "true");
  EXPECT_EQ(result("packet.payload.tags.exists(t, t == 'pii')"),
            "error 1:21: the operator or function does not take values of these types");
  EXPECT_EQ(result("packet.payload.amount ? 1 : 2"),
            "error 1:23: a condition is neither true nor false");
}

}  // namespace
}  // namespace phoenix::cel
