#include "net/http_server.h"

#include <cerrno>
#include <utility>

#include "net/address.h"
#include "net/http_connection.h"
#include "net/tls.h"
#include "net/transport.h"

namespace phoenix {
namespace {

constexpr int kAcceptsPerTurn = 64;
// Connections beyond the bound that are told so at a time; others are closed without a word.
constexpr size_t kMaxRefused = 256;
constexpr Duration kFirstBackoff = milliseconds(50);
constexpr Duration kLastBackoff = seconds(1);

class Server final : public HttpServer, private FdEvents {
 public:
  Server(std::shared_ptr<HttpShared> shared, Fd listener, std::shared_ptr<TlsContext> tls)
      : shared_(std::move(shared)),
        listener_(std::move(listener)),
        local_(local_address(listener_.get())),
        tls_(std::move(tls)),
        backoff_(shared_->loop),
        waiter_(std::make_unique<FdWaiter>(shared_->loop, listener_.get(),
                                           static_cast<FdEvents&>(*this))) {
    waiter_->wait_readable();
  }
  ~Server() override { close_all(); }

  std::string address() const override { return to_string(local_); }
  uint16_t port() const override { return local_.port; }
  size_t connections() const override { return shared_->connections.size(); }
  size_t in_progress() const override { return shared_->in_progress; }

  Result<void> reload_tls() override;
  void stop_accepting() override;
  void close_all() override;

 private:
  void on_readable() override;
  void on_writable() override {}
  void admit(Accepted accepted);
  void back_off();

  std::shared_ptr<HttpShared> shared_;
  Fd listener_;
  const Address local_;
  std::shared_ptr<TlsContext> tls_;
  Timer backoff_;
  Duration next_backoff_ = kFirstBackoff;
  std::unique_ptr<FdWaiter> waiter_;
};

Result<std::shared_ptr<TlsContext>> load_tls(const HttpServerOptions& options) {
  if (!options.tls) return std::shared_ptr<TlsContext>();
  return TlsContext::load({.certificate = options.tls->certificate_file,
                           .key = options.tls->key_file,
                           .client_ca = options.tls->client_ca_file});
}

Result<void> Server::reload_tls() {
  auto loaded = load_tls(shared_->options);
  if (!loaded) return tl::unexpected<Error>(loaded.error());
  tls_ = std::move(*loaded);
  return {};
}

void Server::stop_accepting() {
  shared_->accepting = false;
  backoff_.cancel();
  waiter_.reset();
  listener_.reset(-1);
}

void Server::close_all() {
  stop_accepting();
  while (!shared_->connections.empty()) {
    const auto connection = shared_->connections.back();
    connection->abort();
  }
}

void Server::on_readable() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    Accepted accepted = accept_tcp(listener_.get());
    if (accepted.fd.valid()) {
      next_backoff_ = kFirstBackoff;
      admit(std::move(accepted));
      continue;
    }
    if (accepted.error == EAGAIN || accepted.error == EWOULDBLOCK) break;
    const bool exhausted = accepted.error == EMFILE || accepted.error == ENFILE ||
                           accepted.error == ENOBUFS || accepted.error == ENOMEM;
    if (exhausted) return back_off();
    // Everything else concerns one connection that is gone before it was taken.
  }
  waiter_->wait_readable();
}

// Out of descriptors: those who wait in the backlog stay there until some are free again.
void Server::back_off() {
  backoff_.call_after(next_backoff_, [this] { on_readable(); });
  next_backoff_ = std::min(next_backoff_ * 2, kLastBackoff);
}

void Server::admit(Accepted accepted) {
  const HttpServerOptions& options = shared_->options;
  const bool full = shared_->connections.size() - shared_->refused >= options.max_connections;
  const size_t of_peer = ++shared_->per_peer[accepted.peer];
  const bool greedy =
      options.max_connections_per_peer > 0 && of_peer > options.max_connections_per_peer;
  // A refusal inside TLS would cost a handshake, which is just what there is no room for.
  const bool mute = (full || greedy) && (tls_ != nullptr || shared_->refused >= kMaxRefused);
  std::unique_ptr<Transport> transport;
  if (!mute) {
    transport = tls_ != nullptr ? tls_->accept(std::move(accepted.fd))
                                : make_plain_transport(std::move(accepted.fd));
  }
  if (transport == nullptr) {
    if (--shared_->per_peer[accepted.peer] == 0) shared_->per_peer.erase(accepted.peer);
    return;
  }
  auto connection = std::make_shared<HttpConnection>(shared_, std::move(transport),
                                                     std::move(accepted.peer), tls_ != nullptr);
  connection->index = shared_->connections.size();
  shared_->connections.push_back(connection);
  if (!full && !greedy) return connection->start();
  Error error;
  error.kind = full ? ErrorKind::kOverloaded : ErrorKind::kTooManyRequests;
  error.detail = full ? "this host has " + std::to_string(options.max_connections) +
                            " connections open, its limit; try again later"
                      : "more than " + std::to_string(options.max_connections_per_peer) +
                            " connections from one address; use fewer, and keep them open";
  error.retry_after_ms = 1'000;
  connection->start_refused(error);
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(EventLoop& loop, HttpServerOptions options,
                                                       Gate gate, Handler handler) {
  const auto address = parse_address(options.listen);
  if (!address) return tl::unexpected<Error>(address.error());
  auto tls = load_tls(options);
  if (!tls) return tl::unexpected<Error>(tls.error());
  auto listener = listen_tcp(*address);
  if (!listener) return tl::unexpected<Error>(listener.error());
  auto shared = std::make_shared<HttpShared>(loop, std::move(options));
  shared->gate = std::move(gate);
  shared->handler = std::move(handler);
  return std::make_unique<Server>(std::move(shared), std::move(*listener), std::move(*tls));
}

}  // namespace phoenix
