#include "api/gate.h"

#include <algorithm>

#include "net/address.h"

namespace phoenix {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// "[::1]:7400" -> "::1", "localhost:80" -> "localhost", "::1" -> "::1".
std::string host_part(std::string_view authority) {
  if (!authority.empty() && authority.front() == '[') {
    const size_t end = authority.find(']');
    return end == std::string_view::npos ? std::string() : lower(authority.substr(1, end - 1));
  }
  const auto colons = std::count(authority.begin(), authority.end(), ':');
  // More than one colon: a bare IPv6 literal, which has no port.
  return lower(colons == 1 ? authority.substr(0, authority.find(':')) : authority);
}

}  // namespace

Gate::Gate(const ApiOptions& options) {
  names_.push_back("localhost");
  const auto add = [this](std::string_view authority) {
    std::string name = host_part(authority);
    if (name.empty()) return;
    if (name == "0.0.0.0" || name == "::") any_literal_ = true;
    if (is_loopback(name)) {
      names_.insert(names_.end(), {"127.0.0.1", "::1"});
    }
    names_.push_back(std::move(name));
  };
  for (const auto& listen : options.listen) add(listen);
  add(options.advertise);
  for (const auto& name : options.allow_host) add(name);
  for (const auto& origin : options.allow_origin) origins_.push_back(lower(origin));
}

bool Gate::known_host(std::string_view host) const {
  const std::string name = host_part(host);
  if (std::find(names_.begin(), names_.end(), name) != names_.end()) return true;
  // Rebinding works with names only: behind a literal stands who dialled it.
  return any_literal_ && is_literal(name);
}

bool Gate::own_origin(const HttpHead& head, std::string_view origin) const {
  const std::string own = (head.tls ? "https://" : "http://") + lower(head.header("host"));
  return lower(origin) == own;
}

std::optional<Error> Gate::check(const HttpHead& head) const {
  const std::string* host = head.find("host");
  if (host == nullptr && head.version >= 11) {
    return invalid("header:Host", "is required").value();
  }
  Error error;
  if (host != nullptr && !known_host(*host)) {
    error.kind = ErrorKind::kMisdirected;
    error.detail =
        "the Host header names no address of this host; use the address that it prints at its "
        "start, or add the name by --allow-host";
    return error;
  }
  error.kind = ErrorKind::kForbidden;
  const std::string* origin = head.find("origin");
  if (origin != nullptr && allowed_origin(head).empty() && !own_origin(head, *origin)) {
    error.reason_code = "foreign-origin";
    error.detail = "the Origin header names a foreign page; --allow-origin admits one";
    return error;
  }
  if (lower(head.header("sec-fetch-site")) == "cross-site" && allowed_origin(head).empty()) {
    error.reason_code = "cross-site";
    error.detail = "a foreign page caused this request; --allow-origin admits one";
    return error;
  }
  return std::nullopt;
}

std::optional<HttpResponse> Gate::preflight(const HttpHead& head) const {
  if (head.method != "OPTIONS" || head.find("access-control-request-method") == nullptr ||
      allowed_origin(head).empty()) {
    return std::nullopt;
  }
  HttpResponse response;
  response.status = 204;
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE");
  response.headers.emplace_back("Access-Control-Allow-Headers",
                                "Authorization, Content-Type, Idempotency-Key, If-Match, "
                                "Last-Event-ID, traceparent, tracestate");
  response.headers.emplace_back("Access-Control-Max-Age", "600");
  return response;
}

void Gate::add_cors(HttpResponse& response, const HttpHead& head) const {
  const std::string_view origin = allowed_origin(head);
  if (origin.empty()) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", origin);
  response.headers.emplace_back("Access-Control-Expose-Headers",
                                "ETag, Location, Retry-After, Phoenix-Request-Id, "
                                "Idempotent-Replayed");
  response.headers.emplace_back("Vary", "Origin");
}

std::string_view Gate::allowed_origin(const HttpHead& head) const {
  const std::string_view origin = head.header("origin");
  if (origin.empty()) return {};
  const bool listed = std::find(origins_.begin(), origins_.end(), lower(origin)) != origins_.end();
  return listed ? origin : std::string_view();
}

std::string_view bearer_token(const HttpHead& head) {
  const std::string_view value = head.header("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (value.size() <= kScheme.size()) return {};
  for (size_t i = 0; i < kScheme.size(); ++i) {
    const char c = value[i];
    if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != kScheme[i]) return {};
  }
  return value.substr(kScheme.size());
}

void add_common_headers(HttpResponse& response, const Gate& gate, const HttpHead* head,
                        std::string_view request_id) {
  response.headers.emplace_back("Phoenix-Request-Id", request_id);
  if (head != nullptr) gate.add_cors(response, *head);
}

}  // namespace phoenix
