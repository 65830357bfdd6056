#include "api/openapi.h"

// The file itself, as bytes; PHOENIX_OPENAPI_FILE is its path.
asm(".section .rodata\n"
    ".global phoenix_openapi_begin\n"
    ".global phoenix_openapi_end\n"
    "phoenix_openapi_begin:\n"
    ".incbin \"" PHOENIX_OPENAPI_FILE
    "\"\n"
    "phoenix_openapi_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" const char phoenix_openapi_begin[];
extern "C" const char phoenix_openapi_end[];

namespace phoenix {

std::string_view openapi_json() {
  return {phoenix_openapi_begin, static_cast<size_t>(phoenix_openapi_end - phoenix_openapi_begin)};
}

}  // namespace phoenix
