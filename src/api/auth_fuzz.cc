// Any bytes as the --auth-file: either refused with a place in it, or a list of tokens, each with a
// name and at least one role.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "api/auth.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto entries = phoenix::Auth::parse(text, "auth.yaml");
  if (!entries) {
    if (entries.error().detail.find("auth.yaml") == std::string::npos) std::abort();
    return 0;
  }
  for (const auto& entry : *entries) {
    if (entry.principal->name.empty() || entry.principal->roles == 0) std::abort();
  }
  return 0;
}
