#include "base/bytes_text.h"

#include <array>
#include <cstdint>

namespace phoenix {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNone = 0xff;

constexpr std::array<uint8_t, 256> reverse_alphabet() {
  std::array<uint8_t, 256> reverse{};
  for (uint8_t& value : reverse) value = kNone;
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    reverse[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  return reverse;
}
constexpr std::array<uint8_t, 256> kReverse = reverse_alphabet();

uint8_t byte_at(std::string_view bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }

}  // namespace

std::string base64_text(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  size_t to = 0;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const uint32_t group = static_cast<uint32_t>(byte_at(bytes, i)) << 16 |
                           (left > 1 ? static_cast<uint32_t>(byte_at(bytes, i + 1)) << 8 : 0) |
                           (left > 2 ? byte_at(bytes, i + 2) : 0);
    text[to] = kAlphabet[group >> 18];
    text[to + 1] = kAlphabet[group >> 12 & 63];
    if (left > 1) text[to + 2] = kAlphabet[group >> 6 & 63];
    if (left > 2) text[to + 3] = kAlphabet[group & 63];
    to += 4;
  }
  return text;
}

std::optional<std::string> base64_bytes(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string bytes(text.size() / 4 * 3, '\0');
  size_t to = 0;
  for (size_t i = 0; i < text.size(); i += 4) {
    const size_t absent = i + 4 == text.size() ? padding : 0;
    uint32_t group = 0;
    for (size_t j = 0; j < 4; ++j) {
      const uint8_t value = j + absent < 4 ? kReverse[byte_at(text, i + j)] : 0;
      if (value == kNone) return std::nullopt;
      group = group << 6 | value;
    }
    // What the padding leaves out must be zero, or two texts would stand for the same bytes.
    if ((absent == 1 && (group & 0xff) != 0) || (absent == 2 && (group & 0xffff) != 0)) {
      return std::nullopt;
    }
    bytes[to++] = static_cast<char>(group >> 16);
    bytes[to++] = static_cast<char>(group >> 8);
    bytes[to++] = static_cast<char>(group);
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

std::string hex_text(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (size_t i = 0; i < bytes.size(); ++i) {
    text += kDigits[byte_at(bytes, i) >> 4];
    text += kDigits[byte_at(bytes, i) & 15];
  }
  return text;
}

void append_utf8(std::string& out, uint32_t point) {
  const auto byte = [&out](uint32_t value) { out.push_back(static_cast<char>(value)); };
  if (point < 0x80) return byte(point);
  if (point < 0x800) {
    byte(0xC0 | point >> 6);
  } else if (point < 0x10000) {
    byte(0xE0 | point >> 12);
    byte(0x80 | (point >> 6 & 0x3F));
  } else {
    byte(0xF0 | point >> 18);
    byte(0x80 | (point >> 12 & 0x3F));
    byte(0x80 | (point >> 6 & 0x3F));
  }
  byte(0x80 | (point & 0x3F));
}

}  // namespace phoenix
