// `phoenix store init|check|migrate|adopt`: what an operator does with the store that the hosts of
// a pool share. They speak to the database, not to a host.
#pragma once

#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

void add_store_commands(std::vector<Command>& table);

}  // namespace phoenix::cli
