#include "gateway/gateway.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "api/codec/problem.h"
#include "api/gate.h"
#include "api/gossip_metrics.h"
#include "base/json/json_writer.h"
#include "gateway/forwarding.h"

namespace phoenix::gateway {
namespace {

// What gossip says is looked at so often at most, and so rarely at least.
constexpr Duration kRefresh = milliseconds(50);
constexpr Duration kWatch = milliseconds(250);
constexpr size_t kMostHomes = 200'000;
constexpr LinkLimits kProbeLimits{.connect = seconds(1), .head = seconds(2)};

Instant steady_now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return Instant{std::chrono::nanoseconds(since).count()};
}

std::string fresh_id() {
  std::array<uint8_t, 13> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    random.fill(0);
  }
  return "req_" + fmt::format("{:02X}", fmt::join(random, ""));
}

HttpResponse json_answer(std::string body) {
  HttpResponse response;
  response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  response.body = std::move(body) + "\n";
  return response;
}

}  // namespace

std::string_view outcome_name(Outcome outcome) {
  constexpr std::array<std::string_view, kOutcomes> kNames = {
      "answered", "moved", "no-keeper", "unknown", "broken-off", "abandoned", "refused"};
  return kNames.at(static_cast<size_t>(outcome));
}

HttpResponse own_problem(const Desk& desk, const Error& error, const HttpHead* head,
                         std::string_view extra) {
  const std::string id = fresh_id();
  HttpResponse response = problem_response(error, id, extra);
  add_common_headers(response, desk.gate, head, id);
  return response;
}

// Whether a keeper is ready, asked of one after the other until one is.
class Gateway::Probe final : private KeeperAnswer {
 public:
  Probe(Gateway& gateway, std::shared_ptr<HttpExchange> exchange)
      : gateway_(gateway),
        exchange_(std::move(exchange)),
        keepers_(gateway.desk_.keepers.order(exchange_->request().head.peer, gateway.desk_.now())) {
    exchange_->on_abandoned([] {});  // the bounds end it soon enough
    why_ = "this gateway knows no host of its pool; it looks for one by --join";
  }

  void next() {
    link_.reset();
    if (at_ == keepers_.size()) return finish(false);
    const Keeper& keeper = keepers_[at_];
    HttpRequest request;
    request.head.method = "GET";
    request.head.path = "/readyz";
    Desk& desk = gateway_.desk_;
    link_ = std::make_unique<KeeperLink>(desk.loop, desk.kept, static_cast<KeeperAnswer&>(*this),
                                         kProbeLimits);
    link_->start(std::make_unique<HostConnection>(keeper.url, desk.tls, keeper.tls_name),
                 forwarded(request, keeper.url, desk.told_url));
  }

 private:
  void on_head(const Answer&) override {}
  void on_body(std::string_view) override {}
  void on_done(const Answer& answer) override {
    if (answer.ok()) return finish(true);
    failed("is not ready");
  }
  void on_failed(const CallFailure& failure) override {
    failed("does not answer: " + failure.detail);
  }
  void failed(const std::string& what) {
    why_ = "no host of the pool is ready; \"" + keepers_[at_].name + "\" " + what;
    ++at_;
    next();
  }
  void finish(bool ready) {
    Desk& desk = gateway_.desk_;
    if (ready) {
      std::string body;
      json::Writer writer(body);
      writer.begin_object();
      writer.field("status", "ready");
      writer.field("keeper", keepers_[at_].name);
      writer.key("unstableHosts");  // a gateway has no view in which one could be
      writer.begin_array();
      writer.end_array();
      writer.end_object();
      gateway_.respond(*exchange_, json_answer(std::move(body)));
    } else {
      Error error;
      error.kind = ErrorKind::kStoreUnreachable;
      error.reason_code = "no-keeper";
      error.detail = why_;
      error.retry_after_ms = 1'000;
      exchange_->respond(own_problem(desk, error, &exchange_->request().head));
    }
    link_.reset();
    std::erase_if(gateway_.probes_, [this](const auto& one) { return one.get() == this; });
  }

  Gateway& gateway_;
  std::shared_ptr<HttpExchange> exchange_;
  const std::vector<Keeper> keepers_;
  size_t at_ = 0;
  std::string why_;
  std::unique_ptr<KeeperLink> link_;
};

Gateway::Gateway(EventLoop& loop, Hosts& hosts, GatewayOptions options)
    : loop_(loop),
      hosts_(hosts),
      options_(std::move(options)),
      desk_{.loop = loop,
            .gate = Gate(options_.api),
            .keepers = Keepers(options_.tls != nullptr),
            .homes = SessionHomes(kMostHomes),
            .kept = KeptConnections(loop),
            .tls = options_.tls,
            .told_url = options_.told_url,
            .scheme = options_.told_url.starts_with("https://") ? "https://" : "http://",
            .refresh = [this] { refresh(); },
            .now = steady_now,
            .over = [this](Relay& relay) { relays_.erase(relay.shared_from_this()); }},
      watch_(loop) {
  news_ = hosts_.subscribe([this](const HostNews& news) { heard(news); });
  watch();
}

