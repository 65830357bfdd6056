// A bound UDP socket on an event loop: datagrams in, datagrams out, and word of those that reached
// nobody. IPv4, IPv6, or both where it is bound to [::]. It knows nothing of what they carry.
//
// All on the loop's thread. What arrives is handed over in batches with a bound, so that a flood
// leaves timers and other sockets their turn; what the kernel's buffer cannot hold is lost, as it
// is with UDP. Sending never waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "net/event_loop.h"
#include "net/sockets/ip_port.h"

namespace phoenix {

class UdpEvents {
 public:
  // The bytes are gone when it returns. Must not destroy the socket.
  virtual void on_datagram(std::string_view bytes, const IpPort& from) = 0;
  // All that had arrived was handed over, or as much as one turn may take.
  virtual void on_batch_end() = 0;
  // The other machine's kernel said (ICMP) that nobody listens where we had sent something.
  virtual void on_refused(const IpPort& to) = 0;

 protected:
  ~UdpEvents() = default;
};

struct UdpCounts {
  uint64_t datagrams_in = 0, bytes_in = 0;
  uint64_t datagrams_out = 0, bytes_out = 0;
  uint64_t not_sent = 0;  // no room in the kernel, no route, another family
  uint64_t refused = 0;
};

class UdpSocket {
 public:
  // `literal` is a literal; port 0: any free one. Errors: kConflict (in use), kInvalidRequest (no
  // such address here); both name the address.
  static Result<std::unique_ptr<UdpSocket>> bind(const Address& literal);
  virtual ~UdpSocket() = default;

  // From now on `events` hears; what has arrived since bind() waits in the kernel. Once, before
  // anything else; the loop and `events` must outlive the socket.
  virtual void start(EventLoop& loop, UdpEvents& events) = 0;

  // False: it was not sent, and is counted so.
  virtual bool send(const IpPort& to, std::string_view bytes) = 0;
  // Hands over what has arrived, up to the bound of one turn; for who must not act on a timer
  // before having seen it.
  virtual void drain() = 0;
  virtual IpPort local() const = 0;
  virtual const UdpCounts& counts() const = 0;
};

}  // namespace phoenix
