// Which host keeps which slots, as the ring's rule has it for the hosts that are known. Making one
// takes some 4,096 hashes a host (0.1 ms for one): for what an operator asks, not for each packet.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/json/json_writer.h"
#include "ring/slots.h"

namespace phoenix {

struct HostWeight {
  std::string_view name;
  uint32_t weight = 0;
};

class SlotKeepers {
 public:
  // Requires: names differ, and outlive this.
  SlotKeepers(const RingKey& key, std::span<const HostWeight> hosts);

  // Empty: no host has weight.
  std::string_view of(uint32_t slot) const;
  // How many slots the host keeps; 0 for one that is not known.
  uint32_t kept_by(std::string_view host) const;
  // "keepers":[{"host":"a","slots":4096}], those that keep any, in the order in which they came.
  void write(json::Writer& writer) const;

 private:
  SlotMap map_;
  std::vector<SlotMap::HostNo> hosts_;
};

}  // namespace phoenix
