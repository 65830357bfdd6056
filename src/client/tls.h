// The client's side of TLS as a filter between bytes: it does no I/O of its own, so that plain and
// encrypted connections share one socket loop. OpenSSL stays in tls.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace phoenix {

// What all connections of a client trust. Immutable; may be shared between threads.
class TlsTrust {
 public:
  // `ca_file`: PEM; empty takes the system's authorities. kInvalidRequest if it cannot be read.
  static Result<std::shared_ptr<const TlsTrust>> create(const std::string& ca_file);
  // The same, and shows a certificate (PEM, the whole chain, and its key) to who asks for one.
  static Result<std::shared_ptr<const TlsTrust>> create(const std::string& ca_file,
                                                        const std::string& certificate_file,
                                                        const std::string& key_file);
  ~TlsTrust();

 private:
  friend class TlsDialogue;
  struct Impl;
  TlsTrust();
  std::unique_ptr<Impl> impl_;
};

// One connection's state. The peer must prove that it is `host` (a name or an address).
class TlsDialogue {
 public:
  TlsDialogue(std::shared_ptr<const TlsTrust> context, const std::string& host);
  ~TlsDialogue();

  // Bytes from the wire go in here; what they decrypt to is appended to `plain`, what must be
  // sent is appended to `wire`. False: the connection is broken, see error().
  bool receive(std::string_view from_wire, std::string& plain, std::string& wire);
  // Encrypts once the handshake is done; keeps `plain` until then. Call with "" to begin.
  bool send(std::string_view plain, std::string& wire);
  bool established() const;
  bool closed() const;  // the peer said it sends no more
  const std::string& error() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix
