// Between callers and the host: requests and answers that are lost, late and overtake each other,
// links that are cut. What a caller sees of a lost message is silence; it has its own timeouts.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/prng.h"
#include "sim/event_queue.h"
#include "sim/fault.h"
#include "sim/host.h"

namespace phoenix::sim {

// One caller's way to the host; the caller owns it.
struct Link {
  bool cut = false;
  bool slow = false;
};

struct NetworkFaults {
  uint32_t lost_per_mille = 0;
  uint32_t late_per_mille = 0;
};

class Network {
 public:
  using Exchange = uint64_t;

  Network(EventQueue& queue, Host& host, FaultCounts& counts, Prng prng)
      : queue_(queue), host_(host), counts_(counts), prng_(prng) {}

  void set_faults(NetworkFaults faults) { faults_ = faults; }

  // `done` is called at most once: with the answer, or with null when the connection broke. The
  // link lives as long as the network.
  Exchange send(const Link& link, Command command, Host::Sink done,
                Host::PortionSink portions = {});
  // The caller has no more patience and closes its end; a request under way arrives all the same.
  void give_up(Exchange exchange);
  // The stream breaks; the host sees that its peer's end is closed.
  void cut_stream(Exchange exchange);

 private:
  struct State {
    Host::Ticket ticket;
    Instant last_portion{0};
    bool over = false;
  };
  Duration delay(const Link& link);
  void arrive(Exchange exchange, const Link& link, Command command, Host::Sink done,
              Host::PortionSink portions);
  void answer(Exchange exchange, const Link& link, const Reply* reply, const Host::Sink& done);
  void portion(Exchange exchange, const Link& link, const StreamPortion* portion,
               const Host::PortionSink& portions);
  void break_stream(Exchange exchange, const Host::PortionSink& portions);

  EventQueue& queue_;
  Host& host_;
  FaultCounts& counts_;
  Prng prng_;
  NetworkFaults faults_;
  Exchange next_ = 1;
  std::map<Exchange, State> open_;
};

}  // namespace phoenix::sim
