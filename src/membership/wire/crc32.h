// CRC-32 as IEEE 802.3 has it (reflected, polynomial 0xedb88320), which memberlist puts before a
// packet. Finds damage, not malice. Pure; about 2 GB/s.
#pragma once

#include <cstdint>
#include <string_view>

namespace phoenix::gossip {

uint32_t crc32(std::string_view bytes);

}  // namespace phoenix::gossip
