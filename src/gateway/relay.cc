#include "gateway/relay.h"

#include <algorithm>
#include <utility>

#include "base/json/json_writer.h"
#include "client/json_text.h"
#include "client/problem.h"
#include "gateway/forwarding.h"

namespace phoenix::gateway {
namespace {

constexpr uint64_t kMostHeldBytes = uint64_t{512} << 20;  // of requests' bodies
constexpr int64_t kRetryMs = 200;

Error problem(ErrorKind kind, std::string reason, std::string detail) {
  Error error;
  error.kind = kind;
  error.reason_code = std::move(reason);
  error.detail = std::move(detail);
  if (kind != ErrorKind::kTimeout) error.retry_after_ms = kRetryMs;
  return error;
}

std::string url_of(const Desk& desk, const HttpHead& head) {
  const std::string_view host = head.header("host");
  return host.empty() ? desk.told_url : desk.scheme + std::string(host);
}

}  // namespace

Relay::Relay(Desk& desk, std::shared_ptr<HttpExchange> exchange)
    : desk_(desk),
      exchange_(std::move(exchange)),
      traits_(traits_of(exchange_->request().head)),
      own_url_(url_of(desk, exchange_->request().head)) {
  desk_.counts.held_bytes += exchange_->request().body.size();
}

void Relay::start() {
  desk_.counts.request_bytes += exchange_->request().body.size();
  if (desk_.counts.held_bytes > kMostHeldBytes) {
    return refuse(problem(ErrorKind::kOverloaded, "",
                          "too many large requests wait for an answer; send this one again later"),
                  Outcome::kRefused);
  }
  exchange_->on_abandoned([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->finish(Outcome::kAbandoned);
  });
  choose_keepers();
  if (keepers_.empty()) {
    return refuse(problem(ErrorKind::kStoreUnreachable, "no-keeper",
                          "this gateway knows no host of its pool; it looks for one by --join"),
                  Outcome::kNoKeeper);
  }
  if (!lost_home_.empty()) return move_member(lost_home_, keeper().name);
  attempt();
}

// A session's calls go where it has its home, as far as that is known, and as long as no other
// keeper would be better.
void Relay::choose_keepers() {
  desk_.refresh();
  keepers_ = desk_.keepers.order(traits_.key, desk_.now());
  if (traits_.session.empty() || keepers_.empty()) return;
  const auto home = desk_.homes.find(traits_.session);
  if (!home) return;
  if (!desk_.keepers.good(*home, desk_.now())) {
    if (traits_.of_session) lost_home_ = *home;
    return;
  }
  const auto found = std::find_if(keepers_.begin(), keepers_.end(),
                                  [&](const Keeper& one) { return one.name == *home; });
  std::rotate(keepers_.begin(), found, found + 1);
}

void Relay::attempt() {
  LinkLimits limits;
  limits.head = limits.head + traits_.wait;
  link_ = std::make_unique<KeeperLink>(desk_.loop, desk_.kept, static_cast<KeeperAnswer&>(*this),
                                       limits);
  std::unique_ptr<HostConnection> connection;
  // What may not arrive twice is not risked on a connection that may be closing just now.
  if (traits_.repeatable && !fresh_) connection = desk_.kept.take(keeper().url);
  if (!connection) {
    connection = std::make_unique<HostConnection>(keeper().url, desk_.tls, keeper().tls_name);
  }
  link_->start(std::move(connection), forwarded(exchange_->request(), keeper().url, own_url_));
}

void Relay::on_head(const Answer& head) {
  head_ = head;
  events_ = head.header("content-type").starts_with("text/event-stream");
  if (events_) begin_stream(head);
}

void Relay::on_body(std::string_view bytes) {
  if (stream_) return pass_on(bytes);
  body_.append(bytes);
  if (body_.size() > kReadAhead) begin_stream(*head_);
}

void Relay::on_done(const Answer& answer) {
  desk_.keepers.forget_trouble(keeper().name);
  if (stream_) {
    link_.reset();
    stream_->close();  // on_closed follows when the client has taken it
    return;
  }
  if (answer.status == 503 && declined(answer)) {
    const bool leaves = parse_problem(answer).kind == ErrorKind::kDraining;
    return failed(leaves ? Failing::kDraining : Failing::kDeclined, &answer);
  }
  hand_on(answer, answer.ok() ? std::move(body_) : answer.body);
}

void Relay::on_failed(const CallFailure& failure) {
  const bool broke = failure.fault == CallFault::kReset;
  if (stream_) return break_off();
  // The host may have closed a connection that it had kept: it is asked again, by a new one.
  if (broke && !head_ && link_->used_before() && !fresh_) {
    fresh_ = true;
    return attempt();
  }
  failed(failure.fault == CallFault::kUnreachable ? Failing::kUnreachable
         : broke                                  ? Failing::kBroken
                                                  : Failing::kSilent,
         nullptr);
}

void Relay::keeper_gone(const std::string& name) {
  if (over_ || !link_ || keeper().name != name) return;
  on_failed({CallFault::kReset, keeper().url.url, "the pool says that it is gone"});
}

void Relay::failed(Failing failing, const Answer* answer) {
  link_.reset();
  head_.reset();
  body_.clear();
  // One answer that declines, or one connection that breaks, is no reason to move all members.
  if (failing != Failing::kDeclined && failing != Failing::kBroken) {
    desk_.keepers.trouble(keeper().name, desk_.now());
  }
  switch (next_step(traits_, failing, more())) {
    case Step::kNextKeeper:
      ++desk_.counts.repeats;
      ++at_;
      fresh_ = false;
      return attempt();
    case Step::kMoveMember:
      return move_member(keeper().name, keepers_[at_ + 1].name);
    case Step::kHandOn:
      return hand_on(*answer, answer->body);
    case Step::kUnknown:
      return refuse(problem(ErrorKind::kTimeout, "keeper-silent",
                            "host \"" + keeper().name +
                                "\" has taken the call and did not answer: its outcome is unknown; "
                                "ask for what it was about, or repeat it with the same "
                                "Idempotency-Key or id"),
                    Outcome::kUnknown);
    case Step::kNobody:
      return refuse(problem(ErrorKind::kStoreUnreachable, "no-keeper",
                            "no host of the pool takes calls; host \"" + keeper().name +
                                "\" was the last one that was tried"),
                    Outcome::kNoKeeper);
  }
}

// What a keeper answers to a member names its next home; the one that the member is told to attach
// at is this gateway, which by then hands its calls to that keeper.
void Relay::move_member(const std::string& from, const std::string& to) {
  if (!traits_.session.empty()) desk_.homes.set(traits_.session, to);
  std::string extra;
  json::Writer writer(extra);
  writer.field("moveTo", own_url_);
  refuse(problem(ErrorKind::kDraining, "home-gone",
                 "host \"" + from +
                     "\", the home of this session, does not answer; attach again here: "
                     "POST …/session, or repeat the call"),
         Outcome::kMoved, extra);
}

// Registering and attaching decide where a session has its home.
void Relay::note_home(const Answer& answer, std::string_view body) {
  if (!answer.ok()) return;
  if (traits_.registers) {
    const auto document = JsonText::parse(body);
    const std::string session = document ? (*document)["session"]["id"].text() : std::string();
    if (!session.empty()) desk_.homes.set(session, keeper().name);
  } else if (!traits_.session.empty() && (traits_.attaches || traits_.of_session)) {
    desk_.homes.set(traits_.session, keeper().name);
  }
}

// The client's answer without its body.
HttpResponse Relay::begun(const Answer& answer) const {
  HttpResponse response;
  response.status = answer.status;
  response.headers = handed_back(answer);
  desk_.gate.add_cors(response, exchange_->request().head);
  return response;
}

void Relay::hand_on(const Answer& answer, std::string body) {
  note_home(answer, body);
  HttpResponse response = begun(answer);
  response.body = std::move(body);
  desk_.counts.answer_bytes += response.body.size();
  exchange_->respond(std::move(response));
  finish(Outcome::kAnswered);
}

void Relay::begin_stream(const Answer& head) {
  note_home(head, {});
  stream_ = exchange_->stream(begun(head));
  stream_->on_closed([weak = weak_from_this()](bool by_peer) {
    if (const auto self = weak.lock()) {
      self->finish(by_peer ? Outcome::kAbandoned : Outcome::kAnswered);
    }
  });
  if (!body_.empty()) pass_on(std::exchange(body_, {}));
}

void Relay::pass_on(std::string_view bytes) {
  desk_.counts.answer_bytes += bytes.size();
  if (!stream_->write(std::string(bytes)) || stream_->buffered() <= kReadAhead) return;
  link_->hold(true);
  stream_->on_drained([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self && self->link_) self->link_->hold(false);
  });
}

// Part of the answer is with the client already. A stream of events may end anywhere: what it lacks
// is asked for again by its last id. Another body must not look whole.
void Relay::break_off() {
  link_.reset();
  if (events_) {
    stream_->close();
  } else {
    stream_->on_closed([weak = weak_from_this()](bool) {
      if (const auto self = weak.lock()) self->finish(Outcome::kBrokenOff);
    });
    stream_->abort();
  }
}

void Relay::end_soon() {
  if (over_) return;
  if (stream_ && events_) {
    link_.reset();
    stream_->close();
  }
  if (stream_) return;
  if (traits_.wait.ns == 0) return;
  refuse(problem(ErrorKind::kDraining, "", "this gateway is shutting down"), Outcome::kRefused);
}

void Relay::refuse(Error error, Outcome outcome, std::string_view extra) {
  exchange_->respond(own_problem(desk_, error, &exchange_->request().head, extra));
  finish(outcome);
}

void Relay::finish(Outcome outcome) {
  if (std::exchange(over_, true)) return;
  ++desk_.counts.calls.at(static_cast<size_t>(outcome));
  desk_.counts.held_bytes -= exchange_->request().body.size();
  link_.reset();
  desk_.over(*this);
}

}  // namespace phoenix::gateway
