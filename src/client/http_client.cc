#include "client/http_client.h"

#include <poll.h>
#include <sys/random.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <optional>

#include "client/address.h"
#include "client/connection.h"

namespace phoenix {
namespace {

using Clock = std::chrono::steady_clock;

// Nobody waits longer for a host that swallows packets when another one might answer.
constexpr std::chrono::seconds kConnectLimit{3};

bool has_idempotency_key(const Call& call) {
  for (const auto& [name, value] : call.headers) {
    if (name == "Idempotency-Key" || name == "idempotency-key") return true;
  }
  return false;
}

bool may_repeat(const Call& call) {
  return call.repeatable || call.method == "GET" || call.method == "HEAD" ||
         has_idempotency_key(call);
}

// Steps the connection until its request is answered, has failed, or the time is over.
void drive(HostConnection& connection, Clock::time_point deadline,
           Clock::time_point connect_deadline) {
  while (connection.phase() == HostConnection::Phase::kBusy) {
    const Clock::time_point now = Clock::now();
    const Clock::time_point until =
        connection.connected() ? deadline : std::min(deadline, connect_deadline);
    if (now >= until) return;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
    pollfd ready{connection.fd(), POLLIN, 0};
    if (connection.wants_write()) ready.events |= POLLOUT;
    if (poll(&ready, 1, static_cast<int>(std::min<int64_t>(left, 60'000))) > 0) connection.step();
  }
}

// Until when one of `hosts` that may still be asked is waited for.
Clock::time_point fair_deadline(const Call& call, Clock::time_point deadline, int64_t hosts) {
  const Clock::time_point now = Clock::now();
  const std::chrono::nanoseconds wait(call.wait.ns);
  if (deadline - now <= wait) return deadline;
  return now + wait + (deadline - now - wait) / hosts;
}

}  // namespace

struct Client::Impl {
  ClientOptions options;
  std::vector<BaseUrl> origins;
  std::shared_ptr<const TlsTrust> tls;
  HostOrder order{0};
  std::unique_ptr<HostConnection> connection;

  CallResult try_origin(const BaseUrl& origin, const Call& call, Clock::time_point deadline,
                        bool alone);
  CallResult tour(const Call& call, Clock::time_point deadline);
  CallResult run(const Call& call);
};

// `alone`: there is no other host to ask, so this one may take all the time that there is.
CallResult Client::Impl::try_origin(const BaseUrl& origin, const Call& call,
                                    Clock::time_point deadline, bool alone) {
  if (connection && (connection->origin().url != origin.url || connection->stale())) {
    connection.reset();
  }
  const std::string request =
      encode_request(origin, call, call.token ? *call.token : options.token);
  for (int attempt = 0;; ++attempt) {
    if (!connection) connection = std::make_unique<HostConnection>(origin, tls);
    const bool kept = connection->used();
    connection->send(request, call.method == "HEAD", options.max_answer, nullptr);
    drive(*connection, deadline, alone ? deadline : Clock::now() + kConnectLimit);
    if (connection->phase() == HostConnection::Phase::kDone) {
      CallResult answer = connection->take_answer();
      if (!connection->reusable()) connection.reset();
      return answer;
    }
    const std::unique_ptr<HostConnection> broken = std::move(connection);
    if (broken->phase() == HostConnection::Phase::kBusy) {
      if (!broken->connected()) {
        return tl::unexpected(
            CallFailure{CallFault::kUnreachable, origin.url, "no connection in time"});
      }
      return tl::unexpected(CallFailure{CallFault::kTimedOut, origin.url, "no answer in time"});
    }
    // A kept connection that the host has just closed says nothing about the host.
    const bool again =
        kept && attempt == 0 && (broken->fault() == CallFault::kUnreachable || may_repeat(call));
    if (!again) return tl::unexpected(CallFailure{broken->fault(), origin.url, broken->detail()});
  }
}

CallResult Client::Impl::tour(const Call& call, Clock::time_point deadline) {
  const bool repeatable = may_repeat(call);
  std::vector<std::size_t> hosts = order.tour();
  CallResult last = tl::unexpected(CallFailure{CallFault::kUnreachable, origins[0].url, ""});
  std::optional<Answer> decline;  // says more than that the others do not answer
  std::string unreachable;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::size_t host = hosts[i];
    const auto others = static_cast<int64_t>(hosts.size() - i);
    last = try_origin(origins[host], call,
                      repeatable ? fair_deadline(call, deadline, others) : deadline,
                      origins.size() == 1);
    if (last && !declined(*last)) {
      order.served(host);
      return last;
    }
    if (origins.size() > 1) order.failed(host);
    if (last && !decline) decline = *last;
    const bool untouched = !last && last.error().fault == CallFault::kUnreachable;
    if (untouched) {
      unreachable += (unreachable.empty() ? "" : ", ") + origins[host].url;
      last.error().url = unreachable;
    }
    if (Clock::now() >= deadline || (!untouched && !repeatable)) break;
  }
  if (decline) return *decline;
  return last;
}

CallResult Client::Impl::run(const Call& call) {
  const Duration limit = call.timeout.ns > 0 ? call.timeout : options.timeout;
  const Clock::time_point deadline = Clock::now() + std::chrono::nanoseconds(limit.ns);
  if (call.url.empty()) return tour(call, deadline);
  const Result<BaseUrl> origin = parse_url(call.url);
  if (!origin || (origin->tls && !tls)) {
    return tl::unexpected(CallFailure{CallFault::kUnreachable, call.url,
                                      origin ? "no https here" : origin.error().detail});
  }
  return try_origin(*origin, call, deadline, true);
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::create(ClientOptions options) {
  auto impl = std::make_unique<Impl>();
  bool tls = false;
  for (const std::string& url : options.urls) {
    Result<BaseUrl> origin = parse_url(url);
    if (!origin) return tl::unexpected(origin.error());
    tls = tls || origin->tls;
    impl->origins.push_back(std::move(*origin));
  }
  if (impl->origins.empty()) return invalid("flag:--url", "no URL given");
  if (tls) {
    auto context = TlsTrust::create(options.tls_ca);
    if (!context) return tl::unexpected(context.error());
    impl->tls = *context;
  }
  impl->order = HostOrder(impl->origins.size());
  impl->options = std::move(options);
  return Client(std::move(impl));
}

CallResult Client::call(const Call& call) { return impl_->run(call); }

CallResult Client::get(std::string_view target) {
  Call call;
  call.target = std::string(target);
  return impl_->run(call);
}

CallResult Client::post(std::string_view target, std::string_view body) {
  Call call;
  call.method = "POST";
  call.target = std::string(target);
  call.body = std::string(body);
  return impl_->run(call);
}

void Client::disconnect() { impl_->connection.reset(); }
const ClientOptions& Client::options() const { return impl_->options; }

std::string random_idempotency_key() {
  std::array<unsigned char, 16> bytes{};
  // Requests up to 256 bytes are never cut short once the pool is up; before, it waits.
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (unsigned char byte : bytes) {
    out.push_back(kDigits[byte >> 4U]);
    out.push_back(kDigits[byte & 15U]);
  }
  return out;
}

std::string url_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kDigits[byte >> 4U]);
      out.push_back(kDigits[byte & 15U]);
    }
  }
  return out;
}

}  // namespace phoenix
