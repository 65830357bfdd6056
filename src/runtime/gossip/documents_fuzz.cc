// Any bytes as each of the files of a host and its pool: refused, or read as what is written again
// and read as the same.
#include "runtime/gossip/documents.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/gossip/key_file.h"

namespace gossip = phoenix::gossip;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto view = gossip::parse_view(text)) {
    const auto again = gossip::parse_view(gossip::render(*view));
    if (!again || !(*again == *view)) std::abort();
  }
  if (const auto known = gossip::parse_remembered(text)) {
    const auto again = gossip::parse_remembered(gossip::render(*known));
    if (!again || again->hosts.size() != known->hosts.size()) std::abort();
  }
  if (const auto names = gossip::parse_pool_names(text)) {
    const auto again = gossip::parse_pool_names(gossip::render(*names));
    if (!again || again->pool != names->pool || again->store != names->store) std::abort();
  }
  if (const auto keys = gossip::parse_keys(text)) {
    const auto again = gossip::parse_keys(gossip::render_keys(*keys));
    if (!again || *again != *keys) std::abort();
  }
  return 0;
}
