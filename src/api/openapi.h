// The OpenAPI 3.1 description of the REST face. Its source are the files of openapi/ (info, paths,
// components), which are built into the program; a test holds the routes to them.
#pragma once

#include <string>

namespace phoenix {

const std::string& openapi_json();

}  // namespace phoenix
