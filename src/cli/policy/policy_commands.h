// Verbs about policies that need no host.
#pragma once

#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

void add_policy_commands(std::vector<Command>& table);  // policy eval

}  // namespace phoenix::cli
