// A compiled expression: a flat list of instructions for a machine with a stack, its constants and
// what is known of it before it runs. Immutable, so any number of threads may run one, each with a
// Scratch of its own.
//
//   Schema schema;  schema.add("member.trustScore", Kind::kDouble);
//   const auto program = compile("member.trustScore >= 0.8", schema);
//   const Value input[] = {double_value(0.92)};
//   Scratch scratch;
//   evaluate(*program, input, scratch);  // true
//
// Evaluation is total: it always ends, within a number of steps that was stated when the expression
// was compiled or by an error of kTooCostly, and it has no effect and no source of chance.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "policy/cel/ast.h"
#include "policy/cel/regex.h"
#include "policy/cel/schema.h"
#include "policy/cel/value.h"

namespace phoenix::cel {

// The most steps that an expression may take, roughly instructions; a millisecond or so.
inline constexpr uint64_t kMostCost = 100'000;
// How many macros may stand within each other.
inline constexpr uint32_t kMostLoops = 8;

enum class Op : uint8_t {
  kConstant,  // push constants[operand]
  kSlot,      // push input[operand]
  kLocal,     // push the variable of loop `operand`
  kSelect,    // pop a map, push its value of key constants[operand]
  kHas,       // pop a map, push whether it has that key
  kHasSlot,   // push whether input[operand] is there
  kIndex,     // pop key and value, push value[key]
  kNot,
  kNegate,
  kOr,  // pop two, push the disjunction that absorbs errors
  kAnd,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kCall,        // pop `count` arguments, push the result of function `operand`
  kMatches,     // pop a text, push whether regexes[operand] matches it
  kList,        // pop `operand` items, push the list
  kMap,         // pop `operand` pairs, push the map
  kJump,        // go on at `operand`
  kJumpIfTrue,  // go on at `operand` if the top is true, which stays
  kJumpIfFalse,
  kBranch,  // pop a condition; false: go on at `operand`; no bool: push an error and go on at
            // the jump before it
  kLoop,    // pop what to go over, push the start of the macro `count`; loop number `loop`;
            // an error: push that and go on at `operand`
  kNext,    // the next item, or go on at `operand`
  kExists,  // pop the condition of one item into the result below; go on at `operand` if that
  kAll,     // settles it
  kExistsOne,
  kOne,  // turn the number that kExistsOne counted into a bool
};

struct Instruction {
  Op op = Op::kConstant;
  uint8_t loop = 0;
  uint16_t count = 0;
  uint32_t operand = 0;
  uint32_t at = 0;  // of errors
};

struct Program {
  std::string text;
  std::vector<Instruction> code;
  std::vector<Value> constants;
  std::vector<Regex> regexes;
  std::vector<uint16_t> slots;  // of the input that it reads, ascending, each once
  uint32_t stack = 0;  // the most values that it keeps at once, variables of loops included
  uint32_t loops = 0;
  uint64_t cost = 0;  // the most steps, if no value is larger than its type says
  Kind result = Kind::kDyn;

  // What constants point to.
  std::deque<std::string> texts;
  std::unique_ptr<Scratch> memory;
};

struct CompileOptions {
  // What the result must be; kDyn: anything. Conditions are bools.
  Kind result = Kind::kDyn;
  // Whether operators on types that they never take are faults now, or errors when it runs.
  bool strict = true;
};
tl::expected<Program, std::vector<Problem>> compile(std::string_view text, const Schema& schema,
                                                    const CompileOptions& options = {});

// `input` has a value for each slot of the schema. The result may point into the input, the program
// and the scratch, which is cleared first.
Value evaluate(const Program& program, std::span<const Value> input, Scratch& scratch);

// "1:8: the map has no such key", of an error that an evaluation of the program answered.
std::string error_text(const Program& program, const Value& error);

}  // namespace phoenix::cel
