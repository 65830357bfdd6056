#include "membership/serf/intents.h"

namespace phoenix::gossip {

Intents::Verdict Intents::add(std::string_view name, const Intent& intent, Instant now) {
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    Entry& entry = *found->second;
    if (intent <= entry.intent) return Verdict::kOld;
    entry.intent = intent;
    entry.since = now;
    entries_.splice(entries_.end(), entries_, found->second);
    return Verdict::kNew;
  }
  if (entries_.size() >= kMost || name.size() > kLongestName) return Verdict::kNoRoom;
  entries_.push_back({std::string(name), intent, now});
  by_name_.emplace(entries_.back().name, std::prev(entries_.end()));
  return Verdict::kNew;
}

std::optional<Intent> Intents::take(std::string_view name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  const auto entry = found->second;
  const Intent intent = entry->intent;
  by_name_.erase(found);
  entries_.erase(entry);
  return intent;
}

void Intents::expire(Instant limit) {
  while (!entries_.empty() && entries_.front().since <= limit) {
    by_name_.erase(entries_.front().name);
    entries_.pop_front();
  }
}

}  // namespace phoenix::gossip
