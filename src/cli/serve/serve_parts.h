// What `phoenix serve` does alike for a host with a store and for a gateway.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_server.h"
#include "runtime/data_folder.h"
#include "runtime/gossip/gossip_port.h"
#include "runtime/gossip/gossip_service.h"
#include "runtime/log.h"
#include "runtime/serve_options.h"

namespace phoenix {

inline constexpr std::string_view kSeeHelp = "see: phoenix serve --help";

// Fields are named as REST names them ("flag:--auth-file: …"); who starts a host gave flags.
std::string said(const Error& error);
// Three short lines on stderr; the exit status.
int complain(const Error& error, std::string_view next);
// The same at the end of a host whose name is another live one's.
void complain_of_name(const std::string& name, const std::string& holder);

// All descriptors that it may have, and no signal of a pipe or a file that takes no more.
void prepare_process();
std::string host_name(const ServeOptions& options);
std::string scheme_of(const ServeOptions& options);  // "https://"
// Whether it listens beyond loopback, and neither mutual TLS nor --insecure makes that right.
Result<bool> is_exposed(const ServeOptions& options);

// The socket of gossip, and whether its keys can be read: what is wrong is said, and the exit
// status is not 0. Any free port where the default one is taken, with a line in the log.
int open_gossip_port(const ServeOptions& options, const Log& log,
                     std::optional<gossip::GossipPort>* into);
// What the pool is told alike of every host that gossips at `port` and serves REST at `listening`.
Result<gossip::GossipOptions> gossip_options(const ServeOptions& options, const std::string& name,
                                             const gossip::GossipPort& port,
                                             const std::string& listening,
                                             const DataFolder& folder);
// address.json, for whoever wants to know where it is; none, and a line in the log, where it cannot
// be written. `peer`: empty for none.
void write_addresses(const DataFolder& folder, const Log& log, const std::string& url,
                     const std::string& peer, const std::string& gossip);

struct RestFace {
  std::function<HttpResponse(const Error&, const HttpHead*)> render;
  HttpServer::Gate gate;
  HttpServer::Handler handle;
};
// Any free port where the default one is taken, with a line in the log.
Result<std::unique_ptr<HttpServer>> listen_rest(EventLoop& loop, const ServeOptions& options,
                                                const Log& log, const RestFace& face);

}  // namespace phoenix
