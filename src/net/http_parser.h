// Turns the bytes of one connection into requests, one at a time. Boost.Beast's parser does the
// grammar; what is stricter here is what request smuggling lives on (see http_parser.cc).
// No socket and no clock: bytes in, request or fault out.
//
// Use: feed() until it says kHead once (the moment to refuse by the head), then until kDone; take
// the request; reset(). After kFault the connection's bytes mean nothing any more.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "net/http_message.h"

namespace phoenix {

class HttpParser {
 public:
  enum class Status { kNeedMore, kHead, kDone, kFault };
  struct Limits {
    size_t head = 0;  // bytes of request line and fields; also of a chunk's line and the trailers
    size_t body = 0;  // bytes without the chunked coding
  };

  explicit HttpParser(Limits limits);
  ~HttpParser();

  // Reads on in `data`, which starts with the first byte not yet used; `used` says how many bytes
  // are done with. Must be called again after kHead, even without new bytes.
  Status feed(std::string_view data, size_t& used);
  // For the next request.
  void reset();

  HttpRequest& request();
  bool started() const;         // a byte of the present request has been fed
  bool has_head() const;        // request().head is complete
  bool has_body() const;        // after kHead: a body is announced
  bool wants_continue() const;  // after kHead: the client waits for 100 before it sends the body
  bool keep_alive() const;      // after kHead: the connection may go on after the answer
  const Error& fault() const;   // after kFault: kInvalidRequest or kTooLarge

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix
