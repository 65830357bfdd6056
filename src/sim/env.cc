#include "sim/env.h"

#include <utility>

#include "base/siphash.h"

namespace phoenix::sim {

Digest digest_of(std::string_view text) {
  Digest digest{};
  for (uint8_t part = 0; part < 4; ++part) {
    RingKey key;
    key.bytes[0] = part;
    const uint64_t bits = siphash13(key, text);
    for (size_t i = 0; i < 8; ++i) digest[part * 8 + i] = static_cast<uint8_t>(bits >> (8 * i));
  }
  return digest;
}

Content json_content(std::string text) {
  Content content;
  content.data = std::move(text);
  return content;
}

bool passes_by(ErrorKind kind) {
  return kind == ErrorKind::kDraining || kind == ErrorKind::kStoreUnreachable ||
         kind == ErrorKind::kOverloaded || kind == ErrorKind::kTooManyRequests ||
         kind == ErrorKind::kTimeout || kind == ErrorKind::kConflict;
}

}  // namespace phoenix::sim
