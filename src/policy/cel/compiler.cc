#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "policy/cel/checker.h"
#include "policy/cel/functions.h"
#include "policy/cel/parser.h"
#include "policy/cel/program.h"

namespace phoenix::cel {
namespace {

// Steps that a text or list of that type costs beyond the one of its instruction.
uint64_t weight(const Type& type, int depth = 0) {
  switch (type.kind) {
    case Kind::kString:
    case Kind::kBytes:
      return type.bound / 64;
    case Kind::kList:
    case Kind::kMap:
      return depth > 4 ? kMostCost : type.bound * (1 + weight(*type.element, depth + 1));
    case Kind::kDyn:
      return kUnknownItems;
    default:
      return 0;
  }
}

class Compiler {
 public:
  Compiler(std::string_view text, Ast ast, bool strict) : ast_(std::move(ast)), strict_(strict) {
    program_.text = text;
    program_.memory = std::make_unique<Scratch>();
  }

  tl::expected<Program, std::vector<Problem>> run() {
    program_.cost = emit(ast_.root);
    program_.result = node(ast_.root).type->kind;
    program_.stack = most_ + program_.loops;
    if (program_.cost > kMostCost) {
      complain(
          node(ast_.root).at,
          fmt::format("this may take {} steps, at most {} are allowed; go over fewer or shorter "
                      "lists",
                      program_.cost, kMostCost));
    }
    if (!problems_.empty()) return tl::unexpected(std::move(problems_));
    std::sort(program_.slots.begin(), program_.slots.end());
    program_.slots.erase(std::unique(program_.slots.begin(), program_.slots.end()),
                         program_.slots.end());
    program_.texts = std::move(ast_.texts);
    return std::move(program_);
  }

 private:
  const Node& node(NodeId id) const { return ast_.nodes[id]; }
  void complain(uint32_t at, std::string what) {
    problems_.push_back(problem_at(program_.text, at, std::move(what)));
  }

  // Appends an instruction that leaves `change` more values on the stack.
  size_t add(Op op, size_t operand, uint32_t at, int change) {
    program_.code.push_back({op, 0, 0, static_cast<uint32_t>(operand), at});
    height_ = static_cast<uint32_t>(static_cast<int64_t>(height_) + change);
    most_ = std::max(most_, height_);
    return program_.code.size() - 1;
  }
  void land(size_t jump) {
    program_.code[jump].operand = static_cast<uint32_t>(program_.code.size());
  }
  size_t constant(const Value& value) {
    program_.constants.push_back(value);
    return program_.constants.size() - 1;
  }

  // The value of a node that is the same each time; nothing if it is not, or is an error.
  std::optional<Value> folded(NodeId id) {
    const Node& of = node(id);
    if (of.kind == NodeKind::kLiteral || of.meaning == Meaning::kTypeName) return of.value;
    const bool converts = of.kind == NodeKind::kCall && !of.method && of.args.size() == 1 &&
                          (of.name == "timestamp" || of.name == "duration");
    if (of.kind != NodeKind::kList && of.kind != NodeKind::kMap && !converts) return std::nullopt;
    std::vector<Value> args;
    for (const NodeId arg : of.args) {
      const auto value = folded(arg);
      if (!value) return std::nullopt;
      args.push_back(*value);
    }
    Value made;
    if (of.kind == NodeKind::kList) {
      made = make_list(args.data(), args.size(), *program_.memory, of.at);
    } else if (of.kind == NodeKind::kMap) {
      std::vector<Entry> entries;
      for (size_t at = 0; at < args.size(); at += 2) entries.push_back({args[at], args[at + 1]});
      made = make_map(entries.data(), entries.size(), *program_.memory, of.at);
    } else {
      made = call(of.name == "timestamp" ? Function::kToTimestamp : Function::kToDuration,
                  args.data(), 1, *program_.memory, of.at);
      if (made.is_error() && made.fault != Fault::kNoOverload) wrong_time(of);
    }
    if (made.is_error()) return std::nullopt;
    return made;
  }

  void wrong_time(const Node& of) {
    if (!strict_) return;
    const std::string how =
        of.name == "timestamp" ? "\"2026-11-28T21:45:00Z\"" : "\"1h30m\" or \"90s\"";
    complain(node(of.args[0]).at, fmt::format("this is no {}; write {}", of.name, how));
  }

