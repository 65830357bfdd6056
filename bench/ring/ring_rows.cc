#include "bench/ring/rows.h"

namespace phoenix::bench {

std::vector<Row> ring_rows(const RingOptions& options) {
  const auto row = [&options](auto* run) {
    return [options, run](Figures& figures) { return run(options, figures); };
  };
  return {
      {3, "one lookup after the other", row(ring_latency)},
  };
}

}  // namespace phoenix::bench
