#include "api/api.h"

#include "api/codec/problem.h"
#include "api/rest_call.h"
#include "api/router.h"

namespace phoenix {
inline namespace rest {

struct Api::Impl {
  Impl(Host& host, ApiOptions options)
      : services{host, options, Auth(options.auth_file), Gate(options), {}},
        router(make_router()) {}

  HttpResponse problem(const Error& error, const HttpHead* head) {
    const std::string id = services.host.fresh_id("req_");
    HttpResponse response = problem_response(error, id);
    add_common_headers(response, services.gate, head, id);
    note(head, id, response.status);
    return response;
  }

  void note(const HttpHead* head, const std::string& id, int status) {
    if (!services.options.on_answer) return;
    static const HttpHead kUnread;
    const HttpHead& shown = head == nullptr ? kUnread : *head;
    services.options.on_answer({id, shown.method, shown.path, shown.peer, status, {}});
  }

  // Whoever has no token that could open anything need not send a body first.
  std::optional<Error> check_token(const Route& route, const HttpHead& head) {
    if (services.auth.everyone_is_admin() || route.access == Access::kEveryone) {
      return std::nullopt;
    }
    const std::string_view token = bearer_token(head);
    if (!token.empty() &&
        (services.host.parse_session_token(token) || services.auth.find(token) != nullptr)) {
      return std::nullopt;
    }
    return fail(ErrorKind::kUnauthenticated,
                head.find("authorization") == nullptr
                    ? "send Authorization: Bearer TOKEN"
                    : "the Authorization header names no token that is known")
        .value();
  }

  Services services;
  Router router;
};

Api::Api(Host& host, ApiOptions options)
    : impl_(std::make_unique<Impl>(host, std::move(options))) {}
Api::~Api() = default;

std::optional<HttpResponse> Api::gate(const HttpHead& head) {
  if (const auto error = impl_->services.gate.check(head)) return impl_->problem(*error, &head);
  if (auto answer = impl_->services.gate.preflight(head)) {
    add_common_headers(*answer, impl_->services.gate, &head, impl_->services.host.fresh_id("req_"));
    return answer;
  }
  const auto match = impl_->router.find(head.method, head.path);
  if (const auto error = check_head(match ? &*match : nullptr, head)) {
    HttpResponse response = impl_->problem(*error, &head);
    if (match && match->route == nullptr) response.headers.emplace_back("Allow", match->allow);
    return response;
  }
  if (const auto error = impl_->check_token(*match->route, head)) {
    impl_->services.host.refused({}, {});
    return impl_->problem(*error, &head);
  }
  return std::nullopt;
}

void Api::handle(std::shared_ptr<HttpExchange> exchange) {
  const HttpHead& head = exchange->request().head;
  auto match = impl_->router.find(head.method, head.path);
  if (!match || match->route == nullptr) {
    return exchange->respond(impl_->problem(*check_head(match ? &*match : nullptr, head), &head));
  }
  const auto call = std::make_shared<RestCall>(impl_->services, std::move(exchange), *match->route,
                                               std::move(match->parameters));
  call->run();
}

Result<bool> Api::reload_auth() { return impl_->services.auth.reload(); }

HttpResponse Api::render(const Error& error, const HttpHead* head) {
  return impl_->problem(error, head);
}

void Api::send_members_away() {
  // A stream that cannot take it is closed, and leaves the set.
  const std::set<MovableStream*> open = impl_->services.streams;
  for (MovableStream* stream : open) {
    if (impl_->services.streams.contains(stream)) stream->move_away();
  }
}

void Api::set_listen(std::vector<std::string> listen) {
  impl_->services.options.listen = std::move(listen);
  impl_->services.gate = Gate(impl_->services.options);
}

}  // namespace rest
}  // namespace phoenix
