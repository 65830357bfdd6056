// Any bytes: either refused, or the one encoding of what they say.
#include "packet/encoding.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto packet = phoenix::decode_head(bytes);
  if (packet && phoenix::encode_head(*packet) != bytes) std::abort();
  return 0;
}
