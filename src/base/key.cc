#include "base/key.h"

#include <cstdint>
#include <cstring>

namespace phoenix {
namespace {

bool alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// How many bytes at the beginning are ASCII, or some fewer: eight at a time are looked at.
size_t ascii_bytes(std::string_view text) {
  constexpr uint64_t kHigh = 0x8080808080808080;
  size_t i = 0;
  for (; text.size() - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
    uint64_t eight = 0;
    std::memcpy(&eight, text.data() + i, sizeof eight);
    if ((eight & kHigh) != 0) break;
  }
  return i;
}

}  // namespace

bool valid_id(std::string_view text) {
  if (text.empty() || text.size() > 128 || !alphanumeric(text[0])) return false;
  for (const char c : text) {
    if (!alphanumeric(c) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

bool valid_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<uint8_t>(text[i++]);
    if (lead < 0x80) {
      i += ascii_bytes(text.substr(i));
      continue;
    }
    int more = 0;
    uint32_t point = 0;
    uint32_t least = 0;
    if ((lead & 0xe0) == 0xc0) {
      more = 1, point = lead & 0x1f, least = 0x80;
    } else if ((lead & 0xf0) == 0xe0) {
      more = 2, point = lead & 0x0f, least = 0x800;
    } else if ((lead & 0xf8) == 0xf0) {
      more = 3, point = lead & 0x07, least = 0x10000;
    } else {
      return false;
    }
    for (; more > 0; --more) {
      if (i >= text.size()) return false;
      const auto next = static_cast<uint8_t>(text[i++]);
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3f);
    }
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
  }
  return true;
}

bool valid_name(std::string_view text) {
  if (text.empty() || text.size() > 255 || !valid_utf8(text)) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c < 0x20 || c == 0x7f) return false;
    if (c == 0xc2 && static_cast<uint8_t>(text[i + 1]) < 0xa0) return false;  // C1 controls
  }
  return true;
}

}  // namespace phoenix
