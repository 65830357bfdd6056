// The stored form of a packet head: a msgpack array, first element the form's version. Decoding
// checks everything (types, ranges, sizes, trailing bytes) and never trusts lengths: a head comes
// from a file that anybody may have damaged.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "packet/packet.h"

namespace phoenix {

// Form 2 has the legs of the lineage beside, form 3 also what governs it and until when its owner's
// tickets are good, form 4 what its owner is not shown. Each head is written in the first form that
// has room for it.
inline constexpr uint32_t kHeadVersion = 4;

std::string encode_head(const Packet& packet);
Result<Packet> decode_head(std::string_view bytes);

// The part of a head that its creator said, in the same form.
std::string encode_spec(const PacketSpec& spec);
Result<PacketSpec> decode_spec(std::string_view bytes);

// What governs it, likewise.
std::string encode_governed(const Governed& governed);
Result<Governed> decode_governed(std::string_view bytes);

}  // namespace phoenix
