#include "membership/swim/pings.h"

namespace phoenix::gossip {

uint32_t Pings::add(const PingUnderWay& ping) {
  if (pings_.size() >= most_) return 0;
  while (next_seq_ == 0 || pings_.contains(next_seq_)) ++next_seq_;
  const uint32_t seq = next_seq_++;
  pings_.emplace(seq, ping);
  deadlines_.emplace(ping.deadline, seq);
  return seq;
}

PingUnderWay* Pings::find(uint32_t seq) {
  const auto found = pings_.find(seq);
  return found == pings_.end() ? nullptr : &found->second;
}

void Pings::set_deadline(uint32_t seq, Instant deadline) {
  PingUnderWay* ping = find(seq);
  if (ping == nullptr) return;
  deadlines_.erase({ping->deadline, seq});
  ping->deadline = deadline;
  deadlines_.emplace(deadline, seq);
}

void Pings::remove(uint32_t seq) {
  const auto found = pings_.find(seq);
  if (found == pings_.end()) return;
  deadlines_.erase({found->second.deadline, seq});
  pings_.erase(found);
}

void Pings::shift(Duration by) {
  deadlines_.clear();
  for (auto& [seq, ping] : pings_) {
    ping.deadline = ping.deadline + by;
    deadlines_.emplace(ping.deadline, seq);
  }
}

uint32_t Pings::next_to(const Endpoint& to, uint32_t seq) const {
  for (auto at = pings_.upper_bound(seq); at != pings_.end(); ++at) {
    if (at->second.to == to) return at->first;
  }
  return 0;
}

}  // namespace phoenix::gossip
