// Any bytes from another host: either refused, or the one encoding of what they say.
#include "cluster/peer_message.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = phoenix::decode_peer_message(bytes);
  if (!message) return 0;
  if (phoenix::encode(*message) != bytes) std::abort();
  phoenix::is_bulk(*message);
  return 0;
}
