#include "bench/membership/rows.h"

namespace phoenix::bench {

std::vector<Row> membership_rows(const MembershipBench& options) {
  const auto row = [&options](auto* run) {
    return [options, run](Figures& figures) { return run(options, figures); };
  };
  return {
      // Those that want a quiet machine come first.
      {8, "packets", row(membership_packets)},
      {3, "members lost, real processes", row(membership_detection)},
      {10, "restarts at another address", row(membership_moves)},
      {1, "pools with serf agents", row(membership_interop)},
      {2, "vectors of the wire", row(membership_vectors)},
      {9, "decoders", row(membership_decoders)},
      {7, "splits", row(membership_split)},
      {4, "false positives", row(membership_false_positives)},
      {5, "faulty networks", row(membership_faulty)},
      {6, "convergence and load", row(membership_spread)},
  };
}

}  // namespace phoenix::bench
