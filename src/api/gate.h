// What a browser could be tricked into: requests under a foreign name (DNS rebinding) or from a
// foreign page. Checked on the head alone, before a body is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/options.h"
#include "base/error.h"
#include "net/http_message.h"

namespace phoenix {

class Gate {
 public:
  explicit Gate(const ApiOptions& options);

  // kMisdirected for a Host header that is none of our names, kForbidden for a foreign Origin.
  std::optional<Error> check(const HttpHead& head) const;
  // The answer to a browser that asks whether a page of an allowed origin may send what it wants to
  // send; nullopt: it does not ask that, or may not.
  std::optional<HttpResponse> preflight(const HttpHead& head) const;
  // What lets such a page read this answer.
  void add_cors(HttpResponse& response, const HttpHead& head) const;
  // The Origin header if it is allowed to read our answers: then they name it.
  std::string_view allowed_origin(const HttpHead& head) const;

 private:
  bool known_host(std::string_view host) const;
  bool own_origin(const HttpHead& head, std::string_view origin) const;

  std::vector<std::string> names_;  // lower case, without ports and brackets
  bool any_literal_ = false;        // we listen on all addresses
  std::vector<std::string> origins_;
};

// The bearer token of a request; empty if there is none.
std::string_view bearer_token(const HttpHead& head);
// What every answer carries: request id and CORS.
void add_common_headers(HttpResponse& response, const Gate& gate, const HttpHead* head,
                        std::string_view request_id);

}  // namespace phoenix
