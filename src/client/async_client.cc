#include "client/async_client.h"

#include <algorithm>
#include <map>
#include <vector>

#include "client/address.h"
#include "client/connection.h"

namespace phoenix {
namespace {

// Connections that are kept while no call needs them.
constexpr std::size_t kMaxKept = 8;
constexpr Duration kConnectLimit = seconds(3);

}  // namespace

struct AsyncClient::Impl {
  // One call or stream, from its first connect to its last byte.
  struct Exchange final : FdEvents {
    Exchange(Impl& owner, uint64_t number) : impl(owner), id(number), timer(owner.loop) {}
    ~Exchange() = default;
    void on_readable() override { impl.step(id); }
    void on_writable() override { impl.step(id); }

    Impl& impl;
    uint64_t id;
    Call call;
    Done done;
    StreamSink sink;
    bool stream = false;
    bool opened = false;
    std::unique_ptr<SseParser> events;
    Timer timer;
    Timer::TimePoint deadline;
    std::unique_ptr<HostConnection> connection;  // outlives its waiter
    std::unique_ptr<FdWaiter> waiter;
    int waiter_fd = -1;
    std::vector<BaseUrl> only;       // the call's own base URL, if it has one
    std::vector<std::size_t> hosts;  // the others in the order in which they are tried
    std::size_t tried = 0;           // how many of them
    bool repeated = false;
  };

  Impl(EventLoop& event_loop, ClientOptions client_options)
      : loop(event_loop), options(std::move(client_options)) {}

  EventLoop& loop;
  ClientOptions options;
  std::vector<BaseUrl> origins;
  std::shared_ptr<const TlsTrust> tls;
  HostOrder order{0};
  std::vector<std::unique_ptr<HostConnection>> kept;
  std::map<uint64_t, std::shared_ptr<Exchange>> open;
  // Guards what was posted to the loop against an end of this client.
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);

  const BaseUrl& origin(const Exchange& exchange) const {
    return exchange.only.empty() ? origins[exchange.hosts[exchange.tried]] : exchange.only[0];
  }
  bool more_hosts(const Exchange& exchange) const {
    return exchange.only.empty() && exchange.tried + 1 < exchange.hosts.size();
  }

  void begin(const std::shared_ptr<Exchange>& exchange);
  void attempt(Exchange& exchange);
  std::unique_ptr<HostConnection> take_kept(const BaseUrl& origin);
  void wait(Exchange& exchange);
  void arm(Exchange& exchange);
  void step(uint64_t id);
  void late(uint64_t id);
  void broken(const std::shared_ptr<Exchange>& exchange, CallFailure failure);
  void complete(const std::shared_ptr<Exchange>& exchange);
  void end(const std::shared_ptr<Exchange>& exchange, const CallResult& result);
};

void AsyncClient::Impl::begin(const std::shared_ptr<Exchange>& exchange) {
  const Duration limit = exchange->call.timeout.ns > 0 ? exchange->call.timeout : options.timeout;
  exchange->deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(limit.ns);
  exchange->hosts = order.tour();
  std::string unusable;
  if (!exchange->call.url.empty()) {
    Result<BaseUrl> origin = parse_url(exchange->call.url);
    if (!origin || (origin->tls && !tls)) {
      unusable = origin ? "no https here" : origin.error().detail;
    } else {
      exchange->only.push_back(std::move(*origin));
    }
  }
  open[exchange->id] = exchange;
  loop.post([this, weak = std::weak_ptr<bool>(alive), id = exchange->id, unusable] {
    if (weak.expired()) return;
    const auto it = open.find(id);
    if (it == open.end()) return;
    const std::shared_ptr<Exchange> held = it->second;
    if (!unusable.empty()) {
      end(held, tl::unexpected(CallFailure{CallFault::kUnreachable, held->call.url, unusable}));
      return;
    }
    attempt(*held);
    step(id);
  });
}

