// From the text of an expression to its tree, by recursive descent over the grammar of the Common
// Expression Language. `and`, `or` and `not` are other spellings of `&&`, `||` and `!`; `not` takes
// a whole comparison (`not a == b` is `!(a == b)`).
#pragma once

#include <string_view>
#include <vector>

#include "policy/cel/ast.h"

namespace phoenix::cel {

// How deep a tree may be; what is deeper is refused, so recursion over a tree is bounded.
inline constexpr uint32_t kMostDepth = 250;

struct Parsed {
  Ast ast{};
  std::vector<Problem> problems{};  // empty: the tree is whole
};
Parsed parse(std::string_view text);

}  // namespace phoenix::cel
