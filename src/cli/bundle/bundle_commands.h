// Verbs about bundles; they need no host.
#pragma once

#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

void add_bundle_commands(std::vector<Command>& table);  // bundle inspect, verify, unpack
void add_build_command(std::vector<Command>& table);    // build
void add_emit_commands(std::vector<Command>& table);    // emit dockerfile, systemd

}  // namespace phoenix::cli
