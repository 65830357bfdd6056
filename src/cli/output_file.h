// Files that a verb makes for its user: there as a whole, or as before.
#pragma once

#include <string>
#include <string_view>

#include "cli/output.h"

namespace phoenix::cli {

// Written beside it and renamed, in the folders that it names, which are made if they are not
// there. What stood there is replaced. `what` is the first line of a failure.
Outcome<int> write_output_file(const std::string& what, const std::string& path,
                               std::string_view bytes);

}  // namespace phoenix::cli
