// Any bytes as the file of `serve --config`: either refused, or entries that are flags, each with
// its place in the file.
#include "cli/serve/config_file.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using phoenix::cli::Flag;
  std::vector<Flag> flags(3);
  flags[0].name = "--listen";
  flags[0].value = "ADDR";
  flags[1].name = "--allow-host";
  flags[1].value = "NAME";
  flags[2].name = "--insecure";
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto entries = phoenix::cli::read_config(text, "serve.yaml", flags);
  if (!entries) return 0;
  for (const auto& entry : *entries) {
    bool known = false;
    for (const Flag& flag : flags) known = known || flag.name == entry.flag;
    if (!known || !entry.place.starts_with("serve.yaml:")) std::abort();
  }
  return 0;
}
