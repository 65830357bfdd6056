// The links of this host to the other hosts of its view, over TCP: a Mesh (src/peer) on an event
// loop. Plain on loopback; elsewhere mutual TLS, where both certificates must be of the same
// authority and name (CN or DNS name) the host that shows them.
//
// All on the loop's thread. Nothing is called back from within a call; what was sent in one turn of
// the loop goes out in one write at its end. An event may do anything here, also begin another life
// or destroy the service. The loop, the log and the events must outlive it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/host_life.h"
#include "net/event_loop.h"
#include "net/transport.h"
#include "peer/mesh.h"
#include "runtime/log.h"

namespace phoenix::peer {

// A listening socket and where it is.
struct PeerPort {
  Fd listener;
  Address address;    // a literal, as bound
  std::string taken;  // why it is not the port of `listen`; empty: it is
};
// `listen` is HOST:PORT; port 0: any free one. When the port is taken and nobody asked for it by
// name (`port_given`), any free one is taken instead. Errors: kConflict (in use), kInvalidRequest.
Result<PeerPort> bind_peer(const std::string& listen, bool port_given);

struct PeerOptions {
  MeshSetting mesh;  // link.self and link.identity are the caller's to fill in
  // PEM files, all three or none. On loopback they are not used.
  std::string tls_cert, tls_key, tls_ca;
  bool insecure = false;  // beyond loopback without TLS
};

class PeerEvents {
 public:
  // See Mesh for what holds between these.
  virtual void on_peer_up(const HostLife& peer) = 0;
  virtual void on_peer_down(const HostLife& peer) = 0;
  virtual void on_peer_message(const HostLife& from, std::string_view bytes) = 0;
  virtual void on_peer_writable(const HostLife& peer, Urgency urgency) = 0;

 protected:
  ~PeerEvents() = default;
};

class PeerService {
 public:
  // Listens from now on. Errors (kInvalidRequest): beyond loopback without TLS; unusable files.
  static Result<std::unique_ptr<PeerService>> make(EventLoop& loop, const Log& log, PeerPort port,
                                                   PeerOptions options, PeerEvents& events);
  virtual ~PeerService() = default;  // closes all

  // The other hosts of the newest view, with the `peer` address that each tells about itself.
  virtual void set_peers(std::vector<PeerAddress> peers) = 0;
  // False: not up, or too much waits (on_peer_writable comes later); nothing was taken.
  virtual bool send(const HostLife& to, std::string bytes, Urgency urgency) = 0;
  // What was sent leaves in a later turn of the loop, or now. Tells `events` nothing by itself.
  virtual void flush() = 0;
  // Ends that link: for who cannot leave out a message that was not taken.
  virtual void cut(const HostLife& peer) = 0;
  // This host begins another life: all links end without a word to `events`, none is up, and
  // set_peers() is awaited again. The port stays.
  virtual void begin_life(const HostLife& self) = 0;

  virtual const Address& address() const = 0;
  virtual bool encrypted() const = 0;
  virtual const Mesh& mesh() const = 0;  // for figures and `status`
};

}  // namespace phoenix::peer
