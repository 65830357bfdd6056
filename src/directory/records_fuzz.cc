// Any bytes as a stored member, a stored session, and the `after` of a poll: either refused, or the
// one encoding of what they say.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "directory/member.h"
#include "directory/outbox.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto member = phoenix::decode_member(bytes)) {
    check(phoenix::encode_member(*member) == bytes);
  }
  if (const auto session = phoenix::decode_session(bytes)) {
    check(phoenix::encode_session(*session) == bytes);
  }
  if (const auto cursor = phoenix::parse_cursor(bytes)) {
    // Leading zeros are read too: what is written is the short form.
    check(phoenix::parse_cursor(phoenix::format_cursor(*cursor)) == cursor);
  }
  return 0;
}
