#include "api/rest_call.h"

#include <algorithm>
#include <charconv>

#include "api/codec/decode_packet.h"
#include "api/codec/digest.h"
#include "api/codec/problem.h"
#include "node/conflict.h"

namespace phoenix {
namespace {

constexpr size_t kMaxKey = 255;

}  // namespace

std::string_view RestCall::gateway() const {
  constexpr size_t kMaxUrl = 512;
  const std::string_view url = head().header("phoenix-gateway");
  const bool printable = std::all_of(
      url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  const bool plausible = url.starts_with("http://") || url.starts_with("https://");
  return printable && plausible && url.size() <= kMaxUrl ? url : std::string_view();
}

std::vector<std::string> RestCall::api_urls() const {
  if (const auto url = gateway(); !url.empty()) return {std::string(url)};
  return services_.api_urls();
}

std::optional<std::string> RestCall::move_to() const {
  auto elsewhere = services_.move_to();
  if (elsewhere && !gateway().empty()) return std::string(gateway());
  return elsewhere;
}

RestCall::RestCall(Services& services, std::shared_ptr<HttpExchange> exchange, const Route& route,
                   std::vector<std::string> parameters)
    : services_(services),
      exchange_(std::move(exchange)),
      route_(route),
      parameters_(std::move(parameters)),
      request_id_(services.host.fresh_id("req_")),
      began_(services.host.now().mono) {}

void RestCall::run() {
  std::vector<std::string_view> known = route_.query;
  known.emplace_back("namespace");
  auto query = Query::parse(head().query, known);
  if (!query) return fail(std::move(query.error()));
  query_ = std::move(*query);
  json::Faults faults;
  raw_ = query_.flag("raw", faults);
  if (faults.any()) return fail(faults.error());
  for (auto step : {&RestCall::identify, &RestCall::choose_namespace, &RestCall::admit}) {
    auto done = (this->*step)();
    if (done) continue;
    note_refusal(done.error().kind);
    return fail(std::move(done.error()));
  }
  route_.handle(shared_from_this());
}

// What is refused for who asks, before the node hears of it.
void RestCall::note_refusal(ErrorKind kind) {
  if (kind == ErrorKind::kUnauthenticated) return host().refused({}, {});
  if (kind != ErrorKind::kForbidden) return;
  Caller caller = as_principal();
  if (session_) {
    caller.session = session_->first;
    caller.generation = session_->second;
  }
  host().refused(caller, "role-required");
}

// Whom the token names. A token that nobody knows is refused, except where every caller is admin
// anyway and the route is no member's.
Result<bool> RestCall::identify() {
  const Auth& auth = services_.auth;
  const std::string_view token = bearer_token(head());
  has_credentials_ = head().find("authorization") != nullptr;
  if (!token.empty()) session_ = host().parse_session_token(token);
  if (auth.everyone_is_admin()) {
    principal_ = auth.find({});
  } else if (!token.empty() && !session_) {
    principal_ = auth.find(token);
  }
  if (route_.access == Access::kEveryone || session_ || principal_ != nullptr) return true;
  return phoenix::fail(ErrorKind::kUnauthenticated,
                       has_credentials_ ? "the Authorization header names no token that is known"
                                        : "send Authorization: Bearer TOKEN");
}

Result<bool> RestCall::choose_namespace() {
  if (const std::string* asked = query_.find("namespace")) {
    if (*asked == "*" && route_.any_namespace) {
      ns_ = "*";
      return true;
    }
    if (!valid_id(*asked)) {
      return invalid("query:namespace", *asked == "*"
                                            ? "\"*\" is for lists; name one namespace here"
                                            : "\"" + *asked +
                                                  "\" is no namespace: 1 to 128 of A-Z a-z 0-9 "
                                                  ". _ -, the first a letter or digit");
    }
    ns_ = *asked;
  } else if (session_) {
    if (const auto record = node().find_session(session_->first)) ns_ = record->ns;
  } else if (principal_ != nullptr && !principal_->all_namespaces &&
             principal_->namespaces.size() == 1) {
    ns_ = principal_->namespaces[0];
  }
  if (route_.access == Access::kEveryone || sees(ns_)) return true;
  return phoenix::fail(ErrorKind::kNotFound, "no namespace \"" + ns_ + "\" that this token sees");
}

Result<bool> RestCall::admit() {
  if (route_.access != Access::kRole || has_role(route_.roles)) return true;
  Error error;
  error.kind = ErrorKind::kForbidden;
  error.detail = std::string(session_ ? "a session's token" : "this token") +
                 " may not do this; it needs the role " + role_names(route_.roles);
  return tl::unexpected<Error>(std::move(error));
}

bool RestCall::sees(std::string_view ns) const {
  if (principal_ != nullptr) return principal_->sees(ns);
  if (!session_) return false;
  const auto record = node().find_session(session_->first);
  // A session that is forgotten is the node's to refuse.
  return !record || record->ns == ns;
}

std::vector<std::string> RestCall::visible_namespaces() const {
  if (ns_ != "*") return {ns_};
  if (principal_ == nullptr || principal_->all_namespaces) return {};
  return principal_->namespaces;
}

Caller RestCall::as_principal() const {
  Caller caller;
  if (principal_ != nullptr) {
    caller.principal = principal_->name;
    caller.is_operator = has_role(kOperator);
    caller.is_approver = has_role(kApprover);
    caller.human = principal_->human;
  }
  return caller;
}

Result<Caller> RestCall::as_member(const std::string& as) const {
  Caller caller = as_principal();
  if (!as.empty()) {
    if (!has_role(kOperator | kMember)) {
      services_.host.refused(caller, "role-required");
      return phoenix::fail(ErrorKind::kForbidden,
                           "\"as\" needs the role operator, or the token that registered the "
                           "member");
    }
    caller.as_member = as;
    return caller;
  }
  if (session_) {
    caller.session = session_->first;
    caller.generation = session_->second;
    return caller;
  }
  if (has_credentials_ && !services_.auth.everyone_is_admin()) return caller;
  services_.host.refused({}, {});
  return phoenix::fail(ErrorKind::kUnauthenticated,
                       has_credentials_
                           ? "the token is none that a session was given"
                           : "a member's call: send Authorization: Bearer with its session's "
                             "token, or \"as\" for a manual member");
}

Result<Caller> RestCall::as_member_or(Roles roles) const {
  if (session_) return as_member({});
  if (has_role(roles)) return as_principal();
  services_.host.refused(as_principal(), "role-required");
  return phoenix::fail(ErrorKind::kForbidden,
                       "this needs the member's own token or the role " + role_names(roles));
}

Result<json::Document> RestCall::document() const {
  static const std::string kEmpty = "{}";
  const bool optional = route_.body == BodyRule::kOptional || route_.body == BodyRule::kNone;
  return json::Document::parse(body().empty() && optional ? kEmpty : body());
}

Result<std::optional<uint64_t>> RestCall::if_match() const {
  const std::string* text = head().find("if-match");
  if (text == nullptr || *text == "*") return std::optional<uint64_t>();
  std::string_view digits = *text;
  if (digits.size() >= 2 && digits.front() == '"' && digits.back() == '"') {
    digits = digits.substr(1, digits.size() - 2);
  }
  uint64_t revision = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), revision);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
    return invalid("header:If-Match", "must be the ETag of the resource, its revision in quotes");
  }
  return std::optional<uint64_t>(revision);
}

