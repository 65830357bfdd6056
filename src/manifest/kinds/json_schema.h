// The tables as JSON Schema (draft 2020-12), so that an editor completes and checks what the loader
// will take. Where the loader knows more than a schema can say (what never works, ambiguous
// scalars), the schema takes more than the loader.
#pragma once

#include <string>

#include "manifest/kinds/shape.h"

namespace phoenix::manifest {

// One JSON document, indented by two spaces and closed by a line feed.
std::string json_schema(const KindTable& kind, ApiVersion version);

}  // namespace phoenix::manifest
