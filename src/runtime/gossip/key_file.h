// The file of --gossip-key-file: one key a line in base64, as `serf keygen` prints it, the primary
// one first; empty lines do not count. Keys are 16, 24 or 32 bytes, at most 32 of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace phoenix::gossip {

// Raw keys, at least one. Errors name the line and what is allowed, never the key.
Result<std::vector<std::string>> parse_keys(std::string_view text);
std::string render_keys(const std::vector<std::string>& keys);

// As above, from a file; errors are kInvalidRequest and name it.
Result<std::vector<std::string>> read_key_file(const std::string& path);

}  // namespace phoenix::gossip
