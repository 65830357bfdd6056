#include "membership/swim/host_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace phoenix::gossip {

HostTable::HostTable(const RingKey& hash_key, size_t max_hosts)
    : hash_key_(hash_key), max_hosts_(max_hosts), index_(16, kNone) {}

std::string_view HostTable::name(HostNumber host) const {
  return {hosts_[host].text.get(), hosts_[host].name_size};
}

std::string_view HostTable::meta(HostNumber host) const {
  const Host& h = hosts_[host];
  return {h.text.get() + h.name_size, h.meta_size};
}

// Under a secret key, so that nobody can choose names that all meet in one place.
uint32_t HostTable::hash_of(std::string_view name) const {
  return static_cast<uint32_t>(siphash13(hash_key_, name));
}

HostNumber HostTable::find(std::string_view wanted) const {
  const uint32_t hash = hash_of(wanted);
  const size_t mask = index_.size() - 1;
  for (size_t slot = hash & mask; index_[slot] != kNone; slot = (slot + 1) & mask) {
    const HostNumber host = index_[slot];
    if (hosts_[host].hash == hash && name(host) == wanted) return host;
  }
  return kNone;
}

size_t HostTable::slot_of(HostNumber host) const {
  const size_t mask = index_.size() - 1;
  size_t slot = hosts_[host].hash & mask;
  while (index_[slot] != host) slot = (slot + 1) & mask;
  return slot;
}

void HostTable::grow_index() {
  index_.assign(index_.size() * 2, kNone);
  const size_t mask = index_.size() - 1;
  for (HostNumber host = 0; host < limit(); ++host) {
    if (!hosts_[host].known) continue;
    size_t slot = hosts_[host].hash & mask;
    while (index_[slot] != kNone) slot = (slot + 1) & mask;
    index_[slot] = host;
  }
}

HostNumber HostTable::add(std::string_view name, std::string_view meta, Instant now) {
  if ((known_ + 1) * 2 > index_.size()) grow_index();
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
  h.hash = hash_of(name);
  h.name_size = static_cast<uint8_t>(name.size());
  h.meta_size = static_cast<uint16_t>(meta.size());
  h.text = std::make_unique_for_overwrite<char[]>(name.size() + meta.size());
  std::copy(meta.begin(), meta.end(), std::copy(name.begin(), name.end(), h.text.get()));
  const size_t mask = index_.size() - 1;
  size_t slot = h.hash & mask;
  while (index_[slot] != kNone) slot = (slot + 1) & mask;
  index_[slot] = host;
  ++known_;
  if (host != kSelf) {
    count(h.state, 1);
    list(host, false);
  }
  return host;
}

void HostTable::remove(HostNumber host) {
  if (host != kSelf) unlist(host);
  // Close the gap: whoever stands behind it and is not in the place where it belongs moves up.
  const size_t mask = index_.size() - 1;
  size_t gap = slot_of(host);
  for (size_t slot = (gap + 1) & mask; index_[slot] != kNone; slot = (slot + 1) & mask) {
    const size_t home = hosts_[index_[slot]].hash & mask;
    if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
    index_[gap] = index_[slot];
    gap = slot;
  }
  index_[gap] = kNone;
  hosts_[host] = Host{};
  free_.push_back(host);
  --known_;
}

void HostTable::set_meta(HostNumber host, std::string_view meta) {
  Host& h = hosts_[host];
  if (this->meta(host) == meta) return;
  auto text = std::make_unique_for_overwrite<char[]>(h.name_size + meta.size());
  std::copy_n(h.text.get(), h.name_size, text.get());
  std::copy(meta.begin(), meta.end(), text.get() + h.name_size);
  h.text = std::move(text);
  h.meta_size = static_cast<uint16_t>(meta.size());
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
    h.place = static_cast<uint32_t>(live_.size());
    live_.push_back(host);
    return;
  }
  h.next = kNone;
  h.place = std::exchange(last_gone_, host);
  (h.place == kNone ? first_gone_ : hosts_[h.place].next) = host;
}

void HostTable::unlist(HostNumber host) {
  Host& h = hosts_[host];
  count(h.state, -1);
  if (h.live()) {
    const HostNumber last = live_.back();
    live_[h.place] = last;
    hosts_[last].place = h.place;
    live_.pop_back();
    return;
  }
  (h.place == kNone ? first_gone_ : hosts_[h.place].next) = h.next;
  (h.next == kNone ? last_gone_ : hosts_[h.next].place) = h.place;
}

void HostTable::count(SwimState state, int by) {
  if (state == SwimState::kSuspect) suspects_ += by;
  if (state == SwimState::kDead || state == SwimState::kLeft) gone_ += by;
  if (state == SwimState::kLeft) left_ += by;
}

}  // namespace phoenix::gossip
