// What somebody probably meant: the word of a list that is the fewest changes away.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace phoenix {

// How many letters are to be changed, added or dropped to make one of the other.
size_t edits_between(std::string_view left, std::string_view right);

// The closest of `known` to a mistyped word; empty if none is close.
std::string closest(std::string_view word, const std::vector<std::string>& known);

// ", did you mean X?" of that word, to stand behind what is wrong with it; empty if none is close.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace phoenix
