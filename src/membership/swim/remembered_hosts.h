// Addresses of hosts that once answered us directly, for the day when nobody is left who knows the
// others: after a split that outlasted everybody's memory, or after a restart. Of more hosts than
// there is room for, those that lived longest are kept. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "membership/endpoint.h"

namespace phoenix::gossip {

struct RememberedHost {
  std::string name;
  Endpoint endpoint;
  WallMs first_seen = 0;  // when it first answered
  WallMs last_seen = 0;   // when it last did, roughly; 0: as first_seen
};

class RememberedHosts {
 public:
  static constexpr size_t kMost = 4'096;

  // Answered us just now. True: the list is another (a new host, or a new address). `hint` is where
  // it stood the last time, any number at first: most answers come from who answered before.
  bool answered(std::string_view name, const Endpoint& endpoint, WallMs wall, uint32_t& hint);
  bool answered(std::string_view name, const Endpoint& endpoint, WallMs wall) {
    uint32_t hint = UINT32_MAX;
    return answered(name, endpoint, wall, hint);
  }
  // Left on purpose, it will not be looked for. True: it was remembered.
  bool forget(std::string_view name);
  // As an earlier life kept it; what is beyond the bound, or without address, is left out.
  void load(const std::vector<RememberedHost>& hosts);

  size_t size() const { return hosts_.size(); }
  // One at random. Requires: not empty.
  const RememberedHost& any(Prng& prng) const;
  std::vector<RememberedHost> list() const;  // longest-lived first

 private:
  static WallMs lived(const RememberedHost& host) { return host.last_seen - host.first_seen; }
  bool make_room();

  std::vector<RememberedHost> hosts_;
  std::map<std::string, size_t, std::less<>> by_name_;  // index in hosts_
};

}  // namespace phoenix::gossip
