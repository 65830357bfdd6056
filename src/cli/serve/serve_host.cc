// Puts a host together: data folder, store, node, membership, REST face, log, signals.

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "api/api.h"
#include "api/auth.h"
#include "cli/serve/pool_part.h"
#include "cli/serve/serve_gateway.h"
#include "cli/serve/serve_parts.h"
#include "net/event_loop.h"
#include "net/http_server.h"
#include "runtime/clock.h"
#include "runtime/data_folder.h"
#include "runtime/gossip/gossip_port.h"
#include "runtime/gossip/gossip_service.h"
#include "runtime/gossip/pool_folder.h"
#include "runtime/host_runtime.h"
#include "runtime/log.h"
#include "runtime/recorder/host_key.h"
#include "runtime/recorder/key_facts.h"
#include "runtime/recorder/root_desk.h"
#include "runtime/serve.h"
#include "store/sqlite/sqlite_store.h"

namespace phoenix {
namespace {

constexpr Duration kShutdown = seconds(4);
constexpr Duration kHandOver = seconds(3);  // of these, with other hosts
constexpr Duration kLookAtHealth = milliseconds(250);
constexpr std::string_view kMendFile = "mend the file and start again";

// Beyond loopback only with credentials.
std::optional<Error> check_exposure(const ServeOptions& options) {
  const auto exposed = is_exposed(options);
  if (!exposed) return exposed.error();
  if (!*exposed || !options.auth_file.empty()) return std::nullopt;
  return Error{.kind = ErrorKind::kInvalidRequest,
               .detail = "--listen " + options.listen +
                         " is reachable from other machines, and there is neither --auth-file "
                         "nor mutual TLS"};
}

class Serving {
 public:
  explicit Serving(const ServeOptions& options)
      : options_(options),
        log_(options.quiet ? "error" : options.log_level, options.log_format == "json"),
        end_(loop_),
        health_(loop_) {}

  int run() {
    prepare_process();
    if (auto exposed = check_exposure(options_)) {
      return complain(*exposed, "give credentials, listen on 127.0.0.1, or say --insecure");
    }
    if (const int refused = prepare(); refused != 0) return refused;
    auto folder = DataFolder::open(options_.data_dir);
    if (!folder) return complain(folder.error(), kSeeHelp);
    folder_.emplace(std::move(*folder));
    if (auto started = start_host(); !started) {
      return complain(started.error(), "nothing was changed");
    }
    if (auto joined = make_gossip(); !joined) return complain(joined.error(), kSeeHelp);
    open_api();
    if (auto loaded = api_->reload_auth(); !loaded) return complain(loaded.error(), kMendFile);
    const auto signals =
        loop_.on_signals({SIGTERM, SIGINT, SIGHUP}, [this](int signal) { on_signal(signal); });
    if (!signals) return complain(signals.error(), "");
    announce();
    gossip_->start();
    if (part_) {
      if (auto linked = part_->start(*host_, *gossip_, [this] { begin_again(); }); !linked) {
        return complain(linked.error(), kSeeHelp);
      }
    }
    watch_health();
    while (!loop_.stopped()) loop_.run_one_for(host_->patience());
    // Whoever waits holds an exchange of the API: nobody does any more when that goes.
    server_->stop_accepting();
    host_->end_calls();
    server_.reset();
    loop_.poll();
    api_.reset();
    if (part_) part_->stop();
    gossip_.reset();
    host_.reset();
    part_.reset();
    folder_->remove_file("address.json");
    log_.write(Severity::kInfo, "stopped", {});
    return exit_code_;
  }

  // The pool has gone on without this host, which is to come back as another life of itself, with
  // these options: at the same addresses.
  const std::optional<ServeOptions>& next_life() const { return next_life_; }

 private:
  // All that can be wrong with the flags, before anything is created: who mistypes one gets no
  // folder and no keys. Whoever connects already now waits until the loop runs.
  int prepare() {
    if (auto free = DataFolder::check_free(options_.data_dir); !free) {
      return complain(free.error(), kSeeHelp);
    }
    if (auto tokens = Auth(options_.auth_file).reload(); !tokens) {
      return complain(tokens.error(), kMendFile);
    }
    if (auto listening = listen(); !listening) {
      return complain(listening.error(), "choose another one with --listen, or 127.0.0.1:0");
    }
    return open_gossip_port(options_, log_, &gossip_port_);
  }