  // Each answers the most steps that what it emitted takes.
  uint64_t emit(NodeId id) {
    const Node& of = node(id);
    if (of.meaning == Meaning::kUnknown) {
      add(Op::kConstant, constant(error_value(Fault::kUnknownName, of.at)), of.at, 1);
      return 1;
    }
    if (const auto value = folded(id)) {
      add(Op::kConstant, constant(*value), of.at, 1);
      return 1;
    }
    switch (of.kind) {
      case NodeKind::kLiteral:
        return 1;
      case NodeKind::kName:
        return name(of);
      case NodeKind::kSelect:
      case NodeKind::kHas:
        return selection(of);
      case NodeKind::kIndex:
        return plain(of, Op::kIndex) + 8;
      case NodeKind::kNot:
        return plain(of, Op::kNot);
      case NodeKind::kNegate:
        return plain(of, Op::kNegate);
      case NodeKind::kBinary:
        return binary(of);
      case NodeKind::kConditional:
        return conditional(of);
      case NodeKind::kCall:
        return call_of(of);
      case NodeKind::kMacro:
        return macro(of);
      case NodeKind::kList:
        return collection(of, Op::kList, of.args.size());
      case NodeKind::kMap:
        return collection(of, Op::kMap, of.args.size() / 2);
    }
    return 0;
  }

  // The operands, then one instruction that leaves one value for all of them.
  uint64_t plain(const Node& of, Op op) {
    uint64_t cost = 1;
    for (const NodeId arg : of.args) cost += emit(arg);
    add(op, 0, of.at, 1 - static_cast<int>(of.args.size()));
    return cost;
  }

  uint64_t collection(const Node& of, Op op, size_t count) {
    uint64_t cost = 1 + of.args.size();
    for (const NodeId arg : of.args) cost += emit(arg);
    // Keys are compared with each other.
    if (op == Op::kMap) cost += count * count;
    add(op, count, of.at, 1 - static_cast<int>(of.args.size()));
    return cost;
  }

  uint64_t read_slot(const Node& of, Op op) {
    program_.slots.push_back(static_cast<uint16_t>(of.index));
    add(op, of.index, of.at, 1);
    return 1;
  }

  uint64_t name(const Node& of) {
    if (of.meaning == Meaning::kSlot) return read_slot(of, Op::kSlot);
    add(Op::kLocal, of.index, of.at, 1);
    return 1;
  }

  uint64_t selection(const Node& of) {
    const bool tests = of.kind == NodeKind::kHas;
    if (of.meaning == Meaning::kSlot) return read_slot(of, tests ? Op::kHasSlot : Op::kSlot);
    const uint64_t cost = emit(of.args[0]);
    add(tests ? Op::kHas : Op::kSelect, constant(string_value(of.name)), of.at, 0);
    return cost + 8;
  }

  uint64_t binary(const Node& of) {
    if (of.op == Operator::kOr || of.op == Operator::kAnd) {
      const bool is_or = of.op == Operator::kOr;
      uint64_t cost = emit(of.args[0]);
      const size_t jump = add(is_or ? Op::kJumpIfTrue : Op::kJumpIfFalse, 0, of.at, 0);
      cost += emit(of.args[1]);
      add(is_or ? Op::kOr : Op::kAnd, 0, of.at, -1);
      land(jump);
      return cost + 2;
    }
    static constexpr Op kOps[] = {Op::kOr,     Op::kAnd,       Op::kEqual,    Op::kNotEqual,
                                  Op::kLess,   Op::kLessEqual, Op::kGreater,  Op::kGreaterEqual,
                                  Op::kIn,     Op::kAdd,       Op::kSubtract, Op::kMultiply,
                                  Op::kDivide, Op::kModulo};
    const Type& left = *node(of.args[0]).type;
    const Type& right = *node(of.args[1]).type;
    uint64_t own = 0;
    if (of.op == Operator::kIn) {
      own = right.kind == Kind::kMap ? 8 : weight(right);
    } else if (of.op == Operator::kAdd) {
      own = weight(left) + weight(right);
    } else if (of.op < Operator::kIn) {
      own = std::min(weight(left), weight(right));
    }
    return plain(of, kOps[static_cast<size_t>(of.op)]) + own;
  }

