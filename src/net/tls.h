// TLS 1.2 and 1.3 by OpenSSL, which stays in tls.cc: for accepted connections, and for dialling out
// to those who show a certificate of the same authority. A context may be replaced at any time;
// connections made from it keep it alive.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "net/transport.h"

namespace phoenix {

struct TlsFiles {
  std::string certificate;  // PEM, the whole chain, the server's own first
  std::string key;          // PEM, without a passphrase
  std::string client_ca;    // PEM; if set, clients must show a certificate signed by it
};

class TlsContext {
 public:
  // Errors are kInvalidRequest and name the file and the reason.
  static Result<std::shared_ptr<TlsContext>> load(const TlsFiles& files);
  virtual ~TlsContext() = default;

  // Takes the descriptor over; null if memory is out.
  virtual std::unique_ptr<Transport> accept(Fd fd) = 0;
  // The dialling side, on a connected descriptor: shows the certificate, and takes only one signed
  // by `client_ca`, whatever names it carries: see Transport::peer_names(). Null if memory is out,
  // or without a `client_ca`.
  virtual std::unique_ptr<Transport> dial(Fd fd) = 0;
};

}  // namespace phoenix
