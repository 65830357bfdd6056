// Bytes as text, each in one form only: base64 of RFC 4648 with padding and no line breaks, and
// lower-case hexadecimal. The readers refuse every other spelling of the same bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace phoenix {

std::string base64_text(std::string_view bytes);
std::optional<std::string> base64_bytes(std::string_view text);

std::string hex_text(std::string_view bytes);

}  // namespace phoenix
