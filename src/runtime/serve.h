// `phoenix serve`: one host in the foreground, until a signal. Implemented beside the program
// (src/cli/serve), because it puts runtime and REST face together.
#pragma once

#include "runtime/serve_options.h"

namespace phoenix {

// Blocks; the exit code. Errors go to stderr in three short lines.
int serve(const ServeOptions& options);

}  // namespace phoenix
