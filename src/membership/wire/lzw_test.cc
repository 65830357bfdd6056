#include "membership/wire/lzw.h"

#include <gtest/gtest.h>

#include "membership/wire/crc32.h"
#include "membership/wire/test_hex.h"

namespace phoenix::gossip {
namespace {

TEST(Crc32, KnownSums) {
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);  // the check value of the polynomial
  EXPECT_EQ(crc32(std::string(32, '\0')), 0x190a55adU);
  EXPECT_EQ(crc32(noise(300, 2)), 0x792acd7bU);
  EXPECT_EQ(crc32(noise(60'000, 256)), 0x74639b7aU);
}

struct Vector {
  std::string_view plain;
  std::string_view packed;
};
// Written by Go 1.26's compress/lzw.
constexpr std::array<Vector, 4> kVectors = {
    {{"", "000302"},
     {"a", "00c30404"},
     {"aaaaaaaaaaaaaaaaaaaa", "00c3081c48b060c180"},
     {"TOBEORNOTTOBEORTOBEORNOT", "00a93c1152e48914274fa80824687061c183090302"}}};

TEST(Lzw, WritesAndReadsWhatGoDoes) {
  for (const Vector& v : kVectors) {
    EXPECT_EQ(to_hex(lzw_compress(v.plain)), v.packed);
    std::string plain;
    EXPECT_TRUE(lzw_decompress(from_hex(v.packed), v.plain.size(), plain));
    EXPECT_EQ(plain, v.plain);
  }
}

struct Sum {
  size_t size;
  uint32_t range;
  size_t packed_size;
  uint32_t packed_sum;
};
// Sizes and sums of what Go's writer makes of noise(size, range): below, at and beyond the point
// where the dictionary is full (after 3,838 codes), and with several clearings.
constexpr std::array<Sum, 12> kSums = {{{300, 2, 92, 0x87e3b2f2},
                                        {5000, 4, 1624, 0xc9992a6a},
                                        {5000, 256, 6730, 0x6ae53b43},
                                        {60000, 3, 14299, 0xaa4b7214},
                                        {60000, 256, 82096, 0xdc2b58a2},
                                        {200000, 16, 125154, 0xc2c7acfd},
                                        {3836, 256, 5255, 0x40421c08},
                                        {3837, 256, 5257, 0x54b00512},
                                        {3838, 256, 5258, 0x2c0a91a9},
                                        {3839, 256, 5260, 0xcde5facb},
                                        {3840, 256, 5261, 0xe8553ca8},
                                        {3841, 256, 5263, 0xba035af4}}};

TEST(Lzw, AgreesWithGoWhereTheDictionaryFills) {
  for (const Sum& s : kSums) {
    const std::string plain = noise(s.size, s.range);
    const std::string packed = lzw_compress(plain);
    EXPECT_EQ(packed.size(), s.packed_size) << s.size << " of " << s.range;
    EXPECT_EQ(crc32(packed), s.packed_sum) << s.size << " of " << s.range;
    std::string unpacked = "kept";
    EXPECT_TRUE(lzw_decompress(packed, s.size, unpacked));
    EXPECT_EQ(unpacked, "kept" + plain);
  }
}

TEST(Lzw, StopsAtTheLimitAndNotOneByteLater) {
  const std::string plain(10'000'000, 'x');
  const std::string bomb = lzw_compress(plain);
  EXPECT_LT(bomb.size(), 25'000U);
  for (const size_t limit : {size_t{0}, size_t{1}, size_t{65'536}, plain.size() - 1}) {
    std::string out;
    EXPECT_FALSE(lzw_decompress(bomb, limit, out)) << limit;
    EXPECT_LE(out.size(), limit);
  }
  std::string out;
  EXPECT_TRUE(lzw_decompress(bomb, plain.size(), out));
  EXPECT_EQ(out.size(), plain.size());
}

TEST(Lzw, RefusesWhatIsCutOff) {
  const std::string packed = lzw_compress(noise(300, 4));
  for (size_t size = 0; size < packed.size(); ++size) {
    std::string out;
    EXPECT_FALSE(lzw_decompress(std::string_view(packed).substr(0, size), 1'000, out)) << size;
  }
}

// Codes of nine bits, least significant bits first.
std::string nine_bits(std::initializer_list<uint32_t> codes) {
  std::string out;
  uint32_t bits = 0;
  int held = 0;
  for (const uint32_t code : codes) {
    bits |= code << held;
    for (held += 9; held >= 8; held -= 8) {
      out.push_back(static_cast<char>(bits));
      bits >>= 8;
    }
  }
  out.push_back(static_cast<char>(bits));
  return out;
}

TEST(Lzw, RefusesCodesThatNothingDefined) {
  std::string out;
  EXPECT_TRUE(lzw_decompress(nine_bits({256, 'a', 258, 257}), 10, out));
  EXPECT_EQ(out, "aaa");
  EXPECT_FALSE(lzw_decompress(nine_bits({256, 'a', 259, 257}), 10, out));
  EXPECT_FALSE(lzw_decompress(nine_bits({258, 257}), 10, out));
  EXPECT_FALSE(lzw_decompress(nine_bits({256, 258, 257}), 10, out));
  // What was defined before a clear is gone.
  EXPECT_FALSE(lzw_decompress(nine_bits({256, 'a', 'b', 256, 258, 257}), 10, out));
  EXPECT_FALSE(lzw_decompress(nine_bits({256, 'a', 'b', 256, 'c', 259, 257}), 10, out));
}

TEST(Lzw, AStreamWithoutClearGoesOnWithAFullDictionary) {
  // As the reader of Go does; its writer never makes one. Codes in the width that is due.
  std::string packed;
  uint64_t bits = 0;
  int held = 0;
  int width = 9;
  const auto emit = [&](uint64_t code) {
    bits |= code << held;
    for (held += width; held >= 8; held -= 8) {
      packed.push_back(static_cast<char>(bits));
      bits >>= 8;
    }
  };
  std::string plain;
  for (uint32_t i = 0; i < 6'000; ++i) {
    const auto literal = static_cast<uint8_t>(i * 7);
    emit(literal);
    plain.push_back(static_cast<char>(literal));
    if (257 + i + 1 >= 1U << width && width < 12) ++width;
  }
  emit(4095);  // the last that was defined: code 258 is literals 0 and 1, so this is 3837 and 3838
  plain.push_back(plain[3837]);
  plain.push_back(plain[3838]);
  emit(257);
  packed.push_back(static_cast<char>(bits));
  std::string out;
  EXPECT_TRUE(lzw_decompress(packed, 10'000, out));
  EXPECT_EQ(out, plain);
}

}  // namespace
}  // namespace phoenix::gossip
