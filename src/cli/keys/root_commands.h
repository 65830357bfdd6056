// `phoenix key root new`, `phoenix key sign-host`, `phoenix host join-token` and `phoenix host
// enroll`: the pool's root key, and its word for the keys of hosts.
#pragma once

#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

void add_root_commands(std::vector<Command>& table);

}  // namespace phoenix::cli
