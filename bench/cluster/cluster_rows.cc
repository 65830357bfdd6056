#include "bench/cluster/rows.h"

namespace phoenix::bench {

std::vector<Row> cluster_rows(const ClusterBench& options) {
  const auto row = [&options](auto* run) {
    return [options, run](Figures& figures) { return run(options, figures); };
  };
  return {
      {6, "members that every host knows", row(cluster_records)},
  };
}

}  // namespace phoenix::bench
