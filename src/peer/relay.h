// What two hosts say to each other through a third one when they cannot reach each other directly.
// Such a circuit carries the bytes of an ordinary Link, so that handshake, order, urgency and
// silence are judged from end to end; the third host keeps nothing of it.
//
//   smaller of both --open--> third --open--> larger        then data both ways
//
// Data name their place in the stream of bytes, so that a gap (the third host had no room) is seen
// and ends the circuit; credit bounds what is under way. A frame goes over one third host at most:
// what was passed on is never passed on again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/host_life.h"

namespace phoenix::peer {

enum class RelayOp : uint8_t {
  kOpen,
  kData,    // `at`: where in the stream its bytes begin
  kCredit,  // `at`: how many bytes of the stream have been taken
  kClose,   // also by the third host: it cannot pass this on
};

struct RelayMessage {
  HostLife from, to;
  uint64_t circuit = 0;  // the opener's number for it, unique within its life
  RelayOp op = RelayOp::kOpen;
  uint64_t at = 0;
  std::string_view bytes;  // of kData, never empty there
};

// Beside the bytes, with names of at most 255 bytes.
inline constexpr size_t kRelayOverhead = 600;

std::string encode(const RelayMessage& message);
// Strict. The bytes are a view into the input.
std::optional<RelayMessage> decode_relay(std::string_view bytes);

}  // namespace phoenix::peer
