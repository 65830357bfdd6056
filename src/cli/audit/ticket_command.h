// `phoenix ticket verify`: what an owner shows to a third party, judged by public keys, without a
// host.
#pragma once

#include <vector>

#include "cli/line/command.h"

namespace phoenix::cli {

void add_ticket_verify(std::vector<Command>& table);

}  // namespace phoenix::cli
