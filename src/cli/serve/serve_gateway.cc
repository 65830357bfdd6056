#include "cli/serve/serve_gateway.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "cli/serve/serve_parts.h"
#include "gateway/gateway.h"
#include "runtime/clock.h"
#include "runtime/data_folder.h"
#include "runtime/gossip/gossip_service.h"

namespace phoenix {
namespace {

constexpr Duration kShutdown = seconds(4);

// The tokens are the keepers' to check, and a keeper on loopback asks for none: who lets others
// reach it through here has to say so.
std::optional<Error> check_exposure(const ServeOptions& options) {
  const auto exposed = is_exposed(options);
  if (!exposed) return exposed.error();
  if (!*exposed) return std::nullopt;
  return Error{.kind = ErrorKind::kInvalidRequest,
               .detail = "--listen " + options.listen +
                         " is reachable from other machines: whoever reaches this gateway reaches "
                         "the hosts behind it, as this machine"};
}

class Serving {
 public:
  explicit Serving(const ServeOptions& options)
      : options_(options),
        name_(host_name(options)),
        log_(options.quiet ? "error" : options.log_level, options.log_format == "json"),
        end_(loop_) {}

  int run() {
    prepare_process();
    if (auto exposed = check_exposure(options_)) {
      return complain(*exposed,
                      "use mutual TLS (--tls-cert, --tls-key, --tls-ca), listen on 127.0.0.1, or "
                      "say --insecure");
    }
    if (const int refused = prepare(); refused != 0) return refused;
    auto folder = DataFolder::open(options_.data_dir);
    if (!folder) return complain(folder.error(), kSeeHelp);
    folder_.emplace(std::move(*folder));
    if (auto made = make_gossip(); !made) return complain(made.error(), kSeeHelp);
    open_gateway();
    const auto signals =
        loop_.on_signals({SIGTERM, SIGINT, SIGHUP}, [this](int signal) { on_signal(signal); });
    if (!signals) return complain(signals.error(), "");
    announce();
    gossip_->start();
    loop_.run();
    server_->close_all();
    loop_.poll();  // those whose client is gone are told so
    server_.reset();
    gateway_.reset();
    gossip_.reset();
    folder_->remove_file("address.json");
    log_.write(Severity::kInfo, "stopped", {});
    return exit_code_;
  }

 private:
  // All that can be wrong with the flags, before anything is created.
  int prepare() {
    if (auto free = DataFolder::check_free(options_.data_dir); !free) {
      return complain(free.error(), kSeeHelp);
    }
    auto listening = listen_rest(
        loop_, options_, log_,
        {.render = [this](const Error& error,
                          const HttpHead* head) { return gateway_->render(error, head); },
         .gate = [this](const HttpHead& head) { return gateway_->gate(head); },
         .handle = [this](auto exchange) { gateway_->handle(std::move(exchange)); }});
    if (!listening) {
      return complain(listening.error(), "choose another one with --listen, or 127.0.0.1:0");
    }
    server_ = std::move(*listening);
    const int refused = open_gossip_port(options_, log_, &gossip_port_);
    if (refused != 0) return refused;
    // The hosts of a pool speak alike, so keepers are spoken to as this gateway is.
    if (options_.tls_cert.empty()) return 0;
    const bool mutual = !options_.tls_ca.empty();
    auto trust = TlsTrust::create(options_.tls_ca, mutual ? options_.tls_cert : "",
                                  mutual ? options_.tls_key : "");
    if (!trust) return complain(trust.error(), kSeeHelp);
    tls_ = std::move(*trust);
    return 0;
  }

  Result<bool> make_gossip() {
    auto gossip = gossip_options(options_, name_, *gossip_port_, server_->address(), *folder_);
    if (!gossip) return tl::unexpected<Error>(gossip.error());
    told_url_ = scheme_of(options_) + gossip->membership.api;
    gossip->membership.weight = 0;
    gossip->membership.identity.store = gossip::kNoStore;
    gossip->pool_folder = folder_->path();
    gossip->refused = [this](const std::string& holder) { end_refused(holder); };
    auto service =
        gossip::GossipService::make(loop_, log_, std::move(*gossip_port_), std::move(*gossip));
    if (!service) return tl::unexpected<Error>(service.error());
    gossip_ = std::move(*service);
    return true;
  }

  void open_gateway() {
    gateway::GatewayOptions gateway;
    gateway.api.listen = {options_.listen, server_->address()};
    gateway.api.advertise = options_.advertise;
    gateway.api.allow_host = options_.allow_host;
    gateway.api.allow_origin = options_.allow_origin;
    gateway.told_url = told_url_;
    gateway.tls = tls_;
    gateway.keepers_changed = [this](bool any) {
      if (ending_) return;
      if (any) {
        log_.write(Severity::kInfo, "ready", {});
      } else {
        log_.write(Severity::kError, "not-ready", {{"why", "no host of the pool takes calls"}});
      }
    };
    gateway_ = std::make_unique<gateway::Gateway>(loop_, *gossip_, std::move(gateway));
  }

  void announce() {
    const std::string url = scheme_of(options_) + server_->address();
    write_addresses(*folder_, log_, url, "", gossip_->address());
    log_.write(Severity::kInfo, "started",
               {{"gateway", name_},
                {"url", url},
                {"gossip", gossip_->address()},
                {"data", folder_->path()},
                {"pid", std::to_string(getpid())}});
    if (options_.quiet) return;
    fmt::print("phoenix {} is a gateway at {}\n", name_, url);
    fmt::print("it keeps nothing and hands calls on to the pool that it joins\n");
    fmt::print("Ctrl-C ends it\n");
    std::fflush(stdout);
  }

  void on_signal(int signal) {
    if (signal == SIGHUP) return reload();
    if (ending_) _exit(130);  // the second one: at once
    log_.write(Severity::kInfo, "stopping", {{"why", "signal"}});
    end();
  }

  void reload() {
    const auto certificate = server_->reload_tls();
    if (!certificate) {
      log_.write(Severity::kError, "former-certificate-stays",
                 {{"why", said(certificate.error())}});
    } else {
      log_.write(Severity::kInfo, "reloaded", {});
    }
  }

  // Our name is another live host's.
  void end_refused(const std::string& holder) {
    if (ending_) return;
    exit_code_ = 1;
    complain_of_name(name_, holder);
    end();
  }

  // Nothing is taken any more, members are let go to attach elsewhere, what is short is finished.
  void end() {
    ending_ = true;
    deadline_ = read_clock().mono + kShutdown;
    server_->stop_accepting();
    gateway_->drain();
    gossip_->leave([this] { left_ = true; });
    wait_for_end();
  }

  void wait_for_end() {
    const bool done = left_ && gateway_->open() == 0 && server_->in_progress() == 0;
    if (done || read_clock().mono >= deadline_) return loop_.stop();
    end_.call_after(milliseconds(10), [this] { wait_for_end(); });
  }

  const ServeOptions options_;
  const std::string name_;
  Log log_;
  EventLoop loop_;
  Timer end_;
  std::optional<DataFolder> folder_;
  std::optional<gossip::GossipPort> gossip_port_;  // until the service has it
  std::shared_ptr<const TlsTrust> tls_;
  std::unique_ptr<gossip::GossipService> gossip_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::unique_ptr<HttpServer> server_;
  std::string told_url_;  // where others reach it
  bool ending_ = false;
  bool left_ = false;  // the pool
  int exit_code_ = 0;
  Instant deadline_;
};

}  // namespace

int serve_gateway(const ServeOptions& options) { return Serving(options).run(); }

}  // namespace phoenix
