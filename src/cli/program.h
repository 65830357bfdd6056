// One run of the program, from its arguments to its exit code.
#pragma once

#include <string>
#include <vector>

namespace phoenix::cli {

// `args` without the program's name. Writes to stdout and stderr; throws nothing.
int run_program(const std::vector<std::string>& args);

}  // namespace phoenix::cli