std::unique_ptr<HostConnection> AsyncClient::Impl::take_kept(const BaseUrl& origin) {
  while (!kept.empty()) {
    std::unique_ptr<HostConnection> connection = std::move(kept.back());
    kept.pop_back();
    if (connection->origin().url == origin.url && !connection->stale()) return connection;
  }
  return nullptr;
}

void AsyncClient::Impl::attempt(Exchange& exchange) {
  const BaseUrl& at = origin(exchange);
  exchange.waiter.reset();
  exchange.waiter_fd = -1;
  exchange.connection = exchange.stream || exchange.repeated ? nullptr : take_kept(at);
  if (!exchange.connection) exchange.connection = std::make_unique<HostConnection>(at, tls);
  AnswerParser::BodySink body;
  if (exchange.stream) {
    exchange.events = std::make_unique<SseParser>([&exchange](const SseEvent& event) {
      // A callback may cancel: then the rest of what has arrived is not for it any more.
      if (exchange.sink.event && exchange.impl.open.contains(exchange.id)) {
        exchange.sink.event(event);
      }
    });
    body = [this, &exchange](std::string_view bytes) {
      if (!exchange.opened) {
        exchange.opened = true;
        exchange.timer.cancel();
        if (exchange.sink.opened) exchange.sink.opened();
      }
      if (open.contains(exchange.id)) exchange.events->feed(bytes);
    };
  }
  const std::string& token = exchange.call.token ? *exchange.call.token : options.token;
  exchange.connection->send(encode_request(at, exchange.call, token),
                            exchange.call.method == "HEAD", options.max_answer, std::move(body));
  arm(exchange);
}

void AsyncClient::Impl::arm(Exchange& exchange) {
  Timer::TimePoint until = exchange.deadline;
  if (more_hosts(exchange) && !exchange.connection->connected()) {
    const auto limit = std::chrono::nanoseconds(kConnectLimit.ns);
    until = std::min(until, std::chrono::steady_clock::now() + limit);
  }
  exchange.timer.call_at(until, [this, id = exchange.id] { late(id); });
}

void AsyncClient::Impl::wait(Exchange& exchange) {
  const int fd = exchange.connection->fd();
  if (fd != exchange.waiter_fd) {
    exchange.waiter.reset();
    exchange.waiter_fd = fd;
    exchange.waiter = std::make_unique<FdWaiter>(loop, fd, exchange);
  }
  exchange.waiter->wait_readable();
  if (exchange.connection->wants_write()) exchange.waiter->wait_writable();
}

void AsyncClient::Impl::step(uint64_t id) {
  const auto it = open.find(id);
  if (it == open.end()) return;
  const std::shared_ptr<Exchange> exchange = it->second;
  const bool was_connected = exchange->connection->connected();
  const int old_fd = exchange->connection->fd();
  // The loop must not watch a descriptor that the step may close.
  if (!was_connected && exchange->waiter_fd == old_fd) {
    exchange->waiter.reset();
    exchange->waiter_fd = -1;
  }
  exchange->connection->step();
  if (!open.contains(id)) return;
  if (!was_connected && exchange->connection->connected()) arm(*exchange);
  if (exchange->stream && !exchange->opened && exchange->connection->head_done() &&
      exchange->connection->head().ok()) {
    exchange->opened = true;
    exchange->timer.cancel();
    if (exchange->sink.opened) exchange->sink.opened();
    if (!open.contains(id)) return;
  }
  if (exchange->opened) exchange->timer.cancel();
  switch (exchange->connection->phase()) {
    case HostConnection::Phase::kDone:
      complete(exchange);
      break;
    case HostConnection::Phase::kFailed:
      broken(exchange, {exchange->connection->fault(), exchange->connection->origin().url,
                        exchange->connection->detail()});
      break;
    case HostConnection::Phase::kIdle:
    case HostConnection::Phase::kBusy:
      wait(*exchange);
      break;
  }
}

void AsyncClient::Impl::late(uint64_t id) {
  const auto it = open.find(id);
  if (it == open.end()) return;
  const std::shared_ptr<Exchange> exchange = it->second;
  const std::string url = exchange->connection->origin().url;
  if (exchange->connection->connected()) {
    end(exchange, tl::unexpected(CallFailure{CallFault::kTimedOut, url, "no answer in time"}));
  } else {
    broken(exchange, {CallFault::kUnreachable, url, "no connection in time"});
  }
}

