// One TCP connection as a pair of non-blocking byte streams, plain here, TLS in tls.h.
// Nothing waits: a call does what is possible now and says which readiness it lacks for more.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/address.h"

namespace phoenix {

// Owns a descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Fd() { reset(-1); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd);

 private:
  int fd_ = -1;
};

enum class IoStatus {
  kOk,
  kWantRead,   // again when readable
  kWantWrite,  // again when writable
  kEnd,        // the other end has closed its sending side
  kError,      // the connection is of no more use
};

struct IoResult {
  IoStatus status = IoStatus::kOk;
  size_t bytes = 0;  // with kOk: how many, at least one
};

class Transport {
 public:
  virtual ~Transport() = default;

  // kOk once reading and writing may begin.
  virtual IoStatus handshake() = 0;
  // `into` must have room for a TLS record (16 KiB), so that nothing read stays behind unseen.
  virtual IoResult read(std::span<char> into) = 0;
  // Writes a prefix of the concatenated parts.
  virtual IoResult write(std::span<const std::string_view> parts) = 0;
  // Tells the other end, best effort, that nothing more will come; reading goes on.
  virtual void finish_writing() = 0;
  // The descriptor, given away: after a TLS handshake failed because the client speaks plain HTTP.
  virtual Fd take_plain() = 0;
  virtual int fd() const = 0;
  // Of the client's verified certificate, as "CN=alice,O=Example"; else empty.
  virtual std::string client_subject() const = 0;
  // Common name and DNS names of the other end's verified certificate; none without one.
  virtual std::vector<std::string> peer_names() const = 0;
};

std::unique_ptr<Transport> make_plain_transport(Fd fd);

// A listening, non-blocking socket on the first address that `address` resolves to and that can be
// bound. What it accepts has TCP_NODELAY and keep-alive probes. Errors: kInvalidRequest (no such
// address here), kConflict (in use); both say what to do.
Result<Fd> listen_tcp(const Address& address);
// Where a bound socket really listens.
Address local_address(int fd);

struct Accepted {
  Fd fd;             // not valid: see error
  std::string peer;  // literal without port
  int error = 0;     // errno
};
Accepted accept_tcp(int listener);

}  // namespace phoenix
