// The files that the demo works on.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"

namespace phoenix::demo {

struct InputFile {
  std::string path;
  std::string bytes;
  std::string payload;  // the packet's member: `"payload":"…"` or `"payloadBase64":"…"`
};

inline constexpr std::size_t kMaxFileBytes =
    256 * 1024;  // keeps a payload well below 1 MiB of JSON

// At most `wanted` files of 1 to kMaxFileBytes below `dir`, spread evenly over all there are. Empty
// `dir`: the documentation and licences of this machine, and the project's sources if this program
// or the working directory lies in them. kNotFound: there is none.
Result<std::vector<InputFile>> find_inputs(const std::string& dir, std::size_t wanted);

// `count` of 0..all-1, evenly spread. Requires: count <= all.
std::vector<std::size_t> spread(std::size_t all, std::size_t count);
// The payload member for these bytes.
std::string payload_member(const std::string& bytes);

}  // namespace phoenix::demo