Result<std::optional<Idempotency>> RestCall::idempotency() const {
  const std::string* key = head().find("idempotency-key");
  if (key == nullptr) return std::optional<Idempotency>();
  if (key->empty() || key->size() > kMaxKey) {
    return invalid("header:Idempotency-Key",
                   "must have 1 to 255 bytes, not " + std::to_string(key->size()));
  }
  Idempotency out;
  const std::string who = session_ ? "session " + session_->first
                                   : "token " + (principal_ ? principal_->name : std::string());
  out.scope = Sha256()
                  .part("scope-1")
                  .part(who)
                  .part(ns_)
                  .part(route_.method)
                  .part(route_.pattern)
                  .part(*key)
                  .finish();
  Sha256 request;
  request.part(head().path).part(head().query).part(body());
  // Else it says nothing about the content.
  if (raw_) request.part(head().header("content-type"));
  out.request = request.finish();
  return std::optional<Idempotency>(out);
}

void RestCall::send(Caller caller, CommandBody body, OnReply on_reply, Duration wait) {
  send_now(std::move(caller), std::nullopt, std::move(body), std::move(on_reply), wait);
}

void RestCall::write(Caller caller, CommandBody body, OnReply on_reply) {
  auto wanted = idempotency();
  if (!wanted) return fail(std::move(wanted.error()));
  if (!*wanted) {
    return send_now(std::move(caller), std::nullopt, std::move(body), std::move(on_reply), {});
  }
  // The answer of an earlier request is committed with what it made, so a look at the store before
  // the command is enough; one that still runs is the node's to see.
  const Idempotency key = **wanted;
  auto command = std::make_shared<CommandBody>(std::move(body));
  read<std::optional<StoredAnswer>>(
      [scope = key.scope](Reader& reader) { return reader.answer(scope); },
      [key, caller = std::move(caller), command, on_reply = std::move(on_reply)](
          const RestCallPtr& self, const std::optional<StoredAnswer>& answer) mutable {
        if (answer) return self->replay(*answer, key, on_reply);
        self->send_now(std::move(caller), key, std::move(*command), std::move(on_reply), {});
      });
}

