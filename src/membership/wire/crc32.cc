#include "membership/wire/crc32.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace phoenix::gossip {
namespace {

using Tables = std::array<std::array<uint32_t, 256>, 8>;

// kTables[k][b]: what byte b does to the sum when k further bytes follow it. With eight of them
// eight bytes go in at once, each by a lookup that waits for no other.
constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t sum = b;
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ ((sum & 1) != 0 ? 0xedb88320U : 0);
    tables[0][b] = sum;
  }
  for (size_t k = 1; k < tables.size(); ++k) {
    for (size_t b = 0; b < 256; ++b) {
      const uint32_t before = tables[k - 1][b];
      tables[k][b] = before >> 8 ^ tables[0][before & 0xff];
    }
  }
  return tables;
}
constexpr Tables kTables = make_tables();

}  // namespace

uint32_t crc32(std::string_view bytes) {
  static_assert(std::endian::native == std::endian::little);
  uint32_t sum = 0xffffffff;
  while (bytes.size() >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    word ^= sum;
    sum = 0;
    for (size_t i = 0; i < 8; ++i) sum ^= kTables[7 - i][word >> (8 * i) & 0xff];
    bytes.remove_prefix(8);
  }
  for (const char c : bytes) sum = sum >> 8 ^ kTables[0][(sum ^ static_cast<uint8_t>(c)) & 0xff];
  return ~sum;
}

}  // namespace phoenix::gossip
