// What an HTTP/1.1 request and its answer are to the rest of the program: plain values.
// Not a parser and not a connection; see http_server.h.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace phoenix {

struct HttpHead {
  std::string method;  // as sent, except that HEAD arrives as GET with head_only set
  std::string path;    // raw: percent-encoding is left as sent; begins with '/', or is "*"
  std::string query;   // raw, without the '?'; empty if there is none
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, as ordered
  std::string peer;            // address of the other end, without its port: "127.0.0.1", "::1"
  std::string client_subject;  // subject of the client's verified certificate; else empty
  bool tls = false;
  bool head_only = false;  // it was a HEAD: answer as for GET, the server leaves out the body
  int version = 11;        // 10 or 11

  // The value of the first header of that name (lower case), or null.
  const std::string* find(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return &value;
    }
    return nullptr;
  }
  // The same, with "" for an absent header.
  std::string_view header(std::string_view name) const {
    const std::string* value = find(name);
    return value == nullptr ? std::string_view() : std::string_view(*value);
  }
};

struct HttpRequest {
  HttpHead head;
  std::string body;
};

struct HttpResponse {
  int status = 200;
  // Content-Length, Transfer-Encoding, Connection and Date belong to the server and are ignored
  // here. Control characters in values are replaced by spaces.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool close = false;  // end the connection after this answer
};

}  // namespace phoenix