  // With a store of its own, what must be equal over the pool is in a folder; else in the store.
  Result<std::unique_ptr<Store>> open_store(HostOptions& host) {
    if (is_shared()) {
      auto part = PoolPart::open(loop_, log_, options_, host.name);
      if (!part) return tl::unexpected<Error>(part.error());
      part_ = std::move(*part);
      host.self = part_->life();
      host.ring_key = part_->facts().ring_key;
      host.token_key = part_->facts().token_key;
      identity_ = part_->identity();
      return part_->take_store();
    }
    auto store = open_sqlite_store(folder_->file("phoenix.db"));
    if (!store) return tl::unexpected<Error>(store.error());
    auto pool =
        gossip::open_pool_folder(options_.pool_dir.empty() ? folder_->path() : options_.pool_dir);
    if (!pool) return tl::unexpected<Error>(pool.error());
    pool_folder_ = pool->path;
    host.ring_key = pool->ring_key;
    identity_.pool = pool->names.pool;
    identity_.store = pool->names.store;
    identity_.ring_fingerprint = pool->fingerprint();
    const auto token_key = folder_->token_key();
    if (!token_key) return tl::unexpected<Error>(token_key.error());
    host.token_key = *token_key;
    return std::move(*store);
  }
  bool is_shared() const { return options_.store != "sqlite"; }

  Result<bool> start_host() {
    HostOptions host;
    host.name = host_name(options_);
    auto store = open_store(host);
    if (!store) return tl::unexpected<Error>(store.error());
    Store* const host_store = store->get();
    host.max_live_packets = static_cast<uint64_t>(options_.max_live_packets);
    host.retain_count = static_cast<uint64_t>(options_.retain_count);
    if (options_.retain_record.ns > 0) host.retain_record = options_.retain_record;
    auto key = take_host_key(*folder_, host.name);
    if (!key) return tl::unexpected<Error>(key.error());
    host.key = std::move(*key);
    host.pool = identity_.pool;
    if (auto standing = take_root(*host_store, host); !standing) return standing;
    host.require_member_keys = options_.require_member_keys;
    auto started = RunningHost::start(loop_, std::move(*store), host);
    if (!started) return tl::unexpected<Error>(started.error());
    host_ = std::move(*started);
    host_->set_on_broken_log([this](const std::string& why) {
      log_.write(Severity::kError, "flight-recorder-stopped", {{"why", why}});
    });
    return true;
  }

  // The pool's root key, and its word for this host's: without, a host of a pool that has one does
  // not start.
  Result<bool> take_root(Store& store, HostOptions& host) {
    const auto known = store.fact(kRootKeyFact);
    if (!known) return tl::unexpected<Error>(known.error());
    auto standing = take_standing(*folder_, *host.key, host.pool, *known, read_clock().wall);
    if (!standing) return tl::unexpected<Error>(standing.error());
    host.root = std::move(standing->root);
    host.grant = std::move(standing->grant);
    root_desk_.emplace(*folder_, identity_.pool);
    // Where others may write the store too, what was signed is kept where they cannot.
    if (is_shared()) {
      auto last = read_checkpoint_file(*folder_);
      if (!last) return tl::unexpected<Error>(last.error());
      host.last_checkpoint = *std::move(last);
      host.keep_checkpoint = [this, kept = true](const std::string& envelope) mutable {
        const auto done = write_checkpoint_file(*folder_, envelope);
        if (done.has_value() == kept) return;
        kept = done.has_value();
        if (kept) return log_.write(Severity::kInfo, "checkpoint-kept-again", {});
        log_.write(Severity::kError, "checkpoint-not-kept", {{"why", said(done.error())}});
      };
    }
    return true;
  }

