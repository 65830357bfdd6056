// The machine that runs programs. Errors are values: an operator whose operand is one answers it.
#include <algorithm>
#include <array>

#include "policy/cel/functions.h"
#include "policy/cel/program.h"

namespace phoenix::cel {
namespace {

struct Loop {
  const Value* next = nullptr;
  const Value* end = nullptr;
  size_t stride = 1;  // in values: 1 of lists, 2 of maps, of which the keys are gone over
  Value item;
};
static_assert(sizeof(Entry) == 2 * sizeof(Value));

Value either(const Value& left, const Value& right, bool settles, uint32_t at) {
  if ((left.is(Kind::kBool) && left.boolean == settles) ||
      (right.is(Kind::kBool) && right.boolean == settles)) {
    return bool_value(settles);
  }
  if (left.is_error()) return left;
  if (right.is_error()) return right;
  if (!left.is(Kind::kBool) || !right.is(Kind::kBool)) return error_value(Fault::kNoOverload, at);
  return bool_value(!settles);
}

class Machine {
 public:
  Machine(const Program& program, std::span<const Value> input, Scratch& scratch)
      : program_(program), input_(input), scratch_(scratch) {
    scratch.clear();
    if (scratch.stack.size() < program.stack + 1) scratch.stack.resize(program.stack + 1);
    top_ = scratch.stack.data();
  }

  Value run() {
    const Instruction* const code = program_.code.data();
    const size_t end = program_.code.size();
    for (size_t at = 0; at < end;) {
      const Instruction& step = code[at++];
      switch (step.op) {
        case Op::kConstant:
          push(program_.constants[step.operand]);
          break;
        case Op::kSlot:
          read(step);
          break;
        case Op::kLocal:
          push(loops_[step.operand].item);
          break;
        case Op::kHasSlot:
          push(bool_value(!input_[step.operand].is(Kind::kAbsent)));
          break;
        case Op::kNot:
        case Op::kNegate:
        case Op::kSelect:
        case Op::kHas:
        case Op::kMatches:
          top_[-1] = unary(step, top_[-1]);
          break;
        case Op::kJump:
          at = step.operand;
          break;
        case Op::kJumpIfTrue:
          if (top_[-1].is_true()) at = step.operand;
          break;
        case Op::kJumpIfFalse:
          if (top_[-1].is_false()) at = step.operand;
          break;
        case Op::kBranch:
          at = branch(step, at);
          break;
        case Op::kCall:
          call_function(step);
          break;
        case Op::kList:
        case Op::kMap:
          collect(step);
          break;
        case Op::kLoop:
          at = start(step, at);
          break;
        case Op::kNext:
          at = next(step, at);
          break;
        case Op::kExists:
        case Op::kAll:
        case Op::kExistsOne:
          at = fold(step, at);
          break;
        case Op::kOne:
          if (top_[-1].is(Kind::kInt)) top_[-1] = bool_value(top_[-1].integer == 1);
          break;
        default: {
          --top_;
          top_[-1] = binary(step, top_[-1], *top_);
          break;
        }
      }
      if (spent_) return error_value(Fault::kTooCostly, step.at);
    }
    return top_[-1];
  }

 private:
  void push(const Value& value) { *top_++ = value; }

  void charge(uint64_t steps) {
    if (steps >= budget_) spent_ = true;
    budget_ -= steps;
  }

  void read(const Instruction& step) {
    const Value& value = input_[step.operand];
    push(value.is(Kind::kAbsent) ? error_value(Fault::kNoSuchField, step.at) : value);
  }

  Value unary(const Instruction& step, const Value& value) {
    if (value.is_error()) return value;
    switch (step.op) {
      case Op::kNot:
        return value.is(Kind::kBool) ? bool_value(!value.boolean)
                                     : error_value(Fault::kNoOverload, step.at);
      case Op::kNegate:
        return negate(value, step.at);
      case Op::kMatches:
        if (!value.is(Kind::kString)) return error_value(Fault::kNoOverload, step.at);
        charge(value.size / 4);
        return bool_value(program_.regexes[step.operand].matches(value.view()));
      default:
        break;
    }
    if (!value.is(Kind::kMap)) return error_value(Fault::kNoOverload, step.at);
    const Value* found = find(*value.map, program_.constants[step.operand]);
    if (step.op == Op::kHas) return bool_value(found != nullptr);
    return found == nullptr ? error_value(Fault::kNoSuchKey, step.at) : *found;
  }

