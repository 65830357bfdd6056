#include "bench/membership/rows.h"

namespace phoenix::bench {

std::vector<Row> membership_rows(const MembershipBench& options) {
  const auto row = [&options](auto* run) {
    return [options, run](Figures& figures) { return run(options, figures); };
  };
  return {
      {3, "members lost, real processes", row(membership_detection)},
      {10, "restarts at another address", row(membership_moves)},
      {1, "pools with serf agents", row(membership_interop)},
      {2, "vectors of the wire", row(membership_vectors)},
      {9, "decoders", row(membership_decoders)},
  };
}

}  // namespace phoenix::bench
