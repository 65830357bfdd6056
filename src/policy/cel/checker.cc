#include "policy/cel/checker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>

#include "base/closest.h"
#include "policy/cel/functions.h"

namespace phoenix::cel {
namespace {

bool is_any(const Type& type) { return type.kind == Kind::kDyn; }
bool is_number(const Type& type) {
  return type.kind == Kind::kInt || type.kind == Kind::kUint || type.kind == Kind::kDouble;
}
bool may_be(const Type& type, Kind kind) { return is_any(type) || type.kind == kind; }

// Whether values of the two may be equal.
bool agree(const Type& left, const Type& right) {
  if (is_any(left) || is_any(right)) return true;
  if (is_number(left) && is_number(right)) return true;
  if (left.kind != right.kind) return false;
  if (left.kind == Kind::kMap && !agree(*left.key, *right.key)) return false;
  return left.element == nullptr || agree(*left.element, *right.element);
}

bool same(const Type& left, const Type& right) {
  if (left.kind != right.kind) return false;
  if (left.kind == Kind::kMap && !same(*left.key, *right.key)) return false;
  return left.element == nullptr || same(*left.element, *right.element);
}

// Of letters in either case.
size_t distance(std::string_view left, std::string_view right) {
  const auto lower = [](std::string_view word) {
    std::string letters(word);
    for (char& letter : letters) letter = static_cast<char>(letter | 0x20);
    return letters;
  };
  return edits_between(lower(left), lower(right));
}

std::string help_among(std::string_view word, const std::vector<std::string_view>& words) {
  if (words.empty()) return "there are none";
  const auto near = std::min_element(words.begin(), words.end(), [word](auto left, auto right) {
    return distance(word, left) < distance(word, right);
  });
  if (distance(word, *near) <= 1 + word.size() / 4) return fmt::format("did you mean `{}`?", *near);
  return fmt::format("there are {}", fmt::join(words, ", "));
}

class Checker {
 public:
  Checker(std::string_view text, Ast& ast, const Schema& schema, bool strict)
      : text_(text), ast_(ast), schema_(schema), strict_(strict) {}

  Checked run() {
    value(ast_.root);
    return std::move(checked_);
  }

 private:
  struct Local {
    std::string_view name;
    const Type* type;
  };

  void complain(uint32_t at, std::string what) {
    checked_.problems.push_back(problem_at(text_, at, std::move(what)));
  }
  // A fault of types, which evaluation would find too.
  void mismatch(uint32_t at, std::string what) {
    if (strict_) complain(at, std::move(what));
  }
  const Type& any() const { return plain_type(Kind::kDyn); }
  const Type& made(Type type) { return checked_.types.emplace_back(type); }

  // The type of a node that must be a value.
  const Type& value(NodeId id) {
    Node& node = ast_.nodes[id];
    node.type = &type_of(id);
    if (ast_.nodes[id].meaning == Meaning::kNamespace) {
      const std::string path = path_of(id);
      complain(node.at, fmt::format("`{}` is no value; name a field of it: {}", path,
                                    fmt::join(schema_.words_below(path), ", ")));
    }
    return *node.type;
  }

  const Type& type_of(NodeId id) {
    Node& node = ast_.nodes[id];
    switch (node.kind) {
      case NodeKind::kLiteral:
        return literal(node);
      case NodeKind::kName:
        return name(node);
      case NodeKind::kSelect:
      case NodeKind::kHas:
        return selection(node);
      case NodeKind::kIndex:
        return index(node);
      case NodeKind::kNot:
        require(node.args[0], Kind::kBool, "`!` takes a bool");
        return plain_type(Kind::kBool);
      case NodeKind::kNegate:
        return negation(node);
      case NodeKind::kBinary:
        return binary(node);
      case NodeKind::kConditional:
        return conditional(node);
      case NodeKind::kCall:
        return call_of(node);
      case NodeKind::kMacro:
        return macro(node);
      case NodeKind::kList:
        return list(node);
      case NodeKind::kMap:
        return map(node);
    }
    return any();
  }

  void require(NodeId id, Kind kind, std::string_view what) {
    const Type& type = value(id);
    if (!may_be(type, kind)) {
      mismatch(ast_.nodes[id].at, fmt::format("{}, not {}", what, type_text(type)));
    }
  }

