// `phoenix audit verify`: an export judged by public keys and a checkpoint, without a host.
#pragma once

#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

void add_audit_verify(std::vector<Command>& table);

}  // namespace phoenix::cli