void AsyncClient::Impl::broken(const std::shared_ptr<Exchange>& exchange, CallFailure failure) {
  const bool late_already = std::chrono::steady_clock::now() >= exchange->deadline;
  const bool untouched = failure.fault == CallFault::kUnreachable;
  const bool used = exchange->connection->used();
  if (!exchange->opened && !late_already && (untouched || exchange->call.repeatable)) {
    if (used && !exchange->repeated) {
      // A kept connection that the host has just closed says nothing about the host.
      exchange->repeated = true;
    } else {
      if (exchange->only.empty() && origins.size() > 1)
        order.failed(exchange->hosts[exchange->tried]);
      if (!more_hosts(*exchange)) {
        end(exchange, tl::unexpected(std::move(failure)));
        return;
      }
      ++exchange->tried;
    }
    attempt(*exchange);
    step(exchange->id);
    return;
  }
  end(exchange, tl::unexpected(std::move(failure)));
}

void AsyncClient::Impl::complete(const std::shared_ptr<Exchange>& exchange) {
  if (exchange->only.empty()) order.served(exchange->hosts[exchange->tried]);
  exchange->waiter.reset();
  Answer answer = exchange->connection->take_answer();
  if (exchange->connection->reusable() && kept.size() < kMaxKept) {
    kept.push_back(std::move(exchange->connection));
  }
  if (exchange->stream && exchange->opened) {
    end(exchange,
        tl::unexpected(CallFailure{CallFault::kReset, answer.url, "the host closed the stream"}));
  } else {
    end(exchange, std::move(answer));
  }
}

void AsyncClient::Impl::end(const std::shared_ptr<Exchange>& exchange, const CallResult& result) {
  exchange->timer.cancel();
  exchange->waiter.reset();
  open.erase(exchange->id);
  if (!exchange->stream) {
    exchange->done(result);
  } else if (result) {
    exchange->sink.refused(*result);
  } else {
    exchange->sink.broken(result.error());
  }
}

AsyncClient::AsyncClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AsyncClient::~AsyncClient() = default;

Result<std::unique_ptr<AsyncClient>> AsyncClient::create(EventLoop& loop, ClientOptions options) {
  auto impl = std::make_unique<Impl>(loop, std::move(options));
  bool tls = false;
  for (const std::string& url : impl->options.urls) {
    Result<BaseUrl> origin = parse_url(url);
    if (!origin) return tl::unexpected(origin.error());
    tls = tls || origin->tls;
    impl->origins.push_back(std::move(*origin));
  }
  if (impl->origins.empty()) return invalid("flag:--url", "no URL given");
  if (tls) {
    auto trust = TlsTrust::create(impl->options.tls_ca);
    if (!trust) return tl::unexpected(trust.error());
    impl->tls = *trust;
  }
  impl->order = HostOrder(impl->origins.size());
  return std::unique_ptr<AsyncClient>(new AsyncClient(std::move(impl)));
}

void AsyncClient::call(uint64_t id, const Call& call, Done done) {
  auto exchange = std::make_shared<Impl::Exchange>(*impl_, id);
  exchange->call = call;
  exchange->done = std::move(done);
  impl_->begin(exchange);
}

void AsyncClient::open_stream(uint64_t id, const Call& call, StreamSink sink) {
  auto exchange = std::make_shared<Impl::Exchange>(*impl_, id);
  exchange->call = call;
  exchange->sink = std::move(sink);
  exchange->stream = true;
  impl_->begin(exchange);
}

void AsyncClient::cancel(uint64_t id) {
  const auto it = impl_->open.find(id);
  if (it == impl_->open.end()) return;
  const std::shared_ptr<Impl::Exchange> exchange = std::move(it->second);
  impl_->open.erase(it);
  exchange->timer.cancel();
  exchange->waiter.reset();
}

}  // namespace phoenix