  const Type& literal(const Node& node) {
    if (!node.value.is(Kind::kString) && !node.value.is(Kind::kBytes)) {
      return plain_type(node.value.kind);
    }
    return made({node.value.kind, nullptr, nullptr, node.value.size});
  }

  static std::optional<Kind> type_named(std::string_view name) {
    for (const Kind kind :
         {Kind::kBool, Kind::kInt, Kind::kUint, Kind::kDouble, Kind::kString, Kind::kBytes,
          Kind::kList, Kind::kMap, Kind::kType, Kind::kNull, Kind::kTimestamp, Kind::kDuration}) {
      if (kind_name(kind) == name) return kind;
    }
    return std::nullopt;
  }

  // What a dotted path of the input or a type stands for; false if it is neither.
  bool resolve(Node& node, std::string_view path) {
    if (const Schema::Field* field = schema_.find(path)) {
      node.meaning = Meaning::kSlot;
      node.index = field->slot;
      node.type = field->type;
    } else if (schema_.has_below(path) || path == "google" || path == "google.protobuf") {
      node.meaning = Meaning::kNamespace;
      node.type = &any();
    } else if (const auto kind = type_named(path)) {
      node.meaning = Meaning::kTypeName;
      node.value = type_value(*kind);
      node.type = &plain_type(Kind::kType);
    } else {
      return false;
    }
    return true;
  }

  const Type& name(Node& node) {
    for (size_t at = locals_.size(); at-- > 0;) {
      if (locals_[at].name != node.name) continue;
      node.meaning = Meaning::kLocal;
      node.index = static_cast<uint32_t>(at);
      return *locals_[at].type;
    }
    if (resolve(node, node.name)) return *node.type;
    if (!strict_) return unknown(node);
    complain(node.at, fmt::format("no name `{}`; {}", node.name,
                                  help_among(node.name, schema_.words_below(""))));
    return any();
  }

  const Type& unknown(Node& node) {
    node.meaning = Meaning::kUnknown;
    return any();
  }

  std::string path_of(NodeId id) const {
    const Node& node = ast_.nodes[id];
    if (node.kind == NodeKind::kName) return std::string(node.name);
    return path_of(node.args[0]) + "." + std::string(node.name);
  }

  const Type& selection(Node& node) {
    const NodeId of = node.args[0];
    const bool tests = node.kind == NodeKind::kHas;
    const NodeKind kind = ast_.nodes[of].kind;
    if (kind == NodeKind::kName || kind == NodeKind::kSelect) {
      ast_.nodes[of].type = &type_of(of);
      const Meaning meaning = ast_.nodes[of].meaning;
      if (meaning == Meaning::kNamespace) return field(node, path_of(of));
      // The longest name counts, where "a.b" and "a.b.c" are both fields.
      if (meaning == Meaning::kSlot && schema_.find(path_of(of) + "." + std::string(node.name))) {
        return field(node, path_of(of));
      }
    } else {
      value(of);
    }
    const Type& type = *ast_.nodes[of].type;
    if (!may_be(type, Kind::kMap) ||
        (type.kind == Kind::kMap && !may_be(*type.key, Kind::kString))) {
      mismatch(node.at, fmt::format("{} has no fields", type_text(type)));
      return any();
    }
    if (tests) return plain_type(Kind::kBool);
    return type.kind == Kind::kMap ? *type.element : any();
  }

  const Type& field(Node& node, const std::string& parent) {
    const bool tests = node.kind == NodeKind::kHas;
    if (!resolve(node, parent + "." + std::string(node.name))) {
      complain(node.at, fmt::format("no field `{}` in {}; {}", node.name, parent,
                                    help_among(node.name, schema_.words_below(parent))));
      return any();
    }
    if (!tests) return *node.type;
    if (node.meaning != Meaning::kSlot) complain(node.at, "has() asks for a field");
    node.meaning = Meaning::kSlot;
    return plain_type(Kind::kBool);
  }

  const Type& index(const Node& node) {
    const Type& of = value(node.args[0]);
    const Type& key = value(node.args[1]);
    if (of.kind == Kind::kList) {
      if (!is_any(key) && !is_number(key)) {
        mismatch(node.at, fmt::format("the index of a list is an int, not {}", type_text(key)));
      }
      return *of.element;
    }
    if (of.kind == Kind::kMap) {
      if (!agree(*of.key, key)) {
        mismatch(node.at, fmt::format("the keys of this map are {}, not {}", type_text(*of.key),
                                      type_text(key)));
      }
      return *of.element;
    }
    if (!is_any(of)) {
      mismatch(node.at, fmt::format("{} is neither list nor map: it has no [ ]", type_text(of)));
    }
    return any();
  }

