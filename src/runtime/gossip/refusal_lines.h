// Which of the messages that were refused are worth a line in the log. A wrong key or label is an
// operator's mistake, and its peer may tell nobody; anybody can send any number of them.
// Used by one thread.
#pragma once

#include <array>
#include <cstddef>

#include "base/time.h"
#include "membership/endpoint.h"
#include "membership/wire/packet.h"

namespace phoenix::gossip {

class RefusalLines {
 public:
  static constexpr Duration kOnceIn = seconds(60);
  // Of each reason so many addresses, so that garbage of one does not hide another's wrong key.
  static constexpr size_t kAddresses = 8;

  // True once in `kOnceIn` for a reason and the address (any port) it came from, and for no more
  // than `kAddresses` of them in that time.
  bool is_due(Drop why, const Endpoint& from, Instant now);

 private:
  struct Told {
    Endpoint from;  // port 0
    Instant at;
  };
  std::array<std::array<Told, kAddresses>, kDrops> told_{};
};

}  // namespace phoenix::gossip
