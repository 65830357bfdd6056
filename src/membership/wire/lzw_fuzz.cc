// Any bytes: packed and unpacked they are the same; and unpacked they are refused or keep to the
// limit, and then survive being packed.
#include "membership/wire/lzw.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using phoenix::gossip::lzw_compress;
  using phoenix::gossip::lzw_decompress;
  constexpr size_t kLimit = 100'000;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string back;
  if (!lzw_decompress(lzw_compress(bytes), size, back) || back != bytes) std::abort();

  std::string plain;
  const bool read = lzw_decompress(bytes, kLimit, plain);
  if (plain.size() > kLimit) std::abort();
  if (!read) return 0;
  back.clear();
  if (!lzw_decompress(lzw_compress(plain), plain.size(), back) || back != plain) std::abort();
  return 0;
}
