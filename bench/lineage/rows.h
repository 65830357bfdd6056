// The rows of the table of the signed lineage: handing on, verifying, altering, proving.
#pragma once

#include <string>
#include <vector>

#include "bench/command_line.h"

namespace phoenix::bench {

struct LineageBench {
  bool quick = false;       // small sizes, figures that prove nothing
  std::string disk_folder;  // where what is durable is written
  std::string program;      // the phoenix binary, for rows with processes
};

std::vector<Row> lineage_rows(const LineageBench& options);
Result<bool> one_handoff_row(const LineageBench& options, Figures& figures);  // row 1
Result<std::vector<double>> rest_handoffs(int count);  // of row 1: milliseconds of each
Result<bool> durable_handoff_row(const LineageBench& options, Figures& figures);  // row 2
Result<bool> steady_handoffs_row(const LineageBench& options, Figures& figures);  // row 3
Result<bool> attack_rows(const LineageBench& options, Figures& figures);          // row 7

}  // namespace phoenix::bench
