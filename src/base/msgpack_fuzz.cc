// Reads whatever stands next, by its first byte, and writes it again: the reader takes canonical
// forms only, so what was read must be rewritten byte for byte.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/msgpack.h"

namespace {

void copy_one(phoenix::MsgpackReader& in, phoenix::MsgpackWriter& out, uint8_t tag) {
  if (tag == 0xc0) {
    in.nil();
    if (in.ok()) out.nil();
  } else if (tag == 0xc2 || tag == 0xc3) {
    const bool value = in.boolean();
    if (in.ok()) out.boolean(value);
  } else if (tag < 0x80 || (tag >= 0xcc && tag <= 0xcf)) {
    const uint64_t value = in.uint();
    if (in.ok()) out.uint(value);
  } else if (tag >= 0xe0 || (tag >= 0xd0 && tag <= 0xd3)) {
    const int64_t value = in.sint();
    if (in.ok()) out.sint(value);
  } else if ((tag >= 0xa0 && tag <= 0xbf) || (tag >= 0xd9 && tag <= 0xdb)) {
    const std::string_view value = in.str();
    if (in.ok()) out.str(value);
  } else if (tag >= 0xc4 && tag <= 0xc6) {
    const std::string_view value = in.bin();
    if (in.ok()) out.bin(value);
  } else {
    const uint32_t size = in.array();
    if (in.ok()) out.array(size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  phoenix::MsgpackReader in(bytes);
  std::string copy;
  phoenix::MsgpackWriter out(copy);
  // Each element takes a byte at least, and what was written is as long as what was read.
  while (in.ok() && copy.size() < size) copy_one(in, out, data[copy.size()]);
  if (in.ok() && (!in.at_end() || copy != bytes)) std::abort();
  if (!in.ok() && bytes.substr(0, copy.size()) != copy) std::abort();
  return 0;
}
