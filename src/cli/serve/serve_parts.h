// What `phoenix serve` does alike for a host with a store and for a gateway.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "membership/endpoint.h"
#include "net/http_server.h"
#include "runtime/gossip/gossip_port.h"
#include "runtime/log.h"
#include "runtime/serve_options.h"

namespace phoenix {

inline constexpr std::string_view kSeeHelp = "see: phoenix serve --help";

// Fields are named as REST names them ("flag:--auth-file: …"); who starts a host gave flags.
std::string said(const Error& error);
// Three short lines on stderr; the exit status.
int complain(const Error& error, std::string_view next);

// A host has many connections; the soft limit of 1,024 descriptors is for programs that select().
void raise_descriptor_limit();
std::string host_name(const ServeOptions& options);
std::string scheme_of(const ServeOptions& options);  // "https://"
Result<bool> listens_on_loopback(const ServeOptions& options);

// Where others reach this host's API: what the user says, else where it listens, the address in
// place of one that stands for all.
std::string told_api(const ServeOptions& options, const std::string& listening,
                     const gossip::Endpoint& own);

// Any free port where the default one is taken, with a line in the log.
Result<gossip::GossipPort> bind_gossip(const ServeOptions& options, const Log& log);

struct RestFace {
  std::function<HttpResponse(const Error&, const HttpHead*)> render;
  HttpServer::Gate gate;
  HttpServer::Handler handle;
};
// The same for REST.
Result<std::unique_ptr<HttpServer>> listen_rest(EventLoop& loop, const ServeOptions& options,
                                                const Log& log, const RestFace& face);

}  // namespace phoenix
