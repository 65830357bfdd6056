// The REST face of a host: what an HttpServer calls for each request. It decides nothing about
// packets or members; it checks form and rights, translates requests into the node's commands and
// replies into JSON, and answers every refusal with a problem document.
//
//   Api api(host, options);
//   if (auto loaded = api.reload_auth(); !loaded) ...
//   HttpServerOptions http; http.render_error = [&](auto& e, auto* h) { return api.render(e, h); };
//   HttpServer::listen(loop, http, [&](auto& head) { return api.gate(head); },
//                      [&](auto exchange) { api.handle(std::move(exchange)); });
//
// The host must outlive it; it must outlive the server and every call that the host still answers.
// All on the loop's thread.
#pragma once

#include <memory>
#include <optional>

#include "api/options.h"
#include "base/error.h"
#include "net/http_server.h"
#include "runtime/host.h"

namespace phoenix {

// The commands have an Api of their own, the client's side of this one; `rest` keeps them apart.
inline namespace rest {

class Api {
 public:
  Api(Host& host, ApiOptions options);
  ~Api();

  // Refuses on the head alone: foreign Host or Origin, unknown path or method, a media type that
  // is not taken, no credentials.
  std::optional<HttpResponse> gate(const HttpHead& head);
  void handle(std::shared_ptr<HttpExchange> exchange);
  // Reads the --auth-file; at the start, and on SIGHUP. On failure the former one stays in force.
  Result<bool> reload_auth();
  // An answer for what the server refuses by itself; the head is null if it could not be read.
  HttpResponse render(const Error& error, const HttpHead* head);
  // ApiOptions::move_to names a host by now: tells the members whose streams are open at once.
  // Those that poll or send heartbeats hear of it by the next answer.
  void send_members_away();
  // Once the port is known: more addresses that a Host header may name.
  void set_listen(std::vector<std::string> listen);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rest
}  // namespace phoenix
