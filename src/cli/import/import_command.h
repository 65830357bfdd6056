// The verb `import`.
#pragma once

#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

void add_import(std::vector<Command>& table);

}  // namespace phoenix::cli
