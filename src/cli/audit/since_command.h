// `phoenix audit prove --since FILE`: that all logs still begin with what a checkpoint of then has
// signed, without reading them.
#pragma once

#include <string>

#include "cli/context.h"

namespace phoenix::cli {

// `path`: of a checkpoint that was kept. Exits with 6 where a log does not begin so.
Outcome<int> prove_since(Context& context, const std::string& path);

}  // namespace phoenix::cli
