// What a link between two hosts costs: a ping over it when nothing else is under way, and how many
// messages it carries.
#pragma once

#include "bench/command_line.h"

namespace phoenix::bench {

// Row 1: the ping, beside that of a plain TCP connection in the same run. Row 2: the messages.
std::vector<Row> link_rows(bool quick);

// The p50 of `count` pings over an idle link between two hosts in threads of this process, us.
Result<double> link_ping_micros(int count);

}  // namespace phoenix::bench