  uint64_t conditional(const Node& of) {
    const uint64_t condition = emit(of.args[0]);
    const size_t branch = add(Op::kBranch, 0, of.at, -1);
    const uint64_t yes = emit(of.args[1]);
    const size_t end = add(Op::kJump, 0, of.at, -1);
    land(branch);
    const uint64_t no = emit(of.args[2]);
    land(end);
    return condition + std::max(yes, no) + 2;
  }

  uint64_t call_of(const Node& of) {
    uint64_t cost = 1;
    uint64_t own = 0;
    for (const NodeId arg : of.args) {
      const Type& type = *node(arg).type;
      // Only texts are read; the size of a list is known.
      if (type.kind != Kind::kList && type.kind != Kind::kMap) own += weight(type);
    }
    if (of.name == "matches") return matches(of) + 16 * own;
    if (of.name == "dyn") return emit(of.args[0]);
    for (const NodeId arg : of.args) cost += emit(arg);
    const auto all = overloads();
    const auto found = std::find_if(all.begin(), all.end(), [&of](const Overload& one) {
      return one.name == of.name && one.method == of.method;
    });
    const size_t at = add(Op::kCall, static_cast<size_t>(found->function), of.at,
                          1 - static_cast<int>(of.args.size()));
    program_.code[at].count = static_cast<uint16_t>(of.args.size());
    return cost + own + 16;
  }

  uint64_t matches(const Node& of) {
    const uint64_t cost = emit(of.args[0]);
    const Node& pattern = node(of.args[1]);
    if (pattern.kind != NodeKind::kLiteral || !pattern.value.is(Kind::kString)) {
      complain(pattern.at,
               "the pattern of matches() is a string written here, so that it is "
               "compiled once");
      return cost;
    }
    auto regex = Regex::compile(pattern.value.view());
    if (!regex) {
      complain(pattern.at, fmt::format("no such pattern (RE2): {}", regex.error()));
      return cost;
    }
    program_.regexes.push_back(std::move(*regex));
    add(Op::kMatches, program_.regexes.size() - 1, of.at, 0);
    return cost + 1;
  }

  uint64_t macro(const Node& of) {
    const uint64_t range = emit(of.args[0]);
    if (of.index >= kMostLoops) {
      complain(of.at, fmt::format("macros within macros: at most {}", kMostLoops));
      return range;
    }
    program_.loops = std::max(program_.loops, of.index + 1);
    Op step = Op::kExists;
    if (of.name == "all") step = Op::kAll;
    if (of.name == "exists_one" || of.name == "existsOne") step = Op::kExistsOne;
    const size_t loop = add(Op::kLoop, 0, of.at, 0);
    program_.code[loop].count = static_cast<uint16_t>(step);
    const size_t next = add(Op::kNext, 0, of.at, 0);
    const uint64_t body = emit(of.args[1]);
    const size_t fold = add(step, 0, of.at, -1);
    add(Op::kJump, next, of.at, 0);
    for (const size_t at : {loop, next, fold}) {
      land(at);
      program_.code[at].loop = static_cast<uint8_t>(of.index);
    }
    if (step == Op::kExistsOne) add(Op::kOne, 0, of.at, 0);
    return range + 4 + (body + 3) * node(of.args[0]).type->bound;
  }

  Ast ast_;
  bool strict_;
  Program program_;
  std::vector<Problem> problems_;
  uint32_t height_ = 0;
  uint32_t most_ = 0;
};

}  // namespace

tl::expected<Program, std::vector<Problem>> compile(std::string_view text, const Schema& schema,
                                                    const CompileOptions& options) {
  Parsed parsed = parse(text);
  if (!parsed.problems.empty()) return tl::unexpected(std::move(parsed.problems));
  Checked checked = check(text, parsed.ast, schema, options.strict);
  if (!checked.problems.empty()) return tl::unexpected(std::move(checked.problems));
  const Node& root = parsed.ast.nodes[parsed.ast.root];
  if (options.result != Kind::kDyn && root.type->kind != Kind::kDyn &&
      root.type->kind != options.result) {
    return tl::unexpected(std::vector<Problem>{
        problem_at(text, root.at,
                   fmt::format("the result is to be {}, and this is {}", kind_name(options.result),
                               type_text(*root.type)))});
  }
  return Compiler(text, std::move(parsed.ast), options.strict).run();
}

std::string error_text(const Program& program, const Value& error) {
  return problem_text(problem_at(program.text, error.size, std::string(fault_text(error.fault))));
}

}  // namespace phoenix::cel
