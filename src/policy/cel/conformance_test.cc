// The cases of the language's specification for the features that we have, kept in
// tests/corpus/cel/conformance in a form of our own (its README tells it and what is left out).
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "policy/cel/program.h"

namespace phoenix::cel {
namespace {

struct Case {
  std::string name;
  std::string expression;
  std::map<std::string, std::string> input;
  std::string expected;  // an expression without names; empty: an error
  bool checked = true;
};

// Control characters are written as their pictures, U+2400 and on; U+2421 is that of 0x7F.
std::string unpictured(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text.compare(at, 2, "\xE2\x90") != 0 || at + 2 >= text.size()) {
      out.push_back(text[at]);
      continue;
    }
    const int number = static_cast<unsigned char>(text[at + 2]) - 0x80;
    out.push_back(number == 0x21 ? '\x7F' : static_cast<char>(number));
    at += 2;
  }
  return out;
}

std::vector<Case> read_cases(const std::filesystem::path& path) {
  std::vector<Case> cases;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with("#")) continue;
    if (!line.starts_with("  ")) {
      cases.push_back({line, {}, {}, {}, true});
      continue;
    }
    Case& last = cases.back();
    const std::string text = line.substr(2);
    if (last.expression.empty()) {
      last.expression = unpictured(text);
    } else if (text.starts_with("with ")) {
      const size_t equals = text.find(" = ");
      last.input[text.substr(5, equals - 5)] = text.substr(equals + 3);
    } else if (text.starts_with("= ")) {
      last.expected = text.substr(2);
    } else if (text == "unchecked") {
      last.checked = false;
    } else {
      EXPECT_EQ(text, "error") << path << " " << last.name;
    }
  }
  return cases;
}

// The same value of the same type; NaN is itself here.
bool identical(const Value& left, const Value& right) {
  if (left.kind != right.kind) return false;
  if (left.is(Kind::kDouble)) {
    return (std::isnan(left.real) && std::isnan(right.real)) ||
           (left.real == right.real && std::signbit(left.real) == std::signbit(right.real));
  }
  return equal(left, right);
}

// Programs and memory of values that outlive the evaluation.
struct Kept {
  std::vector<Program> programs;
  std::vector<std::unique_ptr<Scratch>> scratches;
};

Value evaluate_plain(const std::string& expression, Kept& kept) {
  auto program = compile(expression, Schema());
  if (!program) {
    ADD_FAILURE() << expression << ": " << problem_text(program.error().front());
    return error_value(Fault::kBadText, 0);
  }
  kept.programs.push_back(std::move(*program));
  kept.scratches.push_back(std::make_unique<Scratch>());
  return evaluate(kept.programs.back(), {}, *kept.scratches.back());
}

void run(const Case& one) {
  SCOPED_TRACE(one.name + ": " + one.expression);
  Kept kept;
  kept.programs.reserve(64);
  Schema schema;
  std::vector<Value> input;
  for (const auto& [name, text] : one.input) {
    schema.add(name, Kind::kDyn);
    input.push_back(evaluate_plain(text, kept));
  }
  CompileOptions options;
  options.strict = one.checked;
  const auto program = compile(one.expression, schema, options);
  if (!program) {
    EXPECT_TRUE(one.expected.empty()) << problem_text(program.error().front());
    return;
  }
  Scratch scratch;
  const Value value = evaluate(*program, input, scratch);
  if (one.expected.empty()) {
    EXPECT_TRUE(value.is_error()) << kind_name(value.kind);
    return;
  }
  const Value expected = evaluate_plain(one.expected, kept);
  EXPECT_TRUE(identical(value, expected))
      << kind_name(value.kind) << (value.is_error() ? error_text(*program, value) : "");
}

class Conformance : public testing::TestWithParam<const char*> {};

TEST_P(Conformance, answers_as_the_specification_says) {
  const auto cases =
      read_cases(std::filesystem::path(PHOENIX_CORPUS) / (std::string(GetParam()) + ".txt"));
  ASSERT_GE(cases.size(), 5U);
  for (const Case& one : cases) run(one);
}

INSTANTIATE_TEST_SUITE_P(Cel, Conformance,
                         testing::Values("basic", "comparisons", "conversions", "fields", "fp_math",
                                         "integer_math", "lists", "logic", "macros", "namespace",
                                         "parse", "plumbing", "string", "timestamps"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace phoenix::cel
