// The flags that every verb takes, before or after it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cli/line/command.h"

namespace phoenix::cli {

struct Globals {
  std::vector<std::string> urls;  // tried in order; empty: environment, address file, default
  std::string token;              // bearer token
  std::string token_file;         // file that holds it; excludes `token`
  std::string ca_file;            // PEM of the authorities to trust with https
  std::string name_space;         // empty: environment, else the host decides; "*" = all
  std::string output;             // table | wide | json | yaml | name; empty: the verb's own
  bool no_color = false;
  bool quiet = false;
  bool verbose = false;
  Duration request_timeout = seconds(30);  // of one call, beyond what it waits for
  bool help = false;
};

// Setters point into `globals`.
std::vector<Flag> global_flags(Globals* globals);

}  // namespace phoenix::cli