Gateway::~Gateway() { hosts_.unsubscribe(news_); }

void Gateway::refresh() {
  const Instant now = desk_.now();
  if (now - refreshed_ < kRefresh) return;
  refreshed_ = now;
  desk_.keepers.update(hosts_.rows());
}

void Gateway::watch() {
  refresh();
  const bool any = desk_.keepers.well(desk_.now()) > 0;
  if (std::exchange(any_keeper_, any) != any && options_.keepers_changed) {
    options_.keepers_changed(any);
  }
  watch_.call_after(kWatch, [this] { watch(); });
}

void Gateway::heard(const HostNews& news) {
  refreshed_ = Instant{INT64_MIN / 2};
  const bool gone = news.event.kind == gossip::HostEventKind::kFailed ||
                    news.event.kind == gossip::HostEventKind::kLeft;
  if (!gone) return;
  const std::set<std::shared_ptr<Relay>> open = relays_;
  for (const auto& relay : open) relay->keeper_gone(news.event.name);
}

std::optional<HttpResponse> Gateway::gate(const HttpHead& head) {
  if (const auto error = desk_.gate.check(head)) return own_problem(desk_, *error, &head);
  if (auto answer = desk_.gate.preflight(head)) {
    add_common_headers(*answer, desk_.gate, &head, fresh_id());
    return answer;
  }
  Error error;
  if (head.find(kGatewayField) != nullptr) {
    error.kind = ErrorKind::kMisdirected;
    error.reason_code = "gateway-loop";
    error.detail = "this call comes from a gateway, and a gateway hands on to hosts with a store";
    return own_problem(desk_, error, &head);
  }
  if (!desk_.ending) return std::nullopt;
  error.kind = ErrorKind::kDraining;
  error.detail = "this gateway is shutting down";
  error.retry_after_ms = 1'000;
  return own_problem(desk_, error, &head);
}

void Gateway::respond(HttpExchange& exchange, HttpResponse response) {
  add_common_headers(response, desk_.gate, &exchange.request().head, fresh_id());
  exchange.respond(std::move(response));
}

void Gateway::handle(std::shared_ptr<HttpExchange> exchange) {
  const HttpHead& head = exchange->request().head;
  const bool reads = head.method == "GET";
  if (reads && head.path == "/livez")
    return respond(*exchange, json_answer("{\"status\":\"live\"}"));
  if (reads && head.path == "/readyz") {
    refresh();
    const auto probe = std::make_shared<Probe>(*this, std::move(exchange));
    probes_.insert(probe);
    return probe->next();
  }
  if (reads && head.path == "/metrics") {
    HttpResponse response;
    response.headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}};
    response.body = metrics();
    return respond(*exchange, std::move(response));
  }
  const auto relay = std::make_shared<Relay>(desk_, std::move(exchange));
  relays_.insert(relay);
  relay->start();
}

HttpResponse Gateway::render(const Error& error, const HttpHead* head) {
  return own_problem(desk_, error, head);
}

void Gateway::drain() {
  desk_.ending = true;
  const std::set<std::shared_ptr<Relay>> open = relays_;
  for (const auto& relay : open) relay->end_soon();
}

std::string Gateway::metrics() {
  refresh();
  MetricsText text;
  text.family("phoenix_build_info", "gauge", "The program's version.");
  text.sample(1, MetricsText::label("version", options_.api.version));
  const GatewayCounts& counts = desk_.counts;
  text.family("phoenix_gateway_calls_total", "counter", "Calls that have ended, by how.");
  for (size_t i = 0; i < kOutcomes; ++i) {
    text.sample(counts.calls.at(i),
                MetricsText::label("outcome", outcome_name(static_cast<Outcome>(i))));
  }
  text.single("phoenix_gateway_repeats_total", "counter",
              "Calls that went to another host because the first one failed them.", counts.repeats);
  text.family("phoenix_gateway_body_bytes_total", "counter", "Bytes of bodies that went through.");
  text.sample(counts.request_bytes, MetricsText::label("direction", "in"));
  text.sample(counts.answer_bytes, MetricsText::label("direction", "out"));
  const auto streams = std::count_if(relays_.begin(), relays_.end(),
                                     [](const auto& relay) { return relay->streams(); });
  text.family("phoenix_gateway_calls_open", "gauge", "Calls open now; those whose answer streams.");
  text.sample(relays_.size() - static_cast<size_t>(streams), MetricsText::label("kind", "call"));
  text.sample(static_cast<size_t>(streams), MetricsText::label("kind", "stream"));
  text.single("phoenix_gateway_keepers", "gauge", "Hosts that take calls, as far as is known.",
              desk_.keepers.well(desk_.now()));
  text.single("phoenix_gateway_sessions", "gauge", "Sessions whose home is remembered.",
              desk_.homes.size());
  write_gossip_metrics(text, &hosts_);
  return text.take();
}

}  // namespace phoenix::gateway
