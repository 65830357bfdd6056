#include "membership/swim/remembered_hosts.h"

#include <algorithm>
#include <utility>

namespace phoenix::gossip {

bool RememberedHosts::answered(std::string_view name, const Endpoint& endpoint, WallMs wall,
                               uint32_t& hint) {
  if (hint >= hosts_.size() || hosts_[hint].name != name) {
    const auto found = by_name_.find(name);
    hint = found == by_name_.end() ? UINT32_MAX : static_cast<uint32_t>(found->second);
  }
  if (hint != UINT32_MAX) {
    RememberedHost& host = hosts_[hint];
    host.last_seen = std::max(host.last_seen, wall);
    if (host.endpoint == endpoint) return false;
    host.endpoint = endpoint;
    return true;
  }
  if (hosts_.size() >= kMost && !make_room()) return false;
  hint = static_cast<uint32_t>(hosts_.size());
  by_name_.emplace(name, hosts_.size());
  hosts_.push_back({std::string(name), endpoint, wall, wall});
  return true;
}

// The one that lived shortest goes. Hosts that are here now are told of again and again, and so
// outlive those that are gone.
bool RememberedHosts::make_room() {
  const auto shortest = std::min_element(
      hosts_.begin(), hosts_.end(), [](const RememberedHost& a, const RememberedHost& b) {
        return lived(a) != lived(b) ? lived(a) < lived(b) : a.last_seen < b.last_seen;
      });
  return shortest != hosts_.end() && forget(std::string(shortest->name));
}

bool RememberedHosts::forget(std::string_view name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return false;
  const size_t index = found->second;
  by_name_.erase(found);
  if (index + 1 != hosts_.size()) {
    hosts_[index] = std::move(hosts_.back());
    by_name_.find(hosts_[index].name)->second = index;
  }
  hosts_.pop_back();
  return true;
}

void RememberedHosts::load(const std::vector<RememberedHost>& hosts) {
  for (const RememberedHost& host : hosts) {
    if (hosts_.size() >= kMost) return;
    if (host.name.empty() || !host.endpoint.valid() || by_name_.contains(host.name)) continue;
    by_name_.emplace(host.name, hosts_.size());
    hosts_.push_back(host);
    hosts_.back().last_seen = std::max(host.last_seen, host.first_seen);
  }
}

const RememberedHost& RememberedHosts::any(Prng& prng) const {
  return hosts_[prng.below(hosts_.size())];
}

std::vector<RememberedHost> RememberedHosts::list() const {
  std::vector<RememberedHost> sorted = hosts_;
  std::sort(sorted.begin(), sorted.end(), [](const RememberedHost& a, const RememberedHost& b) {
    return lived(a) != lived(b) ? lived(a) > lived(b) : a.name < b.name;
  });
  return sorted;
}

}  // namespace phoenix::gossip
