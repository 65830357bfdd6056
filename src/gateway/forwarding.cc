#include "gateway/forwarding.h"

#include <algorithm>
#include <array>

#include "client/connection.h"

namespace phoenix::gateway {
namespace {

constexpr std::array<std::string_view, 9> kOfOneConnection = {"connection",
                                                              "keep-alive",
                                                              "proxy-authenticate",
                                                              "proxy-authorization",
                                                              "proxy-connection",
                                                              "te",
                                                              "trailer",
                                                              "transfer-encoding",
                                                              "upgrade"};
constexpr std::array<std::string_view, 5> kJudgedHere = {"host", "origin", "expect",
                                                         "content-length", kGatewayField};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return out;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// The fields that Connection names belong to the connection too.
std::vector<std::string> named_by_connection(const Fields& fields) {
  std::vector<std::string> names;
  for (const auto& [name, value] : fields) {
    if (name != "connection") continue;
    const std::string list = lower(value);
    for (size_t at = 0; at <= list.size();) {
      const size_t end = std::min(list.find(',', at), list.size());
      const size_t first = list.find_first_not_of(" \t", at);
      if (first < end) {
        names.push_back(list.substr(first, list.find_last_not_of(" \t", end - 1) + 1 - first));
      }
      at = end + 1;
    }
  }
  return names;
}

template <class List>
bool among(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

std::string forwarded(const HttpRequest& request, const BaseUrl& keeper, std::string_view own_url) {
  const HttpHead& head = request.head;
  std::string out;
  out.reserve(1024 + request.body.size());
  out.append(head.method).append(" ").append(keeper.prefix).append(head.path);
  if (!head.query.empty()) out.append("?").append(head.query);
  out += " HTTP/1.1\r\n";
  append_header(out, "Host", keeper.authority);
  append_header(out, "Phoenix-Gateway", own_url);
  const std::vector<std::string> named = named_by_connection(head.headers);
  bool sends_body = !request.body.empty();
  for (const auto& [name, value] : head.headers) {
    sends_body = sends_body || name == "content-length" || name == "transfer-encoding";
    if (among(kOfOneConnection, name) || among(kJudgedHere, name) || among(named, name) ||
        name.starts_with("sec-fetch-")) {
      continue;
    }
    append_header(out, name, value);
  }
  if (sends_body) append_header(out, "Content-Length", std::to_string(request.body.size()));
  return out.append("\r\n").append(request.body);
}

std::vector<std::pair<std::string, std::string>> handed_back(const Answer& answer) {
  const std::vector<std::string> named = named_by_connection(answer.headers);
  Fields out;
  for (const auto& [name, value] : answer.headers) {
    const bool servers = name == "content-length" || name == "date";
    if (!servers && !among(kOfOneConnection, name) && !among(named, name)) {
      out.emplace_back(name, value);
    }
  }
  return out;
}

}  // namespace phoenix::gateway
