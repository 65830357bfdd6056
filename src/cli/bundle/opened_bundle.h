// A bundle that a verb was given: read, verified and, where keys are named, signed by one of them.
#pragma once

#include <string>

#include "cli/output.h"
#include "manifest/bundle/bundle.h"

namespace phoenix::cli {

struct OpenedBundle {
  std::string archive;
  manifest::Bundle bundle;
  std::string signed_by;  // id of the key; empty if none was asked for
};

// `keys`: a file or a folder of public keys, one of which must have signed PATH.sig; empty: the
// signature is not asked for. `what` is the first line of a failure.
Outcome<OpenedBundle> open_bundle_file(const std::string& what, const std::string& path,
                                       const std::string& keys);

}  // namespace phoenix::cli
