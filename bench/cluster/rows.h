// The rows of the table of bars of several hosts as one system. They append what they found.
#pragma once

#include <string>
#include <vector>

#include "bench/command_line.h"

namespace phoenix::bench {

struct ClusterBench {
  bool quick = false;       // small sizes, figures that prove nothing
  std::string program;      // phoenix
  std::string disk_folder;  // where databases are made
  // Row 8 plays so large a pool in place of the one whose hour it tells; 0: it does not.
  size_t simulated_hosts = 0;
  size_t simulated_members = 0;
};
// "1000x100000" is 1,000 hosts with 100,000 members. False: it is no such text.
bool parse_pool(const std::string& text, ClusterBench& options);

Result<bool> cluster_keeper_killed(const ClusterBench& options, Figures& figures);  // row 1
Result<bool> cluster_home_killed(const ClusterBench& options, Figures& figures);    // row 2
Result<bool> cluster_leave(const ClusterBench& options, Figures& figures);          // row 3
Result<bool> cluster_throughput(const ClusterBench& options, Figures& figures);     // row 4
Result<bool> cluster_trip(const ClusterBench& options, Figures& figures);           // row 5
Result<bool> cluster_records(const ClusterBench& options, Figures& figures);        // row 6
Result<bool> cluster_changes(const ClusterBench& options, Figures& figures);        // row 6
Result<bool> cluster_slots(const ClusterBench& options, Figures& figures);          // row 7
Result<bool> cluster_simulation(const ClusterBench& options, Figures& figures);     // row 8

// All of them, in the order of the table.
std::vector<Row> cluster_rows(const ClusterBench& options);

}  // namespace phoenix::bench
