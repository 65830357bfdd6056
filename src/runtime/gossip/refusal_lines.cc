#include "runtime/gossip/refusal_lines.h"

#include <algorithm>

namespace phoenix::gossip {

bool RefusalLines::is_due(Drop why, const Endpoint& from, Instant now) {
  Endpoint address = from;
  address.port = 0;
  const auto is_past = [&](const Told& told) {
    return told.at.ns == 0 || now - told.at >= kOnceIn;
  };
  auto& told = told_[static_cast<size_t>(why)];
  const auto known = std::ranges::find(told, address, &Told::from);
  if (known != told.end() && !is_past(*known)) return false;
  const auto place = known != told.end() ? known : std::ranges::find_if(told, is_past);
  if (place == told.end()) return false;
  *place = {address, now};
  return true;
}

}  // namespace phoenix::gossip
