// LZW as Go's compress/lzw has it with least significant bits first and eight-bit literals: codes
// of 9 to 12 bits, 256 clears the dictionary, 257 ends the stream. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace phoenix::gossip {

// Byte for byte what Go's writer produces.
std::string lzw_compress(std::string_view plain);

// Appends to `plain`. False: malformed, cut off, or more than `limit` bytes; `plain` then holds
// some part of it, never more than `limit` bytes beyond what it held. What follows the end code is
// not looked at.
bool lzw_decompress(std::string_view packed, size_t limit, std::string& plain);

}  // namespace phoenix::gossip
