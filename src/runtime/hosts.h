// The pool of hosts as this one sees it, for the faces to show. Everything happens on the loop's
// thread. A host that speaks to no others has none of this.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "membership/membership.h"

namespace phoenix {

// What happened to a host. Not durable: who was not there has missed it.
struct HostNews {
  uint64_t number = 0;  // grows within one life of this host
  gossip::HostEvent event;
  WallMs at = kNoWall;
};

// What the sockets count, beside what the membership counts.
struct GossipTraffic {
  uint64_t packets_not_sent = 0;
  uint64_t packets_refused = 0;  // nobody listened there
  uint64_t streams_evicted = 0;  // for others' sake
  uint64_t streams_timed_out = 0;
  uint64_t streams_cut = 0;
  uint64_t streams_open = 0;  // now, both ways
  uint64_t view_unreachable = 0;
};

class Hosts {
 public:
  virtual ~Hosts() = default;

  // Ordered by name, this host among them.
  virtual std::vector<gossip::HostRow> rows() const = 0;
  virtual const gossip::View& view() const = 0;
  // Hosts of the view that some observers miss, and for how long already.
  virtual std::vector<std::pair<std::string, Duration>> unstable() const = 0;
  virtual gossip::MembershipStats stats() const = 0;
  virtual GossipTraffic traffic() const = 0;
  // Where this host's gossip listens: "127.0.0.1:7946".
  virtual std::string address() const = 0;

  // A failed host is taken as having left; `prune` forgets it. kNotFound, kWrongState (it is
  // alive).
  virtual Result<void> remove(std::string_view name, bool prune) = 0;

  // The handle is for unsubscribe(), which a listener may call from within.
  virtual uint64_t subscribe(std::function<void(const HostNews&)> listener) = 0;
  virtual void unsubscribe(uint64_t handle) = 0;
};

}  // namespace phoenix
