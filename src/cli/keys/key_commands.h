// `phoenix key new|show|list`: key files, without a host.
#pragma once

#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

void add_key_commands(std::vector<Command>& table);

}  // namespace phoenix::cli
