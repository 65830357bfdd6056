// Fills datagrams: what must go, then as much of what waits in the queues as fits. Claims about
// hosts come first, but the three queues of the Serf layer have a quarter of the room to
// themselves while anything waits in them, so that a storm of claims does not starve them.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "membership/swim/broadcasts.h"
#include "membership/wire/packet.h"

namespace phoenix::gossip {

// All referred to outlive the packer's use.
struct Queues {
  static constexpr size_t kDepth = 2'048;
  // `longest`: bytes of a message that fits into a packet of its own.
  Queues(Broadcasts& of_swim, size_t longest, const RingKey& hash_key)
      : claims(of_swim),
        intents(kDepth, longest, hash_key),
        events(kDepth, longest, hash_key),
        queries(kDepth, longest, hash_key) {}

  Broadcasts& claims;
  Broadcasts intents, events, queries;

  bool all_empty() const {
    return claims.empty() && intents.empty() && events.empty() && queries.empty();
  }
};

class Packer {
 public:
  Packer(const FrameOptions& frame, const Keyring& keyring, Nonces nonces)
      : frame_(frame), keyring_(keyring), nonces_(nonces) {}

  // `first` may be empty: then a packet comes about only if something waits, else an empty string.
  // `limit`: how often a queued message is sent before it is done with.
  std::string pack(const std::vector<std::string_view>& first, bool checksum, Queues& queues,
                   int limit);
  // Sealed for a stream.
  std::string seal(std::string_view message, bool request) {
    return seal_stream(message, frame_, keyring_, nonces_, request);
  }

 private:
  const FrameOptions& frame_;
  const Keyring& keyring_;
  Nonces nonces_;
  std::vector<std::string_view> parts_;
};

}  // namespace phoenix::gossip
