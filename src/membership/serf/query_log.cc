#include "membership/serf/query_log.h"

#include <algorithm>

namespace phoenix::gossip {

Novelty QueryLog::add(LamportTime ltime, uint32_t id, LamportTime time) {
  if (ltime == 0 || ltime < floor_) return Novelty::kTooOld;
  if (time > kSlots && ltime < time - kSlots) return Novelty::kTooOld;
  if (slots_.empty()) slots_.resize(kSlots);

  Slot& slot = slots_[ltime % kSlots];
  if (slot.ltime != ltime) {
    slot.ltime = ltime;
    slot.ids.clear();
  }
  if (std::find(slot.ids.begin(), slot.ids.end(), id) != slot.ids.end()) return Novelty::kSeen;
  if (slot.ids.size() >= kMostAtOnce) return Novelty::kNoRoom;
  slot.ids.push_back(id);
  return Novelty::kNew;
}

void QueryLog::ignore_before(LamportTime floor) { floor_ = std::max(floor_, floor); }

}  // namespace phoenix::gossip
