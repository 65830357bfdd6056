// The rows of the table of policies: what a decision costs.
#pragma once

#include "bench/command_line.h"

namespace phoenix::bench {

std::vector<Row> policy_rows(bool quick);

}  // namespace phoenix::bench
