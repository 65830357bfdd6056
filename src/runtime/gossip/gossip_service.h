// Drives a Membership in the daemon: sockets, clock, timers, files, log. Everything happens on the
// loop's thread but what waits for the disk (one thread) and the unpacking of large messages
// (another).
//
// What must outlast a crash is on disk before anybody hears of it: packets wait for the incarnation
// that they announce. The rest (addresses of hosts, clocks) is written at most once a second.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "membership/membership.h"
#include "membership/view/view_store.h"
#include "net/event_loop.h"
#include "runtime/gossip/gossip_port.h"
#include "runtime/hosts.h"
#include "runtime/log.h"

namespace phoenix::gossip {

// Asks where other hosts of the pool can be joined, as for --join; `told` is called on the loop, at
// once or later, or never.
using FurtherSeeds = std::function<void(std::function<void(std::vector<std::string>)> told)>;

struct GossipOptions {
  // The service fills in seed, keys and what is remembered, and draws a boot_id where none is
  // given.
  MembershipOptions membership;
  std::vector<std::string> join;
  FurtherSeeds further_seeds{};  // while this host is alone; empty: `join` alone
  std::string key_file;          // empty: no encryption
  std::string data_folder;       // hosts.json; this host's alone
  std::string pool_folder;       // view.json, unless `views` is given
  // Where the view lives; answers on the loop. Null: in a file of the pool's folder. Outlives the
  // service, or answers nothing any more.
  ViewStore* views = nullptr;
  // Our name is held by another live host: this one has to end. `holder` is its address.
  std::function<void(const std::string& holder)> refused;
};

class GossipService : public Hosts {
 public:
  // Reads the files; announces nothing yet. Errors: the key file, or a name or address that tags
  // cannot carry. A broken hosts.json is told in the log and set aside.
  static Result<std::unique_ptr<GossipService>> make(EventLoop& loop, const Log& log,
                                                     GossipPort port, GossipOptions options);

  virtual void start() = 0;
  // The view is to give this host's slots to others; it stays in the view.
  virtual void yield_slots() = 0;
  // Tells everybody that this host leaves; `left` is called once that is done, within a bound of
  // about 2 s, and in a later turn of the loop.
  virtual void leave(std::function<void()> left) = 0;
};

}  // namespace phoenix::gossip
