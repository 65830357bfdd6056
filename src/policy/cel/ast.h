// An expression as a tree: nodes in one array, named by their index in it, children before parents.
// The checker leaves in each node what it found out.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "policy/cel/value.h"

namespace phoenix::cel {

struct Type;

using NodeId = uint32_t;
inline constexpr NodeId kNoNode = UINT32_MAX;

enum class NodeKind : uint8_t {
  kLiteral,      // value
  kName,         // name
  kSelect,       // args[0] . name
  kHas,          // has(args[0] . name)
  kIndex,        // args[0] [args[1]]
  kNot,          // !args[0]
  kNegate,       // -args[0]
  kBinary,       // args[0] op args[1]
  kConditional,  // args[0] ? args[1] : args[2]
  kCall,         // name(args…), or args[0].name(args…) if `method`
  kMacro,        // args[0].name(variable, args[1]): exists, all, exists_one
  kList,         // [args…]
  kMap,          // {args[0]: args[1], …}
};

enum class Operator : uint8_t {
  kOr,
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
};
std::string_view operator_text(Operator op);

// What a name stands for.
enum class Meaning : uint8_t {
  kNothing,    // not a name, or not known
  kSlot,       // a field of the input: `index`
  kLocal,      // the variable of a macro: `index`, counted from the outermost
  kTypeName,   // int, string, …: value
  kUnknown,    // a name that nobody knows, left for the evaluation to refuse
  kNamespace,  // the first words of fields of the input, which is no value
};

struct Node {
  NodeKind kind = NodeKind::kLiteral;
  Operator op = Operator::kOr;
  bool method = false;
  uint32_t at = 0;  // where it is complained about: an operator, a name, a literal
  uint32_t depth = 1;
  Value value{};
  std::string_view name{};
  std::string_view variable{};
  std::vector<NodeId> args{};

  // Of the checker.
  const Type* type = nullptr;
  Meaning meaning = Meaning::kNothing;
  uint32_t index = 0;
};

struct Ast {
  std::vector<Node> nodes;
  NodeId root = kNoNode;
  std::deque<std::string> texts;  // what literals and names point to

  std::string_view keep(std::string text) { return texts.emplace_back(std::move(text)); }
};

// A fault of an expression: where, and what would be right.
struct Problem {
  uint32_t at = 0;      // in bytes from the start of the expression
  uint32_t line = 1;    // from 1
  uint32_t column = 1;  // from 1, in code points
  std::string what;     // "no field `trust` in member; there are id, trustScore"

  bool operator==(const Problem&) const = default;
};
Problem problem_at(std::string_view text, uint32_t at, std::string what);
// "1:14: no field …".
std::string problem_text(const Problem& problem);

}  // namespace phoenix::cel
