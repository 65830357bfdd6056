// Any bytes as a document for the command line: what is read means the same after it was printed.
#include "cli/json.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using phoenix::cli::Json;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto json = Json::parse(text);
  if (!json) return 0;
  const std::string line = json->dump();
  const auto again = Json::parse(line);
  if (!again || again->dump() != line) std::abort();
  const auto pretty = Json::parse(json->dump_pretty());
  if (!pretty || pretty->dump() != line) std::abort();
  (void)json->dump_yaml();
  return 0;
}
