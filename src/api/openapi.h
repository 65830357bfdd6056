// The OpenAPI 3.1 description of the REST face: openapi.json, built into the program.
#pragma once

#include <string_view>

namespace phoenix {

std::string_view openapi_json();

}  // namespace phoenix
