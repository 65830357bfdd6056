#include "api/openapi.h"

// The three files of openapi/ as they are; PHOENIX_OPENAPI_FOLDER is their path.
asm(".section .rodata\n"
    "phoenix_openapi_info:\n"
    ".incbin \"" PHOENIX_OPENAPI_FOLDER
    "/info.json\"\n"
    "phoenix_openapi_info_end:\n"
    "phoenix_openapi_paths:\n"
    ".incbin \"" PHOENIX_OPENAPI_FOLDER
    "/paths.json\"\n"
    "phoenix_openapi_paths_end:\n"
    "phoenix_openapi_components:\n"
    ".incbin \"" PHOENIX_OPENAPI_FOLDER
    "/components.json\"\n"
    "phoenix_openapi_components_end:\n"
    ".previous\n");

extern "C" const char phoenix_openapi_info[];
extern "C" const char phoenix_openapi_info_end[];
extern "C" const char phoenix_openapi_paths[];
extern "C" const char phoenix_openapi_paths_end[];
extern "C" const char phoenix_openapi_components[];
extern "C" const char phoenix_openapi_components_end[];

namespace phoenix {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

// info.json is an object: the other two become its last members.
std::string compose() {
  std::string text(between(phoenix_openapi_info, phoenix_openapi_info_end));
  text.erase(text.rfind('}'));
  text.append(",\"paths\":").append(between(phoenix_openapi_paths, phoenix_openapi_paths_end));
  text.append(",\"components\":");
  text.append(between(phoenix_openapi_components, phoenix_openapi_components_end));
  return text + "}\n";
}

}  // namespace

const std::string& openapi_json() {
  static const std::string text = compose();
  return text;
}

}  // namespace phoenix