  const Type& negation(const Node& node) {
    const Type& type = value(node.args[0]);
    if (!may_be(type, Kind::kInt) && type.kind != Kind::kDouble) {
      mismatch(node.at, fmt::format("`-` takes an int or double, not {}", type_text(type)));
    }
    return type;
  }

  const Type& conditional(const Node& node) {
    require(node.args[0], Kind::kBool, "the condition before `?` is a bool");
    const Type& yes = value(node.args[1]);
    const Type& no = value(node.args[2]);
    return join(yes, no);
  }

  // Of either; the larger bound of the two.
  const Type& join(const Type& left, const Type& right) {
    if (!same(left, right)) return any();
    return left.bound >= right.bound ? left : right;
  }

  const Type& binary(const Node& node) {
    if (node.op == Operator::kOr || node.op == Operator::kAnd) {
      const std::string what = fmt::format("`{}` takes bools", operator_text(node.op));
      require(node.args[0], Kind::kBool, what);
      require(node.args[1], Kind::kBool, what);
      return plain_type(Kind::kBool);
    }
    const Type& left = value(node.args[0]);
    const Type& right = value(node.args[1]);
    if (node.op <= Operator::kIn) {
      if (!relates(node.op, left, right)) refuse(node, left, right);
      return plain_type(Kind::kBool);
    }
    if (is_any(left) || is_any(right)) return any();
    const Type* result = arithmetic(node.op, left, right);
    if (result != nullptr) return *result;
    refuse(node, left, right);
    return any();
  }

  void refuse(const Node& node, const Type& left, const Type& right) {
    std::string help;
    if (is_number(left) && is_number(right)) {
      help = "; both must be of one type: write 1.0 or 1u, or convert by int(), uint(), double()";
    }
    if (node.op == Operator::kIn) help = "; on its right stands a list or a map";
    mismatch(node.at, fmt::format("`{}` does not take {} and {}{}", operator_text(node.op),
                                  type_text(left), type_text(right), help));
  }

  static bool relates(Operator op, const Type& left, const Type& right) {
    if (op == Operator::kIn) {
      if (right.kind == Kind::kList) return agree(left, *right.element);
      return right.kind == Kind::kMap ? agree(left, *right.key) : is_any(right);
    }
    if (!agree(left, right)) return false;
    if (op == Operator::kEqual || op == Operator::kNotEqual) return true;
    const auto ordered = [](const Type& type) {
      return is_any(type) || is_number(type) || type.kind == Kind::kBool ||
             type.kind == Kind::kString || type.kind == Kind::kBytes ||
             type.kind == Kind::kTimestamp || type.kind == Kind::kDuration;
    };
    return ordered(left) && ordered(right);
  }

  // Null if there is no such operation.
  const Type* arithmetic(Operator op, const Type& left, const Type& right) {
    const Kind l = left.kind;
    const Kind r = right.kind;
    const bool adds = op == Operator::kAdd;
    if (adds || op == Operator::kSubtract) {
      if (l == Kind::kTimestamp && r == Kind::kDuration) return &left;
      if (l == Kind::kDuration && r == Kind::kTimestamp && adds) return &right;
      if (l == Kind::kTimestamp && r == Kind::kTimestamp && !adds) {
        return &plain_type(Kind::kDuration);
      }
      if (l == Kind::kDuration && r == Kind::kDuration) return &left;
    }
    if (adds && l == r && (l == Kind::kString || l == Kind::kBytes || l == Kind::kList)) {
      Type sum = left;
      sum.bound = left.bound + std::min(right.bound, UINT32_MAX - left.bound);
      if (l == Kind::kList) sum.element = &join(*left.element, *right.element);
      return &made(sum);
    }
    if (l != r || !is_number(left)) return nullptr;
    return op == Operator::kModulo && l == Kind::kDouble ? nullptr : &left;
  }

