// The YAML file of `phoenix serve --config`: one mapping whose keys are the flags in camelCase
// (maxLivePackets for --max-live-packets), values as a flag would have them, lists for the flags
// that may be repeated. Strict: unknown and repeated keys, nested values, anchors, tags, empty
// values and a second document are refused, each with its line and column, all in one go.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/line/command.h"
#include "cli/output.h"

namespace phoenix::cli {

struct ConfigEntry {
  std::string flag;   // "--max-live-packets"
  std::string value;  // "" for a switch that is on
  std::string place;  // "serve.yaml:3:17"
};

// Entries in the order of the file; each item of a list is one. `flags` are the ones that may
// appear. `name` is what complaints call the file.
Outcome<std::vector<ConfigEntry>> read_config(std::string_view text, const std::string& name,
                                              const std::vector<Flag>& flags);

// "--max-live-packets" -> "maxLivePackets".
std::string config_key(std::string_view flag);

}  // namespace phoenix::cli
