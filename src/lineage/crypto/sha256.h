// SHA-256 of bytes as they are, with no length in front, as RFC 9162 and DSSE want it. By OpenSSL,
// which uses the processor's instructions, and without its table of algorithms, since that costs
// as much as to hash 64 bytes. Any thread may call.
#pragma once

#include <string>
#include <string_view>

#include "base/digest.h"

namespace phoenix::lineage {

Digest sha256(std::string_view bytes);
// Of the bytes of all, one behind the other.
Digest sha256(std::string_view a, std::string_view b);
Digest sha256(std::string_view a, std::string_view b, std::string_view c);

// 64 lower-case hexadecimal digits.
std::string hex(const Digest& digest);

}  // namespace phoenix::lineage
