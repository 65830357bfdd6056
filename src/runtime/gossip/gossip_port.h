// The one port on which gossip listens by UDP and TCP, and the address that it tells to others.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "membership/endpoint.h"
#include "net/sockets/udp_socket.h"
#include "net/transport.h"

namespace phoenix::gossip {

struct GossipPort {
  Fd listener;
  std::unique_ptr<UdpSocket> udp;
  Address address;  // a literal, as bound
};

// `listen` is HOST:PORT; port 0: any that is free for both. Errors: kConflict (one of both is in
// use), kInvalidRequest.
Result<GossipPort> bind_gossip(const std::string& listen);

// What others are told: `advertise` (HOST or HOST:PORT, of which the host counts; a name is
// resolved, which may block), else where it is bound; of a socket bound to all addresses, the
// machine's first address that is not loopback. Errors: kInvalidRequest, it cannot be resolved or
// is no address of one host, which nobody would take.
Result<Endpoint> advertised(const Address& bound, const std::string& advertise);

}  // namespace phoenix::gossip
