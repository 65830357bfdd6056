// Follows the host's durable event log into a Ledger, over the host's restarts: a stream that is
// resumed by the last event's id misses nothing and repeats nothing.
#pragma once

#include <functional>
#include <string>

#include "cli/demo/ledger.h"
#include "cli/demo/talk/calls.h"

namespace phoenix::demo {

class Follower {
 public:
  struct Events {
    std::function<void(const PacketEvent&)> packet;  // of this run, after the ledger has it
    std::function<void(std::string)> fault;          // for people
  };
  // `after`: the position (asOf of a list) from which on; `tag`: see packet_id().
  Follower(EventLoop& loop, HostCalls& calls, Ledger& ledger, std::string tag, std::string after,
           Events events);
  void follow();
  // At the host that is called now, from where it is.
  void follow_elsewhere();

 private:
  void take(const SseEvent& event);
  void follow_later();

  HostCalls& calls_;
  Ledger& ledger_;
  std::string tag_;
  std::string after_;
  uint64_t stream_ = 0;
  Events events_;
  Timer again_;
};

}  // namespace phoenix::demo
