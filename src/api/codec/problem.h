// An Error as the problem document of RFC 9457, and as an HTTP answer.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json/json_writer.h"
#include "net/http_message.h"

namespace phoenix {

// `instance` is the request's id. `extra` is text of more members ("\"id\":\"x\",..."), or empty.
void write_problem(json::Writer& writer, const Error& error, std::string_view instance,
                   std::string_view extra = {});
// With Retry-After, WWW-Authenticate and Allow where they belong. `allow` is for 405.
HttpResponse problem_response(const Error& error, std::string_view instance,
                              std::string_view extra = {});
// The HTML page behind a problem's type; empty if there is no such kind.
std::string problem_page(std::string_view kind);

}  // namespace phoenix