  // What comparing or joining a value costs beyond the step itself.
  static uint64_t size_cost(const Value& value) {
    switch (value.kind) {
      case Kind::kString:
      case Kind::kBytes:
        return value.size / 64;
      case Kind::kList:
        return sum_cost(value.list->items, value.list->count);
      case Kind::kMap:
        return sum_cost(&value.map->entries->key, size_t{value.map->count} * 2);
      default:
        return 0;
    }
  }
  static uint64_t sum_cost(const Value* items, size_t count) {
    uint64_t cost = count;
    for (size_t at = 0; at < count; ++at) cost += size_cost(items[at]);
    return cost;
  }

  Value binary(const Instruction& step, const Value& left, const Value& right) {
    if (step.op == Op::kOr) return either(left, right, true, step.at);
    if (step.op == Op::kAnd) return either(left, right, false, step.at);
    if (left.is_error()) return left;
    if (right.is_error()) return right;
    switch (step.op) {
      case Op::kIndex:
        return element(left, right, step.at);
      case Op::kEqual:
      case Op::kNotEqual:
        charge(std::min(size_cost(left), size_cost(right)));
        return bool_value(equal(left, right) == (step.op == Op::kEqual));
      case Op::kLess:
      case Op::kLessEqual:
      case Op::kGreater:
      case Op::kGreaterEqual:
        return ordered(step, left, right);
      case Op::kIn:
        return within(left, right, step.at);
      case Op::kAdd:
        charge(size_cost(left) + size_cost(right));
        return add(left, right, scratch_, step.at);
      case Op::kSubtract:
        return subtract(left, right, step.at);
      case Op::kMultiply:
        return multiply(left, right, step.at);
      case Op::kDivide:
        return divide(left, right, step.at);
      case Op::kModulo:
        return modulo(left, right, step.at);
      default:
        return error_value(Fault::kNoOverload, step.at);
    }
  }

  static Value ordered(const Instruction& step, const Value& left, const Value& right) {
    const Order order = compare(left, right);
    if (order == Order::kNone) {
      // Nothing is less or more than NaN.
      return comparable(left, right) ? bool_value(false) : error_value(Fault::kNoOverload, step.at);
    }
    switch (step.op) {
      case Op::kLess:
        return bool_value(order == Order::kLess);
      case Op::kLessEqual:
        return bool_value(order != Order::kGreater);
      case Op::kGreater:
        return bool_value(order == Order::kGreater);
      default:
        return bool_value(order != Order::kLess);
    }
  }

  Value within(const Value& value, const Value& in, uint32_t at) {
    if (in.is(Kind::kMap)) return bool_value(find(*in.map, value) != nullptr);
    if (!in.is(Kind::kList)) return error_value(Fault::kNoOverload, at);
    const List& list = *in.list;
    charge(list.count * (1 + size_cost(value)));
    for (uint32_t index = 0; index < list.count; ++index) {
      if (equal(value, list.items[index])) return bool_value(true);
    }
    return bool_value(false);
  }

  static Value element(const Value& of, const Value& key, uint32_t at) {
    if (of.is(Kind::kMap)) {
      const Kind kind = key.kind;
      if (kind != Kind::kString && kind != Kind::kInt && kind != Kind::kUint &&
          kind != Kind::kBool && kind != Kind::kDouble) {
        return error_value(Fault::kBadKey, at);
      }
      const Value* found = find(*of.map, key);
      return found == nullptr ? error_value(Fault::kNoSuchKey, at) : *found;
    }
    if (!of.is(Kind::kList)) return error_value(Fault::kNoOverload, at);
    if (!key.is(Kind::kInt) && !key.is(Kind::kUint) && !key.is(Kind::kDouble)) {
      return error_value(Fault::kNoOverload, at);
    }
    const Value zero = int_value(0);
    const Value count = int_value(of.list->count);
    const Order low = compare(key, zero);
    if (low == Order::kNone || low == Order::kLess || compare(key, count) != Order::kLess) {
      return error_value(Fault::kOutOfRange, at);
    }
    const auto index = key.is(Kind::kDouble) ? static_cast<uint32_t>(key.real)
                                             : static_cast<uint32_t>(key.natural);
    // 0.5 is the index of nothing.
    if (key.is(Kind::kDouble) && static_cast<double>(index) != key.real) {
      return error_value(Fault::kNoOverload, at);
    }
    return of.list->items[index];
  }

