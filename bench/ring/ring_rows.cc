#include "bench/ring/rows.h"

namespace phoenix::bench {

std::vector<Row> ring_rows(const RingOptions& options) {
  const auto row = [&options](auto* run) {
    return [options, run](Figures& figures) { return run(options, figures); };
  };
  return {
      {1, "lookup of independent keys", row(ring_lookup)},
      {2, "lookup in batches", row(ring_batches)},
      {3, "one lookup after the other", row(ring_latency)},
      {4, "memory", row(ring_memory)},
      {5, "joins and leaves", row(ring_changes)},
      {6, "build", row(ring_build)},
      {7, "placement", row(ring_placement)},
      {8, "balance", row(ring_balance)},
      {9, "movement", row(ring_movement)},
      {10, "the plain ring", row(ring_plain)},
      {11, "the core, on our ring and on a sorted array", row(ring_core)},
  };
}

}  // namespace phoenix::bench
