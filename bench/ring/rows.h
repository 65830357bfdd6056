// The rows of the ring's table of bars, several in a file where they share what they measure. They
// append what they found; each row gives several figures, each beside its own bar.
#pragma once

#include <string>
#include <vector>

#include "bench/command_line.h"

namespace phoenix::bench {

struct RingOptions {
  bool quick = false;          // small sizes, figures that prove nothing
  std::string program_folder;  // where other programs of the bench lie
};

Result<bool> ring_lookup(const RingOptions& options, Figures& figures);     // row 1
Result<bool> ring_batches(const RingOptions& options, Figures& figures);    // row 2
Result<bool> ring_latency(const RingOptions& options, Figures& figures);    // row 3
Result<bool> ring_memory(const RingOptions& options, Figures& figures);     // row 4
Result<bool> ring_changes(const RingOptions& options, Figures& figures);    // row 5
Result<bool> ring_build(const RingOptions& options, Figures& figures);      // row 6
Result<bool> ring_placement(const RingOptions& options, Figures& figures);  // row 7
Result<bool> ring_balance(const RingOptions& options, Figures& figures);    // row 8
Result<bool> ring_movement(const RingOptions& options, Figures& figures);   // row 9
Result<bool> ring_plain(const RingOptions& options, Figures& figures);      // row 10
Result<bool> ring_core(const RingOptions& options, Figures& figures);       // row 11

// All of them, in the order of the table.
std::vector<Row> ring_rows(const RingOptions& options);

}  // namespace phoenix::bench