void RestCall::replay(const StoredAnswer& answer, const Idempotency& wanted,
                      const OnReply& on_reply) {
  if (answer.request != wanted.request) {
    return fail(phoenix::fail(ErrorKind::kIdempotencyMismatch,
                              "header:Idempotency-Key was sent with another path, query or body "
                              "before; use a fresh key for each new request")
                    .value());
  }
  auto reply = decode_reply(answer.answer);
  if (!reply) return fail(std::move(reply.error()));
  add_header("Idempotent-Replayed", "true");
  if (auto* error = std::get_if<Error>(&*reply)) return fail(std::move(*error));
  on_reply(shared_from_this(), *reply);
}

void RestCall::send_now(Caller caller, std::optional<Idempotency> idempotency, CommandBody body,
                        OnReply on_reply, Duration wait) {
  arm(wait);
  auto self = shared_from_this();
  pending_ = host().send(std::move(caller), idempotency, std::move(body),
                         [self, idempotency, on_reply = std::move(on_reply)](Reply reply) {
                           self->pending_.reset();
                           if (self->answered_) return;
                           if (auto* error = std::get_if<Error>(&reply.body)) {
                             return self->refused(std::move(*error), idempotency, on_reply);
                           }
                           if (reply.replayed) self->add_header("Idempotent-Replayed", "true");
                           on_reply(self, reply.body);
                         });
}

// Another host may have carried the same call out meanwhile, and what it left behind is what this
// one is refused for: then its answer stands in the store.
void RestCall::refused(Error error, const std::optional<Idempotency>& key,
                       const OnReply& on_reply) {
  if (!key || !is_conflict(error.kind)) return fail(std::move(error));
  arm({});
  auto self = shared_from_this();
  host().read<std::optional<StoredAnswer>>(
      [scope = key->scope](Reader& reader) { return reader.answer(scope); },
      [self, error = std::move(error), key, on_reply](Result<std::optional<StoredAnswer>> answer) {
        if (self->answered_) return;
        if (!answer || !*answer) return self->fail(error);
        self->replay(**answer, *key, on_reply);
      });
}

