// The rows of the table of bars of several hosts as one system. They append what they found.
#pragma once

#include <vector>

#include "bench/command_line.h"

namespace phoenix::bench {

struct ClusterBench {
  bool quick = false;  // small sizes, figures that prove nothing
};

Result<bool> cluster_records(const ClusterBench& options, Figures& figures);  // row 6

// All of them, in the order of the table.
std::vector<Row> cluster_rows(const ClusterBench& options);

}  // namespace phoenix::bench
