#include "membership/swim/pings.h"

#include <algorithm>

#include "membership/prefetch.h"

namespace phoenix::gossip {

uint32_t Pings::add(const PingUnderWay& ping) {
  if (pings_.size() >= most_) return 0;
  while (next_seq_ == 0 || place_of(next_seq_) != size()) ++next_seq_;
  const uint32_t seq = next_seq_++;
  keys_.push_back({ping.deadline, seq});
  pings_.push_back(ping);
  if (keys_.back() < keys_[next_]) next_ = keys_.size() - 1;
  return seq;
}

size_t Pings::place_of(uint32_t seq) const {
  size_t at = 0;
  while (at < keys_.size() && keys_[at].seq != seq) ++at;
  return at;
}

void Pings::find_next() {
  const auto first = std::min_element(keys_.begin(), keys_.end());
  next_ = first == keys_.end() ? 0 : static_cast<size_t>(first - keys_.begin());
}

PingUnderWay* Pings::find(uint32_t seq) {
  const size_t at = place_of(seq);
  return at == size() ? nullptr : &pings_[at];
}

void Pings::set_deadline(uint32_t seq, Instant deadline) {
  const size_t at = place_of(seq);
  if (at == size()) return;
  pings_[at].deadline = keys_[at].deadline = deadline;
  find_next();
}

void Pings::remove(uint32_t seq) {
  const size_t at = place_of(seq);
  if (at == size()) return;
  const size_t last = size() - 1;
  keys_[at] = keys_[last];
  if (at != last) pings_[at] = pings_[last];
  keys_.pop_back();
  pings_.pop_back();
  if (next_ == at) {
    find_next();
  } else if (next_ == last) {
    next_ = at;
  }
}

void Pings::shift(Duration by) {
  for (size_t at = 0; at < size(); ++at) {
    keys_[at].deadline = pings_[at].deadline = pings_[at].deadline + by;
  }
}

std::vector<uint32_t> Pings::all_to(const Endpoint& to) const {
  std::vector<uint32_t> all;
  for (size_t at = 0; at < size(); ++at) {
    if (pings_[at].to == to) all.push_back(keys_[at].seq);
  }
  std::sort(all.begin(), all.end());
  return all;
}

void Pings::prefetch() const {
  gossip::prefetch(keys_.data(), keys_.size() * sizeof(Key));
  gossip::prefetch(pings_.data(), std::min<size_t>(pings_.size(), 16) * sizeof(PingUnderWay));
}

}  // namespace phoenix::gossip
