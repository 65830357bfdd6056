// Holds a document against the table of its kind: every key known, every value of its type and in
// its range, nothing lacking. Tells every fault with its place, the nearest known key where one is
// unknown, and what is allowed.
//
// In v1alpha1 an unknown key and a scalar that YAML 1.1 reads differently are warnings, and a
// number or truth value stands for text where text is wanted, as the original took them.
#pragma once

#include <string>

#include "manifest/kinds/shape.h"
#include "manifest/yaml/node.h"

namespace phoenix::manifest {

void check(const Node& document, const KindTable& kind, ApiVersion version, Findings* findings);

}  // namespace phoenix::manifest