  Result<bool> make_gossip() {
    auto gossip =
        gossip_options(options_, host_->name(), *gossip_port_, server_->address(), *folder_);
    if (!gossip) return tl::unexpected<Error>(gossip.error());
    gossip::MembershipOptions& membership = gossip->membership;
    told_url_ = scheme() + membership.api;
    membership.weight = static_cast<uint32_t>(options_.weight);
    membership.identity = identity_;
    if (part_) {
      membership.boot_id = part_->life().life;
      membership.peer = part_->peer_address(membership.advertise);
      gossip->views = &part_->views();
      part_->set_gossip(gossip::to_string(membership.advertise));
      gossip->further_seeds = [this](const auto& told) { part_->ask_gossip(told); };
    }
    gossip->pool_folder = pool_folder_;
    gossip->refused = [this](const std::string& holder) { end_refused(holder); };
    auto service =
        gossip::GossipService::make(loop_, log_, std::move(*gossip_port_), std::move(*gossip));
    if (!service) return tl::unexpected<Error>(service.error());
    gossip_ = std::move(*service);
    return true;
  }

  void open_api() {
    ApiOptions api;
    api.auth_file = options_.auth_file;
    api.listen = {options_.listen};
    api.advertise = options_.advertise;
    api.allow_host = options_.allow_host;
    api.allow_origin = options_.allow_origin;
    api.weight = options_.weight;
    api.retain_seconds = static_cast<uint32_t>(options_.retain.ms() / 1000);
    api.hosts = gossip_.get();
    api.root = &*root_desk_;
    api.leave = [this] { end("asked-to-leave"); };
    api.draining = [this] { return ending_; };
    api.api_urls = [this] {
      return part_ ? part_->api_urls(told_url_, scheme()) : std::vector<std::string>{told_url_};
    };
    api.move_to = [this] {
      return part_ && ending_ ? part_->move_to(scheme()) : std::optional<std::string>();
    };
    api.on_answer = [this](const Answered& answer) { log_answer(answer); };
    api_ = std::make_unique<rest::Api>(*host_, std::move(api));
    api_->set_listen({server_->address()});
  }

  Result<bool> listen() {
    auto listening =
        listen_rest(loop_, options_, log_,
                    {.render = [this](const Error& error,
                                      const HttpHead* head) { return api_->render(error, head); },
                     .gate = [this](const HttpHead& head) { return api_->gate(head); },
                     .handle = [this](auto exchange) { api_->handle(std::move(exchange)); }});
    if (!listening) return tl::unexpected<Error>(listening.error());
    server_ = std::move(*listening);
    return true;
  }

  std::string scheme() const { return scheme_of(options_); }

  void announce() {
    const std::string url = scheme() + server_->address();
    write_addresses(*folder_, log_, url, part_ ? part_->bound() : "", gossip_->address());
    log_.write(Severity::kInfo, "started",
               {{"host", host_->name()},
                {"url", url},
                {"gossip", gossip_->address()},
                {"pool", identity_.pool},
                {"data", folder_->path()},
                {"run", std::to_string(host_->run())},
                {"livePackets", std::to_string(host_->node().live_packets())},
                {"pid", std::to_string(getpid())}});
    if (options_.quiet) return;
    fmt::print("phoenix {} serves at {}\n", host_->name(), url);
    fmt::print("other hosts join it at {}\n", gossip_->address());
    fmt::print("data in {}; Ctrl-C ends it\n", folder_->path());
    std::fflush(stdout);
  }

  // Its own fault is worth a line; what a client did wrong is its client's to log.
  void log_answer(const Answered& answer) const {
    const Severity severity = answer.status == 500 ? Severity::kError : Severity::kDebug;
    if (!log_.wants(severity)) return;
    log_.write(severity, "answered",
               {{"method", std::string(answer.method)},
                {"path", std::string(answer.path)},
                {"status", std::to_string(answer.status)},
                {"ms", fmt::format("{:.3f}", static_cast<double>(answer.took.ns) / 1e6)},
                {"request", std::string(answer.request_id)},
                {"peer", std::string(answer.peer)}});
  }

  // A line when the store begins to refuse, and one when it has recovered.
  void watch_health() {
    const Health health = host_->cluster().health(host_->now());
    if (health.ready != ready_ && !ending_) {
      ready_ = health.ready;
      if (ready_) {
        log_.write(Severity::kInfo, "ready", {});
      } else {
        log_.write(Severity::kError, "not-ready", {{"why", health.why}});
      }
    }
    health_.call_after(kLookAtHealth, [this] { watch_health(); });
  }

