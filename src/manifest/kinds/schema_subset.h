// The subset of JSON Schema that contracts are written in: type, properties, required, enum,
// minimum, maximum, items, pattern, additionalProperties, and title and description, which say
// nothing. In v1 another keyword is an error, since whoever wrote it relies on it; in v1alpha1,
// where the original never evaluated any, it is a warning.
#pragma once

#include <string>

#include "manifest/kinds/shape.h"
#include "manifest/yaml/node.h"

namespace phoenix::manifest {

// The schema without the keywords that are not among them, at any depth.
Node known_keywords(const Node& schema);

void check_schema(const Node& node, ApiVersion version, const std::string& path,
                  Findings* findings);

}  // namespace phoenix::manifest
