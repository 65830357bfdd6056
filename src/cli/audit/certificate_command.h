// `phoenix audit certificate`: the signed statement that a member, or a host, that has left owns
// nothing.
#pragma once

#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

void add_audit_certificate(std::vector<Command>& table);

}  // namespace phoenix::cli
