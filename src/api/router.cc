#include "api/router.h"

#include <algorithm>

#include "api/codec/decode_packet.h"
#include "api/routes/routes.h"

namespace phoenix {
namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // '/'
    const size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }

// The parameters, if the path has this pattern.
std::optional<std::vector<std::string>> match(const std::vector<std::string_view>& pattern,
                                              const std::vector<std::string_view>& path) {
  if (pattern.size() != path.size()) return std::nullopt;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (!is_parameter(pattern[i]) && pattern[i] != path[i]) return std::nullopt;
  }
  std::vector<std::string> parameters;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (!is_parameter(pattern[i])) continue;
    auto decoded = percent_decode(path[i]);
    if (!decoded || decoded->empty()) return std::nullopt;
    parameters.push_back(std::move(*decoded));
  }
  return parameters;
}

bool takes_type(const Route& route, std::string_view type, bool raw) {
  if (raw || type == "application/json") return true;
  if (route.body == BodyRule::kJsonOrLines && type == "application/x-ndjson") return true;
  return route.body == BodyRule::kPatch && type == "application/merge-patch+json";
}

// "charset=utf-8" or none.
bool takes_charset(std::string_view header) {
  std::string text(header);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const size_t at = text.find("charset=");
  if (at == std::string::npos) return true;
  const std::string_view value = std::string_view(text).substr(at + 8);
  return value.starts_with("utf-8") || value.starts_with("\"utf-8\"");
}

}  // namespace

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
  for (const auto& route : routes_) patterns_.push_back(segments_of(route.pattern));
}

std::optional<RouteMatch> Router::find(std::string_view method, std::string_view path) const {
  if (path.empty() || path.front() != '/') return std::nullopt;
  const auto segments = segments_of(path);
  std::optional<RouteMatch> out;
  for (size_t i = 0; i < routes_.size(); ++i) {
    auto parameters = match(patterns_[i], segments);
    if (!parameters) continue;
    if (!out) out.emplace();
    if (routes_[i].method == method) {
      out->route = &routes_[i];
      out->parameters = std::move(*parameters);
      return out;
    }
    if (!out->allow.empty()) out->allow += ", ";
    out->allow += routes_[i].method;
    if (routes_[i].method == "GET") out->allow += ", HEAD";
  }
  return out;
}

Router make_router() {
  std::vector<Route> routes;
  add_packet_routes(routes);
  add_owner_routes(routes);
  add_member_routes(routes);
  add_session_routes(routes);
  add_host_routes(routes);
  add_ring_routes(routes);
  add_audit_routes(routes);
  add_key_routes(routes);
  add_document_routes(routes);
  add_event_routes(routes);
  add_meta_routes(routes);
  return Router(std::move(routes));
}

std::optional<Error> check_head(const RouteMatch* match, const HttpHead& head) {
  Error error;
  if (match == nullptr) {
    error.kind = ErrorKind::kNotFound;
    error.detail = "no such path; GET /openapi.json lists what there is";
    return error;
  }
  if (match->route == nullptr) {
    error.kind = ErrorKind::kMethodNotAllowed;
    error.detail = "this path takes " + match->allow;
    return error;
  }
  const Route& route = *match->route;
  const bool has_body =
      head.find("transfer-encoding") != nullptr ||
      (head.find("content-length") != nullptr && head.header("content-length") != "0");
  if (!has_body || route.body == BodyRule::kNone) return std::nullopt;
  const auto& known = route.query;
  const bool raw = std::find(known.begin(), known.end(), "raw") != known.end() &&
                   ("&" + head.query + "&").find("&raw=true&") != std::string::npos;
  const std::string_view header = head.header("content-type");
  const std::string type = bare_media_type(header);
  if (takes_type(route, type, raw) && (raw || takes_charset(header))) return std::nullopt;
  error.kind = ErrorKind::kUnsupportedMediaType;
  error.detail = type.empty() ? "the request names no Content-Type"
                              : "this path takes JSON in UTF-8, not what Content-Type names";
  error.detail += "; send application/json, with curl: -H 'Content-Type: application/json'";
  if (route.body == BodyRule::kJsonOrLines) error.detail += " (or application/x-ndjson)";
  return error;
}

}  // namespace phoenix
