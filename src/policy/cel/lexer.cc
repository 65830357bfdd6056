#include "policy/cel/lexer.h"

#include <fmt/format.h>

#include <array>

#include "base/bytes_text.h"
#include "base/key.h"

namespace phoenix::cel {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_name(char c) { return starts_name(c) || is_digit(c); }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

uint32_t digit_value(char c) {
  if (is_digit(c)) return static_cast<uint32_t>(c - '0');
  return static_cast<uint32_t>((c | 0x20) - 'a' + 10);
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Tokens run() {
    while (skip_space()) {
      if (!next()) return std::move(tokens_);
    }
    tokens_.list.push_back({TokenKind::kEnd, static_cast<uint32_t>(text_.size())});
    return std::move(tokens_);
  }

 private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  bool complain(size_t at, std::string what) {
    tokens_.problems.push_back(problem_at(text_, static_cast<uint32_t>(at), std::move(what)));
    return false;
  }

  bool emit(TokenKind kind, size_t from, std::string text) {
    tokens_.list.push_back({kind, static_cast<uint32_t>(from), std::move(text)});
    return true;
  }

  // Over spaces and comments; false at the end.
  bool skip_space() {
    while (at_ < text_.size()) {
      if (is_space(peek())) {
        ++at_;
      } else if (peek() == '/' && peek(1) == '/') {
        while (at_ < text_.size() && peek() != '\n') ++at_;
      } else {
        return true;
      }
    }
    return false;
  }

  bool next() {
    if (starts_text()) return text();
    if (is_digit(peek()) || (peek() == '.' && is_digit(peek(1)))) return number();
    if (starts_name(peek())) return name();
    if (peek() == '`') return quoted_name();
    return sign();
  }

  bool name() {
    const size_t from = at_;
    while (in_name(peek())) ++at_;
    return emit(TokenKind::kName, from, std::string(text_.substr(from, at_ - from)));
  }

  // `app/name`: the name of a field that is no word.
  bool quoted_name() {
    const size_t from = at_++;
    while (in_name(peek()) || peek() == '.' || peek() == '-' || peek() == '/' || peek() == ' ') {
      ++at_;
    }
    if (peek() != '`' || at_ == from + 1) {
      return complain(from, "a name in backticks is made of letters, digits, _ . - / and spaces");
    }
    ++at_;
    return emit(TokenKind::kQuotedName, from, std::string(text_.substr(from + 1, at_ - from - 2)));
  }

  bool sign() {
    static constexpr std::array<std::string_view, 6> kPairs = {"&&", "||", "==", "!=", "<=", ">="};
    static constexpr std::string_view kSingles = "<>!+-*/%?:.,()[]{}";
    const std::string_view two = text_.substr(at_, 2);
    for (const std::string_view pair : kPairs) {
      if (two != pair) continue;
      at_ += 2;
      return emit(TokenKind::kSign, at_ - 2, std::string(pair));
    }
    if (peek() == '=') return complain(at_, "no sign `=`; equality is `==`");
    if (peek() == '&' || peek() == '|') {
      return complain(at_, fmt::format("no sign `{}`; write `{}{}`", peek(), peek(), peek()));
    }
    if (kSingles.find(peek()) != std::string_view::npos) {
      ++at_;
      return emit(TokenKind::kSign, at_ - 1, std::string(1, text_[at_ - 1]));
    }
    const auto byte = static_cast<uint8_t>(peek());
    if (byte >= 0x20 && byte < 0x7F) {
      return complain(at_, fmt::format("no expression has a `{}` here", peek()));
    }
    return complain(at_, fmt::format("no expression has a byte 0x{:02x} outside of a text", byte));
  }

  bool number() {
    const size_t from = at_;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
      at_ += 2;
      while (is_hex(peek())) ++at_;
      if (at_ == from + 2) return complain(from, "a number after 0x has digits 0-9, a-f");
      return finish_number(from, TokenKind::kInt);
    }
    TokenKind kind = TokenKind::kInt;
    while (is_digit(peek())) ++at_;
    if (peek() == '.' && is_digit(peek(1))) {
      kind = TokenKind::kDouble;
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    if (peek() == 'e' || peek() == 'E') {
      const size_t digits = peek(1) == '+' || peek(1) == '-' ? 2 : 1;
      if (is_digit(peek(digits))) {
        kind = TokenKind::kDouble;
        at_ += digits;
        while (is_digit(peek())) ++at_;
      }
    }
    return finish_number(from, kind);
  }

  bool finish_number(size_t from, TokenKind kind) {
    const std::string digits(text_.substr(from, at_ - from));
    if (kind == TokenKind::kInt && (peek() == 'u' || peek() == 'U')) {
      ++at_;
      kind = TokenKind::kUint;
    }
    if (in_name(peek())) return complain(from, "a number is followed by a letter or digit");
    return emit(kind, from, digits);
  }

  // r, b or both may stand before the quote, in either case.
  bool starts_text() const {
    size_t at = 0;
    bool raw = false, bytes = false;
    for (; at < 2; ++at) {
      const char letter = static_cast<char>(peek(at) | 0x20);
      bool& flag = letter == 'r' ? raw : bytes;
      if ((letter != 'r' && letter != 'b') || flag) break;
      flag = true;
    }
    return peek(at) == '"' || peek(at) == '\'';
  }

  bool text() {
    const size_t from = at_;
    bool raw = false;
    bool bytes = false;
    while (peek() != '"' && peek() != '\'') {
      ((peek() | 0x20) == 'r' ? raw : bytes) = true;
      ++at_;
    }
    const char quote = peek();
    const bool triple = peek(1) == quote && peek(2) == quote;
    at_ += triple ? 3 : 1;
    std::string value;
    while (true) {
      if (at_ >= text_.size()) return complain(from, "the text has no closing quote");
      const char c = peek();
      if (c == quote && (!triple || (peek(1) == quote && peek(2) == quote))) break;
      if (!triple && (c == '\n' || c == '\r')) {
        return complain(from, "the text has no closing quote on its line");
      }
      if (c == '\\' && !raw) {
        if (!escape(bytes, value)) return false;
      } else {
        value.push_back(c);
        ++at_;
      }
    }
    at_ += triple ? 3 : 1;
    if (!bytes && !valid_utf8(value)) return complain(from, "the text is not valid UTF-8");
    return emit(bytes ? TokenKind::kBytes : TokenKind::kString, from, std::move(value));
  }

  bool escape(bool bytes, std::string& value) {
    static constexpr std::string_view kLetters = "abfnrtv\\?\"'`";
    static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\?\"'`";
    const size_t from = at_;
    const char letter = peek(1);
    at_ += 2;
    if (const size_t found = kLetters.find(letter); letter != '\0' && found != kLetters.npos) {
      value.push_back(kMeanings[found]);
      return true;
    }
    size_t digits = 0;
    uint32_t base = 16;
    if (letter == 'x' || letter == 'X') digits = 2;
    if (!bytes && letter == 'u') digits = 4;
    if (!bytes && letter == 'U') digits = 8;
    if (letter >= '0' && letter <= '3') {
      digits = 3;
      base = 8;
      --at_;
    }
    if (digits == 0) {
      return complain(from,
                      "no such escape; there are \\a \\b \\f \\n \\r \\t \\v \\\\ \\? \\\" \\' \\` "
                      "\\xHH \\ooo, and in strings \\uHHHH \\UHHHHHHHH");
    }
    uint32_t point = 0;
    for (size_t count = 0; count < digits; ++count, ++at_) {
      if (!is_hex(peek()) || digit_value(peek()) >= base) {
        return complain(from, fmt::format("this escape takes {} digits", digits));
      }
      point = point * base + digit_value(peek());
    }
    if (bytes) {
      value.push_back(static_cast<char>(point));
      return true;
    }
    if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
      return complain(from, "the escape names no character");
    }
    append_utf8(value, point);
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  Tokens tokens_;
};

}  // namespace

Problem problem_at(std::string_view text, uint32_t at, std::string what) {
  const std::string_view before = text.substr(0, at);
  const size_t line_start = before.rfind('\n') + 1;  // 0 if there is none
  Problem problem;
  problem.at = at;
  for (const char c : before) problem.line += c == '\n' ? 1 : 0;
  problem.column = static_cast<uint32_t>(code_points(before.substr(line_start)) + 1);
  problem.what = std::move(what);
  return problem;
}

std::string problem_text(const Problem& problem) {
  return fmt::format("{}:{}: {}", problem.line, problem.column, problem.what);
}

Tokens tokenize(std::string_view text) {
  if (text.size() > kMostExpressionBytes) {
    Tokens tokens;
    tokens.problems.push_back(
        {0, 1, 1,
         fmt::format("{} bytes; an expression has at most {}", text.size(), kMostExpressionBytes)});
    return tokens;
  }
  return Lexer(text).run();
}

}  // namespace phoenix::cel
