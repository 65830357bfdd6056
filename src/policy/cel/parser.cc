#include "policy/cel/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "policy/cel/lexer.h"

namespace phoenix::cel {
namespace {

constexpr std::array<std::string_view, 24> kReserved = {
    "as",     "break",  "const", "continue", "else",  "false", "for",     "function",
    "if",     "import", "in",    "let",      "loop",  "null",  "package", "namespace",
    "return", "true",   "var",   "void",     "while", "not",   "and",     "or"};

bool is_reserved(std::string_view word) {
  return std::find(kReserved.begin(), kReserved.end(), word) != kReserved.end();
}

struct Level {
  std::string_view sign;
  Operator op;
};
constexpr std::array<Level, 7> kRelations = {{{"==", Operator::kEqual},
                                              {"!=", Operator::kNotEqual},
                                              {"<=", Operator::kLessEqual},
                                              {">=", Operator::kGreaterEqual},
                                              {"<", Operator::kLess},
                                              {">", Operator::kGreater},
                                              {"in", Operator::kIn}}};
constexpr std::array<Level, 2> kSums = {{{"+", Operator::kAdd}, {"-", Operator::kSubtract}}};
constexpr std::array<Level, 3> kProducts = {
    {{"*", Operator::kMultiply}, {"/", Operator::kDivide}, {"%", Operator::kModulo}}};
constexpr std::array<Level, 2> kOrs = {{{"||", Operator::kOr}, {"or", Operator::kOr}}};
constexpr std::array<Level, 2> kAnds = {{{"&&", Operator::kAnd}, {"and", Operator::kAnd}}};

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens)
      : text_(text), tokens_(std::move(tokens)) {}

  Parsed run() {
    const auto root = expression();
    if (root && token().kind != TokenKind::kEnd) {
      complain(token().at, fmt::format("{} cannot follow here; the expression should end, or go on "
                                       "with an operator",
                                       shown(token())));
    }
    if (parsed_.problems.empty()) parsed_.ast.root = *root;
    return std::move(parsed_);
  }

 private:
  using Made = std::optional<NodeId>;

  const Token& token(size_t ahead = 0) const {
    return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
  }
  bool sees(std::string_view sign) const {
    return (token().kind == TokenKind::kSign || token().kind == TokenKind::kName) &&
           token().text == sign;
  }
  bool take(std::string_view sign) {
    if (!sees(sign)) return false;
    ++next_;
    return true;
  }

  static std::string shown(const Token& token) {
    switch (token.kind) {
      case TokenKind::kEnd:
        return "the end";
      case TokenKind::kString:
        return "a string";
      case TokenKind::kBytes:
        return "bytes";
      default:
        return fmt::format("`{}`", token.text);
    }
  }

  std::nullopt_t complain(uint32_t at, std::string what) {
    if (parsed_.problems.empty()) {
      parsed_.problems.push_back(problem_at(text_, at, std::move(what)));
    }
    return std::nullopt;
  }
  std::nullopt_t expected(std::string_view what) {
    return complain(token().at, fmt::format("{} where {} is expected", shown(token()), what));
  }

  Made add(Node node) {
    for (const NodeId arg : node.args) {
      node.depth = std::max(node.depth, parsed_.ast.nodes[arg].depth + 1);
    }
    if (node.depth > kMostDepth) {
      return complain(node.at, fmt::format("nested or chained more than {} deep; split it into "
                                           "several rules",
                                           kMostDepth));
    }
    parsed_.ast.nodes.push_back(std::move(node));
    return static_cast<NodeId>(parsed_.ast.nodes.size() - 1);
  }
  Made literal(uint32_t at, Value value) {
    Node node;
    node.at = at;
    node.value = value;
    return add(std::move(node));
  }
  Made unary(NodeKind kind, uint32_t at, NodeId operand) {
    Node node;
    node.kind = kind;
    node.at = at;
    node.args = {operand};
    return add(std::move(node));
  }

  // Guards the recursion of the parser itself: trees are built from the leaves, so their depth is
  // known too late for it.
  struct Descent {
    explicit Descent(uint32_t& of) : depth(of) { ++depth; }
    ~Descent() { --depth; }
    Descent(const Descent&) = delete;
    Descent& operator=(const Descent&) = delete;
    uint32_t& depth;
  };

  Made expression() {
    const Descent descent(depth_);
    if (depth_ > kMostDepth) {
      return complain(token().at, fmt::format("nested more than {} deep", kMostDepth));
    }
    const auto condition = chain(kOrs, &Parser::conjunction);
    if (!condition || !sees("?")) return condition;
    const uint32_t at = token().at;
    ++next_;
    const auto yes = chain(kOrs, &Parser::conjunction);
    if (!yes) return yes;
    if (!take(":")) return expected("`:` of a conditional");
    const auto no = expression();
    if (!no) return no;
    Node node;
    node.kind = NodeKind::kConditional;
    node.at = at;
    node.args = {*condition, *yes, *no};
    return add(std::move(node));
  }

