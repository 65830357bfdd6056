// What the Serf layer asks about hosts. The table is SWIM's; this is the part of it that the layer
// above reads, so that no name, address or tag is kept twice.
#pragma once

#include <cstdint>
#include <string_view>

#include "membership/endpoint.h"
#include "membership/wire/messages.h"

namespace phoenix::gossip {

// Small dense number of a known host: stays the same while the host is known, may be another
// host's once it has been forgotten.
using HostNumber = uint32_t;
inline constexpr HostNumber kNoHost = UINT32_MAX;

// Views are read at once and not kept.
struct HostFacts {
  std::string_view name;
  Endpoint endpoint;
  std::string_view meta;
  Versions versions;
};

class HostNames {
 public:
  virtual ~HostNames() = default;
  virtual HostNumber find(std::string_view name) const = 0;  // kNoHost: unknown
  // Requires: `host` is known.
  virtual HostFacts facts(HostNumber host) const = 0;
};

}  // namespace phoenix::gossip
