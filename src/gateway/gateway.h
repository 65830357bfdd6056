// A gateway: the REST face of a pool at a host that keeps nothing. It hands each call on to a host
// with a store and the answer back, so that every rule of sessions, leases and fencing is that
// host's. It answers by itself /livez, /readyz and /metrics, and what can be refused without a
// host: foreign names and origins, and calls that no host takes.
//
//   Gateway gateway(loop, hosts, options);
//   HttpServer::listen(loop, http, [&](auto& head) { return gateway.gate(head); },
//                      [&](auto exchange) { gateway.handle(std::move(exchange)); });
//
// `hosts` must outlive it; it must outlive the server. All on the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/options.h"
#include "client/tls.h"
#include "gateway/desk.h"
#include "gateway/relay.h"
#include "net/http_server.h"
#include "runtime/hosts.h"

namespace phoenix::gateway {

struct GatewayOptions {
  // Names and origins that a request may carry: listen, advertise, allow_host, allow_origin.
  ApiOptions api;
  std::string told_url;  // where others reach it: "http://10.0.0.1:7400"
  // How the pool's hosts speak: null for plain HTTP.
  std::shared_ptr<const TlsTrust> tls;
  // A keeper became well or all ceased to be: for the log.
  std::function<void(bool any)> keepers_changed;
};

class Gateway {
 public:
  Gateway(EventLoop& loop, Hosts& hosts, GatewayOptions options);
  ~Gateway();

  std::optional<HttpResponse> gate(const HttpHead& head);
  void handle(std::shared_ptr<HttpExchange> exchange);
  // An answer for what the server refuses by itself.
  HttpResponse render(const Error& error, const HttpHead* head);
  // From now on nothing is taken; what waits on purpose, and every stream of events, ends.
  void drain();
  size_t open() const { return relays_.size(); }

 private:
  class Probe;

  void refresh();
  void watch();
  void heard(const HostNews& news);
  void answer_ready(const std::shared_ptr<HttpExchange>& exchange);
  void respond(HttpExchange& exchange, HttpResponse response);
  std::string metrics();

  EventLoop& loop_;
  Hosts& hosts_;
  GatewayOptions options_;
  Desk desk_;
  Instant refreshed_{INT64_MIN / 2};
  uint64_t news_ = 0;
  Timer watch_;
  bool any_keeper_ = false;
  std::set<std::shared_ptr<Relay>> relays_;
  std::set<std::shared_ptr<Probe>> probes_;
};

}  // namespace phoenix::gateway
