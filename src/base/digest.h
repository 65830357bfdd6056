// The digest that everything is named and compared by: 32 bytes of SHA-256. What makes one is above
// (src/lineage/crypto, src/api/codec); this folder only carries it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace phoenix {

using Digest = std::array<uint8_t, 32>;

// Its bytes, as others keep or hash them; it must live as long.
inline std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace phoenix
