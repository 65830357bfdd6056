// The bytes of an answer's head, and the problem document that stands in when nobody else renders
// one. Pure but for the Date field, which the caller passes in.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http_message.h"

namespace phoenix {

struct HttpFraming {
  int version = 11;  // of the request
  bool keep_alive = true;
  bool chunked = false;                  // a stream to an HTTP/1.1 client
  std::optional<size_t> content_length;  // absent for streams
};

// "Not Found"; "Unknown" for numbers outside the registry.
std::string_view status_text(int status);
// Appends status line, fields and the empty line. Fields that belong to the server are left out of
// the response's own; control characters in values become spaces.
void append_head(std::string& out, const HttpResponse& response, const HttpFraming& framing,
                 std::string_view date);
// Whether answers of that status have no body at all (1xx, 204, 304).
bool is_bodiless(int status);
// "Tue, 24 Nov 2026 00:00:00 GMT".
std::string http_date(std::time_t seconds);
// A bare application/problem+json document.
HttpResponse plain_problem(const Error& error);

}  // namespace phoenix
