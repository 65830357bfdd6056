#include "api/ring/slot_keepers.h"

namespace phoenix {

SlotKeepers::SlotKeepers(const RingKey& key, std::span<const HostWeight> hosts) : map_(key) {
  for (const HostWeight& host : hosts) hosts_.push_back(map_.add(host.name, host.weight));
}

std::string_view SlotKeepers::of(uint32_t slot) const {
  const SlotMap::HostNo keeper = map_.keeper(slot);
  return keeper == SlotMap::kNobody ? std::string_view() : map_.id(keeper);
}

uint32_t SlotKeepers::kept_by(std::string_view host) const {
  for (const SlotMap::HostNo no : hosts_) {
    if (map_.id(no) == host) return map_.kept(no);
  }
  return 0;
}

void SlotKeepers::write(json::Writer& writer) const {
  writer.key("keepers");
  writer.begin_array();
  for (const SlotMap::HostNo no : hosts_) {
    if (map_.kept(no) == 0) continue;
    writer.begin_object();
    writer.field("host", map_.id(no));
    writer.number("slots", map_.kept(no));
    writer.end_object();
  }
  writer.end_array();
}

}  // namespace phoenix
