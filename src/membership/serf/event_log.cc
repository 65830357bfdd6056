#include "membership/serf/event_log.h"

#include <algorithm>

namespace phoenix::gossip {

Novelty EventLog::add(const UserEvent& event, LamportTime time) {
  if (event.ltime == 0 || event.ltime < floor_) return Novelty::kTooOld;
  if (time > kSlots && event.ltime < time - kSlots) return Novelty::kTooOld;
  const size_t size = event.name.size() + event.payload.size();
  if (size > kLongest) return Novelty::kNoRoom;
  if (slots_.empty()) slots_.resize(kSlots);

  Slot& slot = slots_[event.ltime % kSlots];
  if (slot.ltime == event.ltime) {
    for (const Entry& entry : slot.entries) {
      if (entry.name() == event.name && entry.payload() == event.payload) return Novelty::kSeen;
    }
    if (slot.entries.size() >= kMostAtOnce) return Novelty::kNoRoom;
  }
  if (!make_room(size + sizeof(Entry), event.ltime)) return Novelty::kNoRoom;
  if (slot.ltime != event.ltime) {
    clear(slot);
    slot.ltime = event.ltime;
  }
  Entry entry{std::string(event.name), event.name.size()};
  entry.text.append(event.payload);
  slot.entries.push_back(std::move(entry));
  bytes_ += size + sizeof(Entry);
  return Novelty::kNew;
}

void EventLog::ignore_before(LamportTime floor) { floor_ = std::max(floor_, floor); }

std::vector<SerfState::EventsAt> EventLog::list() const {
  std::vector<SerfState::EventsAt> all;
  for (const Slot& slot : slots_) {
    if (slot.ltime == 0) continue;
    SerfState::EventsAt& at = all.emplace_back();
    at.ltime = slot.ltime;
    for (const Entry& entry : slot.entries) at.events.push_back({entry.name(), entry.payload()});
  }
  return all;
}

// Lets go of times before `ltime` only: the newest news must not be lost to older ones.
bool EventLog::make_room(size_t bytes, LamportTime ltime) {
  while (bytes_ + bytes > kMostBytes) {
    Slot* oldest = nullptr;
    for (Slot& slot : slots_) {
      const bool older = slot.ltime != 0 && slot.ltime < ltime;
      if (older && (oldest == nullptr || slot.ltime < oldest->ltime)) oldest = &slot;
    }
    if (oldest == nullptr) return false;
    ignore_before(oldest->ltime + 1);
    clear(*oldest);
  }
  return true;
}

void EventLog::clear(Slot& slot) {
  for (const Entry& entry : slot.entries) bytes_ -= entry.text.size() + sizeof(Entry);
  slot.entries = {};
  slot.ltime = 0;
}

}  // namespace phoenix::gossip
