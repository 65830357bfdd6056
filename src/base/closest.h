// What somebody probably meant: the word of a list that is the fewest changes away.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace phoenix {

// The closest of `known` to a mistyped word; empty if none is close.
std::string closest(std::string_view word, const std::vector<std::string>& known);

}  // namespace phoenix
