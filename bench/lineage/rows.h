// The rows of the table of the signed lineage that need no host: verifying, altering, proving.
#pragma once

#include "bench/command_line.h"

namespace phoenix::bench {

std::vector<Row> lineage_rows(bool quick);
Result<bool> attack_rows(bool quick, Figures& figures);  // row 7

}  // namespace phoenix::bench
