// The digest that everything is named and compared by: 32 bytes of SHA-256. What makes one is above
// (src/lineage/crypto, src/api/codec); this folder only carries it.
#pragma once

#include <array>
#include <cstdint>

namespace phoenix {

using Digest = std::array<uint8_t, 32>;

}  // namespace phoenix
