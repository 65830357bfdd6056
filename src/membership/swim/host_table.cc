#include "membership/swim/host_table.h"

#include <algorithm>
#include <utility>

namespace phoenix::gossip {

HostTable::HostTable(const RingKey& hash_key, size_t max_hosts, std::shared_ptr<HostTexts> texts)
    : hash_key_(hash_key), max_hosts_(max_hosts), texts_(std::move(texts)) {}

HostText HostTable::make_text(std::string_view name, std::string_view meta) const {
  return texts_ == nullptr ? HostText(name, meta) : texts_->get(name, meta);
}

// Under a secret key, so that nobody can choose names that all meet in one place.
uint32_t HostTable::hash_of(std::string_view name) const {
  return static_cast<uint32_t>(siphash13(hash_key_, name));
}

HostNumber HostTable::find(std::string_view wanted) const {
  return index_.find(hash_of(wanted), [&](HostNumber host) { return name(host) == wanted; });
}

void HostTable::expect(size_t hosts) {
  const size_t room = std::min(hosts + hosts / 16 + 1, max_hosts_);
  if (room <= hosts_.capacity()) return;
  hosts_.reserve(room);
  live_.reserve(room);
}

HostNumber HostTable::add(std::string_view name, std::string_view meta, Instant now) {
  HostNumber host;
  if (free_.empty()) {
    host = limit();
    hosts_.emplace_back();
  } else {
    host = free_.back();
    free_.pop_back();
  }
  Host& h = hosts_[host];
  h = Host{};
  h.known = true;
  h.life = ++lives_;
  h.since = now;
  h.text_ = make_text(name, meta);
  index_.insert(hash_of(name), host);
  ++known_;
  if (host != kSelf) {
    count(h.state, 1);
    list(host, false);
  }
  return host;
}

void HostTable::remove(HostNumber host) {
  if (host != kSelf) unlist(host);
  index_.erase(hash_of(name(host)), host);
  hosts_[host] = Host{};
  free_.push_back(host);
  --known_;
}

void HostTable::set_meta(HostNumber host, std::string_view meta) {
  if (this->meta(host) == meta) return;
  hosts_[host].text_ = make_text(name(host), meta);
}

void HostTable::set_state(HostNumber host, SwimState state, Instant now) {
  Host& h = hosts_[host];
  if (host == kSelf) {
    h.state = state;
    h.since = now;
    return;
  }
  const bool is_live = state == SwimState::kAlive || state == SwimState::kSuspect;
  if (h.live() && is_live) {
    count(h.state, -1);
  } else {
    unlist(host);
    list(host, is_live);
  }
  h.state = state;
  count(state, 1);
  h.since = now;
}

void HostTable::list(HostNumber host, bool live) {
  Host& h = hosts_[host];
  if (live) {
    h.place_ = static_cast<uint32_t>(live_.size());
    live_.push_back(host);
    return;
  }
  h.next_ = kNone;
  h.place_ = std::exchange(last_gone_, host);
  (h.place_ == kNone ? first_gone_ : hosts_[h.place_].next_) = host;
}

void HostTable::unlist(HostNumber host) {
  Host& h = hosts_[host];
  count(h.state, -1);
  if (h.live()) {
    const HostNumber last = live_.back();
    live_[h.place_] = last;
    hosts_[last].place_ = h.place_;
    live_.pop_back();
    return;
  }
  (h.place_ == kNone ? first_gone_ : hosts_[h.place_].next_) = h.next_;
  (h.next_ == kNone ? last_gone_ : hosts_[h.next_].place_) = h.place_;
}

void HostTable::count(SwimState state, int by) {
  if (state == SwimState::kSuspect) suspects_ += by;
  if (state == SwimState::kDead || state == SwimState::kLeft) gone_ += by;
  if (state == SwimState::kLeft) left_ += by;
}

}  // namespace phoenix::gossip
