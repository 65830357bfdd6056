// The rows of the table of bars, each in a file of its own. They append what they found, and say
// on stderr what they are doing.
#pragma once

#include <string>

#include "bench/command_line.h"

namespace phoenix::bench {

struct BenchOptions {
  bool quick = false;        // small sizes, figures that prove nothing
  std::string disk_folder;   // where a data folder on disk is made
  std::string tmpfs_folder;  // the same on tmpfs
  std::string program;       // the phoenix binary, for rows with processes
};

Result<bool> bench_store(const BenchOptions& options, Figures& figures);     // row 1
Result<bool> bench_rest(const BenchOptions& options, Figures& figures);      // row 2
Result<bool> bench_latency(const BenchOptions& options, Figures& figures);   // row 3
Result<bool> bench_core(const BenchOptions& options, Figures& figures);      // row 4
Result<bool> bench_recovery(const BenchOptions& options, Figures& figures);  // row 5
Result<bool> bench_memory(const BenchOptions& options, Figures& figures);    // row 6

}  // namespace phoenix::bench
