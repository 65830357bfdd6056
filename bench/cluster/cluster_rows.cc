#include "bench/cluster/rows.h"

namespace phoenix::bench {

std::vector<Row> cluster_rows(const ClusterBench& options) {
  const auto row = [&options](auto* run) {
    return [options, run](Figures& figures) { return run(options, figures); };
  };
  return {
      {1, "a keeper is killed", row(cluster_keeper_killed)},
      {2, "a home is killed", row(cluster_home_killed)},
      {3, "a host leaves", row(cluster_leave)},
      {4, "throughput over REST", row(cluster_throughput)},
      {5, "one packet over three hosts", row(cluster_trip)},
      {6, "members that every host knows", row(cluster_records)},
      {6, "changes that every host hears of", row(cluster_changes)},
      {7, "slots of hosts that come and go", row(cluster_slots)},
      {8, "a large pool in simulation", row(cluster_simulation)},
  };
}

}  // namespace phoenix::bench
