#include "cli/serve/serve_parts.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "api/options.h"
#include "net/address.h"
#include "runtime/gossip/key_file.h"

namespace phoenix {
namespace {

// A host has many connections; the soft limit of 1,024 descriptors is for programs that select().
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Batches come and go as pieces of some 100 KiB. glibc would map and unmap each of them, or give
// the end of the heap back and ask for it again. The bench's own main() says the same for the hosts
// that it runs in its process.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

// Where others reach this host's API: what the user says, else where it listens, the address in
// place of one that stands for all.
std::string told_api(const ServeOptions& options, const std::string& listening,
                     const gossip::Endpoint& own) {
  const auto bound = parse_address(listening);
  const uint16_t port = bound ? bound->port : 0;
  if (!options.advertise.empty()) {
    return parse_address(options.advertise) ? options.advertise
                                            : to_string(Address{options.advertise, port});
  }
  const bool all = bound && (bound->host == "0.0.0.0" || bound->host == "::");
  if (!all) return listening;
  gossip::Endpoint at = own;
  at.port = port;
  return to_string(at);
}

Result<gossip::GossipPort> bind_gossip(const ServeOptions& options, const Log& log) {
  auto bound = gossip::bind_gossip(options.gossip);
  const bool taken = !bound && bound.error().kind == ErrorKind::kConflict;
  if (taken && !options.gossip_explicit) {
    log.write(Severity::kWarn, "taking-a-free-port", {{"why", bound.error().detail}});
    bound = gossip::bind_gossip("127.0.0.1:0");
  }
  if (!bound) return bound;
  if (options.gossip_key_file.empty() && !is_loopback(bound->address.host)) {
    log.write(Severity::kWarn, "gossip-unprotected",
              {{"address", to_string(bound->address)},
               {"why", "whoever reaches this port can join the pool; give --gossip-key-file"}});
  }
  return bound;
}

}  // namespace

std::string said(const Error& error) {
  const std::string_view detail = error.detail;
  return std::string(detail.starts_with("flag:") ? detail.substr(5) : detail);
}

int complain(const Error& error, std::string_view next) {
  fmt::print(stderr, "phoenix serve: cannot start\n{}\n{}\n", said(error), next);
  return 1;
}

void complain_of_name(const std::string& name, const std::string& holder) {
  fmt::print(stderr,
             "phoenix serve: the name \"{}\" is taken\nit belongs to the live host at {}\n"
             "end that one, or give this one another name with --name\n",
             name, holder);
}

void prepare_process() {
  raise_descriptor_limit();
  keep_freed_memory();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is a full disk: an error, not an end
}

std::string host_name(const ServeOptions& options) {
  if (!options.name.empty()) return options.name;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "host";
  return name.data();
}

std::string scheme_of(const ServeOptions& options) {
  return options.tls_cert.empty() ? "http://" : "https://";
}

Result<bool> is_exposed(const ServeOptions& options) {
  const auto address = parse_address(options.listen);
  if (!address) return tl::unexpected<Error>(address.error());
  const auto literals = resolve(*address);
  if (!literals) return tl::unexpected<Error>(literals.error());
  const bool loopback = std::all_of(literals->begin(), literals->end(), [](const Address& literal) {
    return is_loopback(literal.host);
  });
  const bool mutual = !options.tls_cert.empty() && !options.tls_ca.empty();
  return !loopback && !mutual && !options.insecure;
}

int open_gossip_port(const ServeOptions& options, const Log& log,
                     std::optional<gossip::GossipPort>* into) {
  if (!options.gossip_key_file.empty()) {
    const auto keys = gossip::read_key_file(options.gossip_key_file);
    if (!keys) return complain(keys.error(), "mend --gossip-key-file and start again");
  }
  auto bound = bind_gossip(options, log);
  if (!bound) return complain(bound.error(), "choose another one with --gossip, or 127.0.0.1:0");
  into->emplace(std::move(*bound));
  return 0;
}

Result<gossip::GossipOptions> gossip_options(const ServeOptions& options, const std::string& name,
                                             const gossip::GossipPort& port,
                                             const std::string& listening,
                                             const DataFolder& folder) {
  const auto own = gossip::advertised(port.address, options.advertise);
  if (!own) return tl::unexpected<Error>(own.error());
  gossip::GossipOptions gossip;
  gossip.membership.name = name;
  gossip.membership.advertise = *own;
  gossip.membership.api = told_api(options, listening, *own);
  gossip.membership.version = ApiOptions().version;
  gossip.join = options.join;
  gossip.key_file = options.gossip_key_file;
  gossip.data_folder = folder.path();
  return gossip;
}

void write_addresses(const DataFolder& folder, const Log& log, const std::string& url,
                     const std::string& peer, const std::string& gossip) {
  const std::string text =
      fmt::format("{{\"api\":\"{}\",\"peer\":{},\"gossip\":\"{}\",\"pid\":{}}}\n", url,
                  peer.empty() ? "null" : "\"" + peer + "\"", gossip, getpid());
  if (auto done = folder.write_file("address.json", text); !done) {
    folder.remove_file("address.json");  // that of a life before leads nowhere, or to somebody else
    log.write(Severity::kError, "no-address-file", {{"why", done.error().detail}});
  }
}

Result<std::unique_ptr<HttpServer>> listen_rest(EventLoop& loop, const ServeOptions& options,
                                                const Log& log, const RestFace& face) {
  HttpServerOptions http;
  http.listen = options.listen;
  if (!options.tls_cert.empty()) {
    http.tls = HttpTlsOptions{options.tls_cert, options.tls_key, options.tls_ca};
  }
  http.render_error = face.render;
  auto listening = HttpServer::listen(loop, http, face.gate, face.handle);
  const bool taken = !listening && listening.error().kind == ErrorKind::kConflict;
  if (taken && !options.listen_explicit) {
    log.write(Severity::kWarn, "taking-a-free-port", {{"why", listening.error().detail}});
    http.listen = "127.0.0.1:0";
    listening = HttpServer::listen(loop, http, face.gate, face.handle);
  }
  return listening;
}

}  // namespace phoenix
