// The rows of membership's table of bars, several in a file where they share what they measure.
// They append what they found, and say on stderr what they are doing.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bench/clock.h"
#include "bench/command_line.h"
#include "bench/membership/run_file.h"

namespace phoenix::bench {

struct MembershipBench {
  bool quick = false;          // small sizes
  Share share;                 // of the experiments of row 4 and the seeds of row 5
  RunFile* runs = nullptr;     // what is known of them; null: nothing, and nothing is kept
  std::string program;         // the phoenix binary, for rows with processes
  std::string program_folder;  // where other programs of the bench lie
};

Result<bool> membership_interop(const MembershipBench& options, Figures& figures);          // row 1
Result<bool> membership_vectors(const MembershipBench& options, Figures& figures);          // row 2
Result<bool> membership_detection(const MembershipBench& options, Figures& figures);        // row 3
Result<bool> membership_false_positives(const MembershipBench& options, Figures& figures);  // row 4
Result<bool> membership_faulty(const MembershipBench& options, Figures& figures);           // row 5
Result<bool> membership_spread(const MembershipBench& options, Figures& figures);           // row 6
Result<bool> membership_split(const MembershipBench& options, Figures& figures);            // row 7
Result<bool> membership_packets(const MembershipBench& options, Figures& figures);          // row 8
Result<bool> membership_decoders(const MembershipBench& options, Figures& figures);         // row 9
Result<bool> membership_moves(const MembershipBench& options, Figures& figures);  // row 10

// All of them, in the order in which they run.
std::vector<Row> membership_rows(const MembershipBench& options);

}  // namespace phoenix::bench
