// What is wrong with a file before it is looked at as YAML: bytes that are no text, tabs where only
// spaces may stand, brackets within brackets without end.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "manifest/yaml/node.h"

namespace phoenix::manifest {

// At most one finding of a kind and line.
Findings check_text(std::string_view text, const std::shared_ptr<const std::string>& file,
                    int depth);

}  // namespace phoenix::manifest
