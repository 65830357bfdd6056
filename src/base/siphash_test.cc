#include "base/siphash.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace phoenix {
namespace {

std::string from_hex(const std::string& text) {
  std::string bytes;
  if (text == "-") return bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

// Rows of "key message hash" made by tests/ring_golden.py, which shares no code with us.
TEST(SipHash, agrees_with_the_reference_on_every_vector) {
  std::ifstream file(PHOENIX_CORPUS "/siphash.txt");
  std::string line;
  int rows = 0;
  while (std::getline(file, line)) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    std::string key_text, message, hash;
    fields >> key_text >> message >> hash;
    RingKey key;
    const std::string key_bytes = from_hex(key_text);
    ASSERT_EQ(key_bytes.size(), key.bytes.size());
    std::copy(key_bytes.begin(), key_bytes.end(), key.bytes.begin());
    ASSERT_EQ(siphash13(key, from_hex(message)), std::stoull(hash, nullptr, 16)) << line;
    ++rows;
  }
  EXPECT_GE(rows, 100);
}

// Key 00 01 .. 0f; the empty message, then the one byte 00.
TEST(SipHash, gives_the_published_values_under_the_test_key) {
  RingKey key;
  for (uint8_t i = 0; i < 16; ++i) key.bytes[i] = i;
  EXPECT_EQ(siphash13(key, ""), 0xabac0158050fc4dcu);
  EXPECT_EQ(siphash13(key, std::string_view("\0", 1)), 0xc9f49bf37d57ca93u);
}

TEST(SipHash, of_a_series_is_that_of_each_whole_text) {
  RingKey key;
  for (uint8_t i = 0; i < 16; ++i) key.bytes[i] = static_cast<uint8_t>(7 * i);
  std::string shared;
  for (int size = 0; size < 40; ++size) {
    const SipHashSeries series(key, shared);
    for (const uint32_t last : {0u, 1u, 127u, 0x01020304u, 0xffffffffu}) {
      std::string whole = shared;
      for (int shift = 0; shift < 32; shift += 8) whole += static_cast<char>(last >> shift);
      ASSERT_EQ(series(last), siphash13(key, whole)) << size << " " << last;
    }
    shared += static_cast<char>(0xf0 + size);
  }
}

TEST(SipHash, depends_on_each_bit_of_the_key) {
  RingKey key;
  const uint64_t before = siphash13(key, "message");
  for (size_t bit = 0; bit < 128; ++bit) {
    RingKey other = key;
    other.bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_NE(siphash13(other, "message"), before) << bit;
  }
}

}  // namespace
}  // namespace phoenix
