// Bytes as text, each in one form only: base64 of RFC 4648 with padding and no line breaks, and
// lower-case hexadecimal. The readers refuse every other spelling of the same bytes. And characters
// as the bytes of a text; whether bytes are such a text is for valid_utf8 (key.h) to say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace phoenix {

std::string base64_text(std::string_view bytes);
std::optional<std::string> base64_bytes(std::string_view text);

std::string hex_text(std::string_view bytes);

// Appends a code point as UTF-8. Requires: at most 0x10FFFF.
void append_utf8(std::string& out, uint32_t point);

}  // namespace phoenix