  template <size_t N>
  Made chain(const std::array<Level, N>& level, Made (Parser::*operand)()) {
    auto left = (this->*operand)();
    while (left) {
      const auto* found = std::find_if(level.begin(), level.end(),
                                       [this](const Level& one) { return sees(one.sign); });
      if (found == level.end()) return left;
      Node node;
      node.kind = NodeKind::kBinary;
      node.op = found->op;
      node.at = token().at;
      ++next_;
      const auto right = (this->*operand)();
      if (!right) return right;
      node.args = {*left, *right};
      left = add(std::move(node));
    }
    return left;
  }

  Made conjunction() { return chain(kAnds, &Parser::negation); }

  // `not`, which binds less than a comparison.
  Made negation() {
    if (!(token().kind == TokenKind::kName && token().text == "not")) return relation();
    const Descent descent(depth_);
    const uint32_t at = token().at;
    ++next_;
    if (depth_ > kMostDepth)
      return complain(at, fmt::format("nested more than {} deep", kMostDepth));
    const auto operand = negation();
    return operand ? unary(NodeKind::kNot, at, *operand) : operand;
  }

  Made relation() { return chain(kRelations, &Parser::sum); }
  Made sum() { return chain(kSums, &Parser::product); }
  Made product() { return chain(kProducts, &Parser::prefixed); }

  Made prefixed() {
    if (!sees("!") && !sees("-")) return member();
    const Descent descent(depth_);
    if (depth_ > kMostDepth) {
      return complain(token().at, fmt::format("nested more than {} deep", kMostDepth));
    }
    const bool minus = sees("-");
    const uint32_t at = token().at;
    ++next_;
    // The minus belongs to the number, or the least of all integers could not be written.
    if (minus && (token().kind == TokenKind::kInt || token().kind == TokenKind::kDouble)) {
      return suffixes(number(at, true));
    }
    const auto operand = prefixed();
    return operand ? unary(minus ? NodeKind::kNegate : NodeKind::kNot, at, *operand) : operand;
  }

  Made member() { return suffixes(primary()); }

  Made suffixes(Made node) {
    while (node) {
      if (sees("[")) {
        node = index(*node);
      } else if (sees(".")) {
        ++next_;
        node = selection(*node);
      } else {
        return node;
      }
    }
    return node;
  }

  Made index(NodeId of) {
    Node node;
    node.kind = NodeKind::kIndex;
    node.at = token().at;
    ++next_;
    const auto key = expression();
    if (!key) return key;
    if (!take("]")) return expected("`]`");
    node.args = {of, *key};
    return add(std::move(node));
  }

  Made selection(NodeId of) {
    if (token().kind != TokenKind::kName && token().kind != TokenKind::kQuotedName) {
      return expected("the name of a field or function");
    }
    const Token word = token();
    ++next_;
    if (word.kind == TokenKind::kName && sees("(")) return call(word, of);
    // Within a path every word is good but those that stand for something else there.
    if (word.kind == TokenKind::kName &&
        (word.text == "in" || word.text == "true" || word.text == "false" || word.text == "null")) {
      return complain(word.at, fmt::format("`{}` is no name of a field; write `[\"{}\"]`",
                                           word.text, word.text));
    }
    Node node;
    node.kind = NodeKind::kSelect;
    node.at = word.at;
    node.name = parsed_.ast.keep(word.text);
    node.args = {of};
    return add(std::move(node));
  }

  std::optional<std::vector<NodeId>> arguments(std::string_view close) {
    std::vector<NodeId> args;
    if (take(close)) return args;
    while (true) {
      const auto arg = expression();
      if (!arg) return std::nullopt;
      args.push_back(*arg);
      const bool comma = take(",");
      // A list may close after a comma, a call may not.
      if (take(close) && (!comma || close == "]")) return args;
      if (!comma) {
        expected(close == "]" ? "`,` or `]`" : "`,` or `)`");
        return std::nullopt;
      }
    }
  }

  Made call(const Token& word, std::optional<NodeId> receiver) {
    ++next_;  // the parenthesis
    auto args = arguments(")");
    if (!args) return std::nullopt;
    if (receiver && (word.text == "exists" || word.text == "all" || word.text == "exists_one" ||
                     word.text == "existsOne")) {
      return macro(word, *receiver, *args);
    }
    if (!receiver && word.text == "has") return has(word, *args);
    Node node;
    node.kind = NodeKind::kCall;
    node.at = word.at;
    node.name = parsed_.ast.keep(word.text);
    node.method = receiver.has_value();
    if (receiver) node.args.push_back(*receiver);
    node.args.insert(node.args.end(), args->begin(), args->end());
    return add(std::move(node));
  }

  Made macro(const Token& word, NodeId range, const std::vector<NodeId>& args) {
    if (args.size() != 2 || parsed_.ast.nodes[args[0]].kind != NodeKind::kName) {
      return complain(word.at, fmt::format("write list.{}(x, condition on x)", word.text));
    }
    Node node;
    node.kind = NodeKind::kMacro;
    node.at = word.at;
    node.name = parsed_.ast.keep(word.text);
    node.variable = parsed_.ast.nodes[args[0]].name;
    node.args = {range, args[1]};
    return add(std::move(node));
  }

