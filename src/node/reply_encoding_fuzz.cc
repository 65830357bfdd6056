// Any bytes as a kept answer: either refused, or what is read is written and read again the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "node/command.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto reply = phoenix::decode_reply(bytes);
  if (!reply) return 0;
  const std::string written = phoenix::encode_reply(*reply);
  const auto again = phoenix::decode_reply(written);
  if (!again || phoenix::encode_reply(*again) != written) std::abort();
  return 0;
}
