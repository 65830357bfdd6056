// For the tests of the Serf layer: a table of hosts as SWIM would keep it, and one layer over it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "membership/serf/serf.h"

namespace phoenix::gossip::test {

inline Endpoint endpoint_at(uint8_t last, uint16_t port = 7946) {
  const char ip[] = {127, 0, 0, static_cast<char>(last)};
  return endpoint_of({ip, sizeof ip}, port);
}

class Hosts : public HostNames {
 public:
  HostNumber add(const std::string& name, const std::map<std::string, std::string>& tags = {}) {
    const auto number = static_cast<HostNumber>(rows_.size());
    rows_.push_back({name, encode_tags(tags), {}});
    numbers_[name] = number;
    return number;
  }
  void forget(HostNumber host) { numbers_.erase(rows_[host].name); }
  Versions& versions(HostNumber host) { return rows_[host].versions; }

  HostNumber find(std::string_view name) const override {
    const auto found = numbers_.find(name);
    return found == numbers_.end() ? kNoHost : found->second;
  }
  HostFacts facts(HostNumber host) const override {
    const Row& row = rows_[host];
    return {row.name, endpoint_at(static_cast<uint8_t>(host + 1)), row.meta, row.versions};
  }

 private:
  struct Row {
    std::string name, meta;
    Versions versions;
  };
  std::vector<Row> rows_;
  std::map<std::string, HostNumber, std::less<>> numbers_;
};

// A host called `me`, number 0, and what its Serf layer wanted since it was last cleared.
struct Rig {
  explicit Rig(const Serf::Options& options = {"me"},
               const std::map<std::string, std::string>& tags = {{"role", "web"}})
      : serf(options, hosts, Prng(1)) {
    serf.start(hosts.add(options.name, tags), now, out);
    out.clear();
  }
  HostNumber join(const std::string& name, const std::map<std::string, std::string>& tags = {}) {
    const HostNumber host = hosts.add(name, tags);
    serf.host_joined(host, now, out);
    return host;
  }
  // True: taken, for it is passed on.
  template <typename Message>
  bool receive(const Message& message) {
    return receive_bytes(encode(message));
  }
  bool receive_bytes(std::string_view bytes) {
    const size_t before = out.rumours.size();
    serf.receive(bytes, now, out);
    return out.rumours.size() > before && out.rumours.back().message == bytes;
  }
  void merge(const SerfState& state, bool ours = false) {
    serf.merge(encode(state), ours, now, out);
  }
  HostStatus status(std::string_view name) const { return serf.status(hosts.find(name)); }
  LamportTime status_time(std::string_view name) const {
    return serf.status_time(hosts.find(name));
  }

  Hosts hosts;
  Now now{Instant{1'000'000'000'000}, 0};
  Serf::Effects out;
  Serf serf;
};

inline Query query_at(LamportTime ltime) {
  Query query;
  query.ltime = ltime;
  query.name = "load";
  return query;
}

// Ways to get a host into each status.
inline HostNumber make_failed(Rig& rig, const std::string& name) {
  const HostNumber host = rig.join(name);
  rig.serf.host_gone(host, false, rig.now, rig.out);
  return host;
}

inline HostNumber make_leaving(Rig& rig, const std::string& name, LamportTime ltime) {
  const HostNumber host = rig.join(name);
  rig.receive(LeaveIntent{ltime, name, false});
  return host;
}

}  // namespace phoenix::gossip::test
