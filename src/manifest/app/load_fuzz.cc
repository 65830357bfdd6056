// Any bytes as a file of documents: loaded or refused, each fault with its place, never a crash.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "manifest/app/load.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = phoenix::manifest::load_text(text, "fuzz.yaml", false);
  for (const auto& finding : loaded.findings) {
    if (finding.place.file == nullptr || finding.detail.empty()) std::abort();
    if (!finding.text().starts_with("fuzz.yaml")) std::abort();
  }
  return 0;
}