  void reload() {
    const auto tokens = api_->reload_auth();
    const auto certificate = server_->reload_tls();
    if (!tokens)
      log_.write(Severity::kError, "former-tokens-stay", {{"why", said(tokens.error())}});
    if (!certificate) {
      log_.write(Severity::kError, "former-certificate-stays",
                 {{"why", said(certificate.error())}});
    }
    if (tokens && certificate) log_.write(Severity::kInfo, "reloaded", {});
  }

  void on_signal(int signal) {
    if (signal == SIGHUP) return reload();
    if (ending_) _exit(130);  // the second one: at once
    end("signal");
  }

  void end(const std::string& why) {
    if (ending_) return;
    begin_end(why);
    if (part_) {
      // Before it leaves: who has left the view holds nothing any more.
      api_->send_members_away();
      gossip_->yield_slots();
      host_->give([](Cluster& cluster, Now now) { cluster.begin_leave(now); });
      hand_over_until_ = host_->now().mono + kHandOver;
      return hand_over();
    }
    leave();
  }

  // The slots go to others, and so do the members; who stays is lost to the pool as with a crash.
  void hand_over() {
    const bool done = host_->cluster().left() && host_->node().sessions_at_home() == 0;
    if (done || host_->now().mono >= hand_over_until_) return leave();
    end_.call_after(milliseconds(10), [this] { hand_over(); });
  }

  void leave() {
    gossip_->leave([this] { left_ = true; });
    wait_for_end();
  }

  // The pool went on without this life. Where another process has its name by now, two would take
  // that place from each other for ever.
  void begin_again() {
    if (ending_) return;
    if (part_->replaced()) {
      log_.write(Severity::kError, "fenced",
                 {{"why", "another process has taken this host's name in the pool's view"}});
      return end_refused("another address, which took its place in the pool's view");
    }
    log_.write(Severity::kError, "fenced",
               {{"why", "the pool went on without this host; it begins another life"}});
    ending_ = true;
    next_life_ = options_;
    next_life_->listen = server_->address();
    next_life_->gossip = gossip_->address();
    next_life_->peer = part_->bound();
    next_life_->listen_explicit = next_life_->gossip_explicit = next_life_->peer_explicit = true;
    loop_.stop();
  }

  // Our name is another live host's: nothing is told to the pool, which knows that one.
  void end_refused(const std::string& holder) {
    if (ending_) return;
    exit_code_ = 1;
    complain_of_name(host_->name(), holder);
    begin_end("refused");
    left_ = true;
    wait_for_end();
  }

  void begin_end(const std::string& why) {
    ending_ = true;
    log_.write(Severity::kInfo, "stopping",
               {{"why", why}, {"writes", std::to_string(host_->node().writes_in_flight())}});
    deadline_ = host_->now().mono + kShutdown;
    host_->begin_shutdown();
    server_->stop_accepting();
  }

  // Commits are finished, answers sent and the others told, within the time that a shutdown may
  // take.
  void wait_for_end() {
    const bool done = host_->quiet() && server_->in_progress() == 0 && left_;
    if (done || host_->now().mono >= deadline_) {
      server_->close_all();
      return loop_.stop();
    }
    end_.call_after(milliseconds(10), [this] { wait_for_end(); });
  }

  ServeOptions options_;
  Log log_;
  EventLoop loop_;
  Timer end_;
  Timer health_;
  std::optional<DataFolder> folder_;
  std::optional<RootDesk> root_desk_;
  std::optional<gossip::GossipPort> gossip_port_;  // until the service has it
  std::string pool_folder_;
  gossip::PoolIdentity identity_;
  std::unique_ptr<PoolPart> part_;  // with other hosts
  std::optional<ServeOptions> next_life_;
  std::unique_ptr<RunningHost> host_;
  std::unique_ptr<gossip::GossipService> gossip_;
  std::unique_ptr<rest::Api> api_;
  std::unique_ptr<HttpServer> server_;
  std::string told_url_;  // where others reach the API
  bool ready_ = true;
  bool ending_ = false;
  bool left_ = false;  // the pool
  int exit_code_ = 0;
  Instant deadline_;
  Instant hand_over_until_;
};

}  // namespace

int serve(const ServeOptions& options) {
  if (options.store == gossip::kNoStore) return serve_gateway(options);
  ServeOptions life = options;
  for (;;) {
    Serving serving(life);
    const int code = serving.run();
    if (!serving.next_life()) return code;
    life = *serving.next_life();
  }
}

}  // namespace phoenix
