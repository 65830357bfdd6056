// Cuts the text of an expression into words, numbers, texts and signs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/cel/ast.h"

namespace phoenix::cel {

// Longer expressions are refused: a condition that nobody can read guards nothing.
inline constexpr size_t kMostExpressionBytes = 16'384;

enum class TokenKind : uint8_t {
  kEnd,
  kName,
  kQuotedName,
  kSign,
  kInt,
  kUint,
  kDouble,
  kString,
  kBytes
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  uint32_t at = 0;
  // The word or sign itself; of numbers their digits, without a suffix; of texts what they mean,
  // escapes resolved.
  std::string text{};
};

// The tokens, closed by kEnd; or the first fault.
struct Tokens {
  std::vector<Token> list{};
  std::vector<Problem> problems{};
};
Tokens tokenize(std::string_view text);

}  // namespace phoenix::cel
