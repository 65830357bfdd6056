// Gives each node of a tree its type, and each name its meaning, against a schema.
#pragma once

#include <string_view>
#include <vector>

#include "policy/cel/ast.h"
#include "policy/cel/schema.h"

namespace phoenix::cel {

struct Checked {
  std::deque<Type> types{};  // those that nodes point to beyond the plain ones and the schema's
  std::vector<Problem> problems{};
};
// All faults, in the order of the tree. With `strict` false, operators and functions on types that
// they do not take, and names that nobody knows, are left for the evaluation to refuse.
Checked check(std::string_view text, Ast& ast, const Schema& schema, bool strict);

}  // namespace phoenix::cel
