// The addresses of --join, and those that the pool's store knows: resolved on a thread of their
// own, since a name server may take its time, and tried in rounds until this host is not alone. A
// round that brought nobody costs one line in the log; the next one comes after a pause that
// doubles. The host serves meanwhile. A host that has lost all others begins anew, because names
// may lead elsewhere by then.
//
// All on the loop's thread, which must outlive it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "membership/endpoint.h"
#include "net/event_loop.h"
#include "runtime/gossip/gossip_service.h"
#include "runtime/log.h"

namespace phoenix::gossip {

class Seeds {
 public:
  struct Pool {
    std::function<void(const std::vector<Endpoint>&)> join;
    std::function<size_t()> alive;  // this host included
    FurtherSeeds further{};         // asked in each round; empty: there are no others
  };
  // `addresses`: HOST:PORT, or HOST with the usual port.
  Seeds(EventLoop& loop, const Log& log, std::vector<std::string> addresses, const Endpoint& self,
        Pool pool);
  ~Seeds();

  void start();
  // One that was asked to be joined could not be.
  void failed(const std::string& endpoint, const std::string& why);
  // Somebody came, or one of the seeds answered.
  void look();

 private:
  struct Lookup;  // what a thread that resolves shares with this
  void begin_round();
  void try_all(std::vector<std::string> addresses);
  void resolved(std::vector<Endpoint> found, std::vector<std::string> troubles);
  void end_round();
  Duration pause() const;  // before the next round
  void begin_later();
  void watch();

  EventLoop& loop_;
  const Log& log_;
  std::vector<std::string> addresses_;
  Endpoint self_;
  Pool pool_;
  std::shared_ptr<Lookup> lookup_;
  Timer timer_;
  bool in_round_ = false;
  uint64_t round_ = 0;                   // ever
  size_t rounds_ = 0;                    // without success
  size_t tried_ = 0;                     // addresses of this round
  std::map<std::string, bool> pending_;  // by address as the core writes it
  std::vector<std::string> troubles_;
};

}  // namespace phoenix::gossip