  size_t branch(const Instruction& step, size_t at) {
    const Value condition = *--top_;
    if (condition.is_true()) return at;
    if (condition.is_false()) return step.operand;
    push(condition.is_error() ? condition : error_value(Fault::kNotBool, step.at));
    return step.operand - 1;
  }

  void call_function(const Instruction& step) {
    top_ -= step.count;
    if (top_[0].is(Kind::kString) || top_[0].is(Kind::kBytes)) charge(size_cost(top_[0]));
    *top_ = call(static_cast<Function>(step.operand), top_, step.count, scratch_, step.at);
    ++top_;
  }

  void collect(const Instruction& step) {
    const size_t values = step.op == Op::kMap ? size_t{step.operand} * 2 : step.operand;
    top_ -= values;
    for (size_t at = 0; at < values; ++at) {
      if (!top_[at].is_error()) continue;
      *top_ = top_[at];
      ++top_;
      return;
    }
    if (step.op == Op::kList) {
      *top_ = make_list(top_, values, scratch_, step.at);
    } else {
      charge(uint64_t{step.operand} * step.operand);
      std::vector<Entry> entries;
      for (size_t at = 0; at < values; at += 2) entries.push_back({top_[at], top_[at + 1]});
      *top_ = make_map(entries.data(), entries.size(), scratch_, step.at);
    }
    ++top_;
  }

  size_t start(const Instruction& step, size_t at) {
    const Value range = *--top_;
    Loop& loop = loops_[step.loop];
    if (range.is(Kind::kList)) {
      loop = {range.list->items, range.list->items + range.list->count, 1, {}};
    } else if (range.is(Kind::kMap)) {
      const Value* first = range.map->count > 0 ? &range.map->entries->key : nullptr;
      loop = {first, first + size_t{range.map->count} * 2, 2, {}};
    } else {
      push(range.is_error() ? range : error_value(Fault::kNoOverload, step.at));
      return step.operand;
    }
    const auto macro = static_cast<Op>(step.count);
    push(macro == Op::kExistsOne ? int_value(0) : bool_value(macro == Op::kAll));
    return at;
  }

  size_t next(const Instruction& step, size_t at) {
    Loop& loop = loops_[step.loop];
    if (loop.next == loop.end) return step.operand;
    charge(step.operand - at + 1);
    loop.item = *loop.next;
    loop.next += loop.stride;
    return at;
  }

  // Folds the condition of one item into the result below it.
  size_t fold(const Instruction& step, size_t at) {
    const Value condition = *--top_;
    Value& result = top_[-1];
    if (step.op != Op::kExistsOne) {
      const bool settles = step.op == Op::kExists;
      result = either(result, condition, settles, step.at);
      return result.is(Kind::kBool) && result.boolean == settles ? step.operand : at;
    }
    if (condition.is(Kind::kBool)) {
      result.integer += condition.boolean ? 1 : 0;
      return at;
    }
    result = condition.is_error() ? condition : error_value(Fault::kNotBool, step.at);
    return step.operand;
  }

  const Program& program_;
  std::span<const Value> input_;
  Scratch& scratch_;
  Value* top_ = nullptr;
  uint64_t budget_ = kMostCost;
  bool spent_ = false;
  std::array<Loop, kMostLoops> loops_;
};

}  // namespace

Value evaluate(const Program& program, std::span<const Value> input, Scratch& scratch) {
  return Machine(program, input, scratch).run();
}

}  // namespace phoenix::cel
