// Between callers and hosts: requests and answers that are lost, late and overtake each other,
// links that are cut. What a caller sees of a lost message is silence; it has its own timeouts.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/prng.h"
#include "node/command.h"
#include "sim/event_queue.h"
#include "sim/fault.h"

namespace phoenix::sim {

// Where requests arrive: a host, whichever of its lives there is.
class Door {
 public:
  // What became of a request; null: the connection broke, the outcome is unknown to the caller.
  using Sink = std::function<void(const Reply*)>;
  // More for a stream; null: it broke.
  using PortionSink = std::function<void(const StreamPortion*)>;
  struct Ticket {
    uint64_t run = 0;
    RequestId id = 0;
  };

  virtual ~Door() = default;
  // Null sinks are answered at once if nobody listens. The ticket is void (id 0) then.
  virtual Ticket arrive(Command command, Sink sink, PortionSink portions) = 0;
  virtual void abandon(Ticket ticket) = 0;
  virtual void close_stream(Ticket ticket, bool by_peer) = 0;
};

// One caller's way to a host; the caller owns it.
struct Link {
  bool cut = false;
  bool slow = false;
  size_t door = 0;  // to which of the hosts
};

struct NetworkFaults {
  uint32_t lost_per_mille = 0;
  uint32_t late_per_mille = 0;
};

class Network {
 public:
  using Exchange = uint64_t;

  Network(EventQueue& queue, FaultCounts& counts, Prng prng)
      : queue_(queue), counts_(counts), prng_(prng) {}

  // Doors are numbered from 0 in this order.
  void add_door(Door& door) { doors_.push_back(&door); }
  size_t doors() const { return doors_.size(); }

  void set_faults(NetworkFaults faults) { faults_ = faults; }

  // `done` is called at most once: with the answer, or with null when the connection broke. The
  // link lives as long as the network.
  Exchange send(const Link& link, Command command, Door::Sink done,
                Door::PortionSink portions = {});
  // The caller has no more patience and closes its end; a request under way arrives all the same.
  void give_up(Exchange exchange);
  // The stream breaks; the host sees that its peer's end is closed.
  void cut_stream(Exchange exchange);

 private:
  struct State {
    Door* door = nullptr;
    Door::Ticket ticket;
    Instant last_portion{0};
    bool over = false;
  };
  Duration delay(const Link& link);
  void arrive(Exchange exchange, Door& door, const Link& link, Command command, Door::Sink done,
              Door::PortionSink portions);
  void answer(Exchange exchange, const Link& link, const Reply* reply, const Door::Sink& done);
  void portion(Exchange exchange, const Link& link, const StreamPortion* portion,
               const Door::PortionSink& portions);
  void break_stream(Exchange exchange, const Door::PortionSink& portions);

  EventQueue& queue_;
  std::vector<Door*> doors_;
  FaultCounts& counts_;
  Prng prng_;
  NetworkFaults faults_;
  Exchange next_ = 1;
  std::map<Exchange, State> open_;
};

}  // namespace phoenix::sim
