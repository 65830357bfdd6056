// The flags of `phoenix serve` and how they and the --config file become ServeOptions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/line/command.h"
#include "cli/output.h"
#include "runtime/serve_options.h"

namespace phoenix::cli {

// Setters point into `options`; --config is not among them.
std::vector<Flag> serve_flags(ServeOptions* options);

// What the command line said, in its order: flag and value.
using GivenFlags = std::vector<std::pair<std::string, std::string>>;

// The file first, then the command line over it. `config_path` empty: no file.
Outcome<ServeOptions> merge_serve_options(const std::string& config_path, const GivenFlags& given);

}  // namespace phoenix::cli
