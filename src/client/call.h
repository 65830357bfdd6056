// One HTTP call to a host and what came of it: plain values, shared by the synchronous client
// (http_client.h) and the one on an event loop (async_client.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace phoenix {

struct ClientOptions {
  // "http://127.0.0.1:7400" or https://; at least one. Tried in order: the next one is taken when
  // nobody answers at the former, or it answers a problem of its own (503). Who answered last stays
  // the first choice, who did not comes last.
  std::vector<std::string> urls;
  std::string token;               // sent as "Authorization: Bearer"; empty: none
  Duration timeout = seconds(30);  // of a whole call, from the first connect to the last byte; > 0
  std::string tls_ca;              // PEM file of the authorities to trust; empty: the system's
  std::size_t max_answer = std::size_t{64} << 20;  // bytes of a body; a longer one is a fault
};

// The core has a Call of its own, an owner's; `http` keeps the two apart.
inline namespace http {

struct Call {
  std::string method = "GET";
  std::string target;  // begins with '/', query included, percent-encoded
  std::string body;    // sent, with its Content-Type, unless empty and the method is GET or DELETE
  std::vector<std::pair<std::string, std::string>> headers;  // a Content-Type here wins
  std::optional<std::string> token;                          // instead of the client's; "": none
  Duration timeout{};                                        // 0: the client's
  // How much of that the host may take on purpose (`waitMs`). What is left is shared by the hosts.
  Duration wait{};
  // A base URL to call instead of the client's; of http, unless the client has one of https.
  std::string url;
  // Whether a second arrival does no harm. GET is, and whatever carries an Idempotency-Key; such a
  // call is repeated once by itself if a kept connection broke under it.
  bool repeatable = false;
};

}  // namespace http

struct Answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::string url;  // the base URL that answered

  bool ok() const { return status >= 200 && status < 300; }
  // The first header of that name (lower case); "" if there is none.
  std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

enum class CallFault : uint8_t {
  kUnreachable,  // no host took the request: it has changed nothing
  kTimedOut,     // no answer in time: the outcome is open
  kReset,        // the connection broke after the request began to leave: the outcome is open
};

struct CallFailure {
  CallFault fault = CallFault::kUnreachable;
  std::string url;     // the base URL last tried; all of them, if none was reached
  std::string detail;  // "connection refused", "certificate verify failed", ...
};

// A machine answered that no process listens there: the host that was there is gone.
inline bool nobody_listens(const CallFailure& failure) {
  return failure.fault == CallFault::kUnreachable && failure.detail == "Connection refused";
}

using CallResult = tl::expected<Answer, CallFailure>;

// The host itself cannot serve now (it leaves, or its store does not answer); another one may.
inline bool declined(const Answer& answer) {
  return answer.status == 503 &&
         answer.header("content-type").starts_with("application/problem+json");
}

}  // namespace phoenix
