// `phoenix demo`: a host and real workers under churn, with a report of what was measured.
#pragma once

#include "cli/demo/demo_options.h"

namespace phoenix {

// Requires: this process has one thread. Returns the exit status: 0 all promises kept, 1 one was
// broken or the run could not be made, 130 interrupted. Leaves no process and no file behind,
// --keep and --data excepted.
int run_demo(const DemoOptions& options);

}  // namespace phoenix
