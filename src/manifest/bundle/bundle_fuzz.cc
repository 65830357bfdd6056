// Any bytes: refused with a reason, or a bundle whose files can all be written again.
#include <cstdint>
#include <cstdlib>

#include "manifest/bundle/bundle.h"
#include "manifest/bundle/json_tree.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto bundle = phoenix::manifest::open_bundle(bytes);
  if (!bundle && bundle.error().reason_code.empty()) abort();
  if (const auto files = phoenix::manifest::read_archive(bytes)) {
    const auto again = phoenix::manifest::read_archive(phoenix::manifest::write_archive(*files));
    if (!again || *again != *files) abort();
  }
  phoenix::manifest::parse_json_tree(bytes);
  return 0;
}