  Made has(const Token& word, const std::vector<NodeId>& args) {
    if (args.size() != 1 || parsed_.ast.nodes[args[0]].kind != NodeKind::kSelect) {
      return complain(word.at, "write has(value.field)");
    }
    Node node = parsed_.ast.nodes[args[0]];
    node.kind = NodeKind::kHas;
    return add(std::move(node));
  }

  Made primary() {
    const Token word = token();
    switch (word.kind) {
      case TokenKind::kInt:
      case TokenKind::kUint:
      case TokenKind::kDouble:
        return number(word.at, false);
      case TokenKind::kString:
        ++next_;
        return literal(word.at, string_value(parsed_.ast.keep(word.text)));
      case TokenKind::kBytes:
        ++next_;
        return literal(word.at, bytes_value(parsed_.ast.keep(word.text)));
      case TokenKind::kName:
        return named();
      case TokenKind::kSign:
        break;
      case TokenKind::kEnd:
      case TokenKind::kQuotedName:
        return expected("a value");
    }
    if (take("(")) {
      const auto inner = expression();
      if (!inner) return inner;
      return take(")") ? inner : expected("`)`");
    }
    if (sees("[")) return list();
    if (sees("{")) return map();
    // A leading dot names what is not a macro's variable; here names have no packages.
    if (sees(".") && token(1).kind == TokenKind::kName) {
      ++next_;
      return named();
    }
    return expected("a value");
  }

  Made named() {
    const Token word = token();
    ++next_;
    if (word.text == "true" || word.text == "false") {
      return literal(word.at, bool_value(word.text == "true"));
    }
    if (word.text == "null") return literal(word.at, null_value());
    if (is_reserved(word.text)) {
      return complain(word.at, fmt::format("`{}` where a value is expected", word.text));
    }
    if (sees("(")) return call(word, std::nullopt);
    if (sees("{"))
      return complain(token().at, "messages are not made here; a map is {\"key\": value}");
    Node node;
    node.kind = NodeKind::kName;
    node.at = word.at;
    node.name = parsed_.ast.keep(word.text);
    return add(std::move(node));
  }

  Made list() {
    Node node;
    node.kind = NodeKind::kList;
    node.at = token().at;
    ++next_;
    auto items = arguments("]");
    if (!items) return std::nullopt;
    node.args = std::move(*items);
    return add(std::move(node));
  }

  Made map() {
    Node node;
    node.kind = NodeKind::kMap;
    node.at = token().at;
    ++next_;
    while (!take("}")) {
      const auto key = expression();
      if (!key) return key;
      if (!take(":")) return expected("`:` after a key");
      const auto value = expression();
      if (!value) return value;
      node.args.push_back(*key);
      node.args.push_back(*value);
      if (!sees("}") && !take(",")) return expected("`,` or `}`");
    }
    return add(std::move(node));
  }

  Made number(uint32_t at, bool negative) {
    const Token word = token();
    ++next_;
    std::string_view digits = word.text;
    if (word.kind == TokenKind::kDouble) {
      double real = 0;
      const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), real);
      if (read.ec != std::errc()) {
        // Too small is zero, too large is no number.
        const bool small = digits.find("e-") != digits.npos || digits.find("E-") != digits.npos;
        if (!small) return complain(word.at, fmt::format("{} is no double: too large", word.text));
        real = 0;
      }
      return literal(at, double_value(negative ? -real : real));
    }
    const int base = digits.starts_with("0x") || digits.starts_with("0X") ? 16 : 10;
    if (base == 16) digits.remove_prefix(2);
    uint64_t natural = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), natural, base);
    const uint64_t most = static_cast<uint64_t>(INT64_MAX) + (negative ? 1 : 0);
    if (read.ec != std::errc() || (word.kind == TokenKind::kInt && natural > most)) {
      return complain(word.at, fmt::format("{} is out of range: int is 64 bits with a sign, uint "
                                           "(suffix u) 64 without",
                                           word.text));
    }
    if (word.kind == TokenKind::kUint) return literal(at, uint_value(natural));
    return literal(at, int_value(static_cast<int64_t>(negative ? 0 - natural : natural)));
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  size_t next_ = 0;
  uint32_t depth_ = 0;
  Parsed parsed_;
};

}  // namespace

std::string_view operator_text(Operator op) {
  static constexpr std::array<std::string_view, 14> kTexts = {
      "||", "&&", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"};
  return kTexts[static_cast<size_t>(op)];
}

Parsed parse(std::string_view text) {
  Tokens tokens = tokenize(text);
  if (!tokens.problems.empty()) return {{}, std::move(tokens.problems)};
  return Parser(text, std::move(tokens.list)).run();
}

}  // namespace phoenix::cel
