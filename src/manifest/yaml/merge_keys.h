// YAML 1.1's "<<: *base": the keys of another mapping, where the mapping itself has not got them.
#pragma once

#include "manifest/yaml/node.h"

namespace phoenix::manifest {

// Puts them in, all the way down. A "<<" that is neither a mapping nor a list of such is an error,
// and goes.
void merge_keys(Node* node, Findings* findings);

}  // namespace phoenix::manifest