  const Type& call_of(Node& node) {
    std::vector<const Type*> types;
    for (const NodeId arg : node.args) types.push_back(&value(arg));
    bool known = false;
    const Type* result = nullptr;
    for (const Overload& overload : overloads()) {
      if (overload.name != node.name) continue;
      known = true;
      if (overload.method != node.method || overload.args != types.size()) continue;
      if (overload.first != Kind::kDyn && !may_be(*types[0], overload.first)) continue;
      if (types.size() == 2 && !may_be(*types[1], overload.second)) continue;
      result = &plain_type(overload.result);
    }
    if (result != nullptr) return *result;
    if (!strict_ && !callable(node)) return unknown(node);
    if (!known) {
      complain(node.at,
               fmt::format("no function `{}`; {}", node.name, help_among(node.name, names())));
    } else if (strict_) {
      std::vector<std::string> shown;
      for (const Type* type : types) shown.push_back(type_text(*type));
      complain(node.at, fmt::format("`{}` does not take ({}); {}", node.name,
                                    fmt::join(shown, ", "), ways_to_call(node.name)));
    }
    return any();
  }

  // Whether the function exists in this form at all, whatever its types.
  static bool callable(const Node& node) {
    const auto all = overloads();
    return std::any_of(all.begin(), all.end(), [&node](const Overload& overload) {
      return overload.name == node.name && overload.method == node.method &&
             overload.args == node.args.size();
    });
  }

  static std::vector<std::string_view> names() {
    std::vector<std::string_view> words = {"has", "exists", "all", "exists_one"};
    for (const Overload& overload : overloads()) {
      if (std::find(words.begin(), words.end(), overload.name) == words.end()) {
        words.push_back(overload.name);
      }
    }
    return words;
  }

  static std::string ways_to_call(std::string_view name) {
    std::vector<std::string> ways;
    for (const Overload& overload : overloads()) {
      if (overload.name != name) continue;
      const std::string first =
          type_text({overload.first, &plain_type(Kind::kDyn), &plain_type(Kind::kDyn), 0});
      const std::string second =
          overload.args == 2 ? type_text({overload.second, nullptr, nullptr, 0}) : "";
      ways.push_back(overload.method ? fmt::format("{}.{}({})", first, name, second)
                                     : fmt::format("{}({}{}{})", name, first,
                                                   second.empty() ? "" : ", ", second));
    }
    return fmt::format("it is {}", fmt::join(ways, " or "));
  }

  const Type& macro(Node& node) {
    const Type& range = value(node.args[0]);
    const Type* item = &any();
    if (range.kind == Kind::kList) item = range.element;
    if (range.kind == Kind::kMap) item = range.key;
    if (range.kind != Kind::kList && range.kind != Kind::kMap && !is_any(range)) {
      mismatch(node.at, fmt::format("`{}` goes over a list or the keys of a map, not {}", node.name,
                                    type_text(range)));
    }
    node.index = static_cast<uint32_t>(locals_.size());
    locals_.push_back({node.variable, item});
    require(node.args[1], Kind::kBool, fmt::format("the condition of `{}` is a bool", node.name));
    locals_.pop_back();
    return plain_type(Kind::kBool);
  }

  const Type& list(const Node& node) {
    const Type* element = nullptr;
    for (const NodeId arg : node.args) {
      const Type& type = value(arg);
      element = element == nullptr ? &type : &join(*element, type);
    }
    return made({Kind::kList, nullptr, element == nullptr ? &any() : element,
                 static_cast<uint32_t>(node.args.size())});
  }

  const Type& map(const Node& node) {
    const Type* key = nullptr;
    const Type* element = nullptr;
    for (size_t at = 0; at < node.args.size(); at += 2) {
      const Type& one_key = value(node.args[at]);
      const Type& one = value(node.args[at + 1]);
      key = key == nullptr ? &one_key : &join(*key, one_key);
      element = element == nullptr ? &one : &join(*element, one);
    }
    return made({Kind::kMap, key == nullptr ? &any() : key, element == nullptr ? &any() : element,
                 static_cast<uint32_t>(node.args.size() / 2)});
  }

  std::string_view text_;
  Ast& ast_;
  const Schema& schema_;
  bool strict_;
  std::vector<Local> locals_;
  Checked checked_;
};

}  // namespace

Checked check(std::string_view text, Ast& ast, const Schema& schema, bool strict) {
  return Checker(text, ast, schema, strict).run();
}

}  // namespace phoenix::cel
