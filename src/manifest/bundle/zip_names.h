// Which names the files of a bundle may have: those that mean the same file, within the folder that
// is unpacked to, on every system.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace phoenix::manifest {

// What is wrong with a path, as the end of a sentence that starts with it; nothing if it is good.
// Good is a relative path of segments between slashes, UTF-8 without control characters and
// combining marks, no segment empty, ".", "..", reserved by some system or ended by a dot or space.
std::optional<std::string> bad_name(std::string_view path);

// The same for all of them together: none stands twice, also not in other case, and none is a
// folder of another. The answer starts with a path.
std::optional<std::string> clashing_names(std::span<const std::string> paths);

}  // namespace phoenix::manifest
