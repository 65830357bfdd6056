// `phoenix serve --store none`: a gateway in the foreground, until a signal.
#pragma once

#include "runtime/serve_options.h"

namespace phoenix {

// Blocks; the exit status. Errors go to stderr in three short lines.
int serve_gateway(const ServeOptions& options);

}  // namespace phoenix
