// Where a fault of syntax really is. A parser notices a quote or bracket that is never closed, or a
// colon that is missing, some lines behind the place that is to be mended; these find that place.
// They read the text by simple rules and decide nothing but where to point.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace phoenix::manifest {

struct SyntaxHint {
  int line = 0;
  int column = 0;
  std::string detail;
};

// The first quote at the start of a value that nothing closes up to the end of the text. The parser
// takes the end of the text for its end.
std::optional<SyntaxHint> find_open_quote(std::string_view text);

// For a fault that the parser noticed in `line` (from 1): an open quote or bracket above it, or the
// line above it that lacks its colon.
std::optional<SyntaxHint> find_cause(std::string_view text, int line);

// In `line` (from 1): a value that begins with a quote or bracket and is more than what these
// enclose, as an expression may be. The parser noticed something at `column`.
std::optional<SyntaxHint> find_value_that_goes_on(std::string_view text, int line, int column);

// The last line up to `line` (from 1) that is a dash and nothing else: a list's item without a
// value. Looks at 100 lines at most.
std::optional<SyntaxHint> find_lone_dash(std::string_view text, int line);

}  // namespace phoenix::manifest