RequestId RestCall::send_stream(Caller caller, CommandBody body, OnReply on_reply,
                                std::function<void(const StreamPortion&)> portion) {
  arm({});
  auto self = shared_from_this();
  pending_ = host().send(
      std::move(caller), std::nullopt, std::move(body),
      [self, on_reply = std::move(on_reply)](Reply reply) {
        self->pending_.reset();
        if (self->answered_) return;
        if (auto* error = std::get_if<Error>(&reply.body)) return self->fail(std::move(*error));
        on_reply(self, reply.body);
      },
      std::move(portion));
  return *pending_;
}

void RestCall::contents(std::vector<PacketPtr> heads, uint32_t mask,
                        std::function<void(const RestCallPtr&, std::vector<Contents>)> done) {
  arm({});
  host().contents(
      std::move(heads), mask,
      [self = shared_from_this(), done = std::move(done)](Result<std::vector<Contents>> result) {
        if (self->answered_) return;
        if (!result) return self->fail(std::move(result.error()));
        done(self, std::move(*result));
      });
}

// The deadline is one point in time for the whole call; a wait that the client asked for is added
// once.
void RestCall::arm(Duration wait) {
  if (timer_ && wait == Duration{}) return;
  const std::weak_ptr<RestCall> weak = weak_from_this();
  const Duration spent = host().now().mono - began_;
  if (!timer_) timer_.emplace(host().loop());
  // Only a wait is given up with its client. Anything else is answered at once, and a client may
  // well have finished sending while it still reads.
  if (wait > Duration{}) {
    exchange_->on_abandoned([weak] {
      if (const auto self = weak.lock()) self->abandoned();
    });
  }
  timer_->call_after(services_.options.answer_timeout + wait - spent, [weak] {
    if (const auto self = weak.lock()) self->time_out();
  });
}

void RestCall::time_out() {
  if (answered_) return;
  if (pending_) host().abandon(*pending_);
  pending_.reset();
  Error error;
  error.kind = ErrorKind::kTimeout;
  if (head().method == "GET") {
    error.detail = "no answer in time; nothing was changed, ask again";
  } else {
    error.detail = "no answer in time; it is unknown whether it was done: ask " +
                   (subject_.empty() ? "GET " + head().path : subject_) +
                   ", or send the same request again";
  }
  fail(std::move(error));
}

void RestCall::abandoned() {
  gone_ = true;
  answered_ = true;
  timer_.reset();
  if (pending_) host().abandon(*pending_);
  pending_.reset();
}

void RestCall::add_header(std::string name, std::string value) {
  headers_.emplace_back(std::move(name), std::move(value));
}

void RestCall::finish_headers(HttpResponse& response) {
  for (auto& header : headers_) response.headers.push_back(std::move(header));
  headers_.clear();
  add_common_headers(response, services_.gate, &head(), request_id_);
}

void RestCall::note_answer(int status) {
  answered_ = true;
  if (timer_) timer_->cancel();
  const auto& hear = services_.options.on_answer;
  if (!hear) return;
  hear({request_id_, head().method, head().path, head().peer, status, host().now().mono - began_});
}

void RestCall::respond(HttpResponse response) {
  if (answered_) return;
  finish_headers(response);
  note_answer(response.status);
  exchange_->respond(std::move(response));
}

void RestCall::respond(int status, std::string json) {
  HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "application/json");
  response.body = std::move(json);
  response.body += '\n';
  respond(std::move(response));
}

void RestCall::fail(Error error, std::string_view extra) {
  respond(problem_response(error, request_id_, extra));
}

std::shared_ptr<HttpStream> RestCall::stream() {
  HttpResponse head_only;
  head_only.headers.emplace_back("Content-Type", "text/event-stream");
  head_only.headers.emplace_back("Cache-Control", "no-store");
  head_only.body = ": open\n\n";
  finish_headers(head_only);
  note_answer(head_only.status);
  return exchange_->stream(std::move(head_only));
}

}  // namespace phoenix
