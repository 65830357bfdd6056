// A plain synchronous HTTP/1.1 client: one call at a time, one kept connection. What the commands
// and the demo speak to a host with.
//
// Not a browser: no redirects, no cookies, no compression, no proxy. An answer of any status is a
// success here; problem.h turns a problem document into an Error.
// Threads: a Client belongs to one thread at a time; several Clients are independent.
#pragma once

#include <memory>

#include "base/error.h"
#include "client/call.h"

namespace phoenix {

class Client {
 public:
  // kInvalidRequest for a URL that is none ("flag:--url") or a CA file that cannot be read
  // ("flag:--tls-ca"). Connects to nobody yet.
  static Result<Client> create(ClientOptions options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  CallResult call(const Call& call);
  // Short forms; a body is sent as application/json.
  CallResult get(std::string_view target);
  CallResult post(std::string_view target, std::string_view body);

  // Closes the kept connection, so that the next call opens a new one.
  void disconnect();
  const ClientOptions& options() const;

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// 128 random bits as 32 hexadecimal digits: one for each writing call, the same one when that very
// call is repeated.
std::string random_idempotency_key();

// Percent-encodes all but unreserved characters: for ids and values in a target.
std::string url_encode(std::string_view text);

}  // namespace phoenix
