#include "net/http_render.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace phoenix {
namespace {

struct StatusText {
  int status;
  std::string_view text;
};

// Ascending.
constexpr std::array<StatusText, 38> kStatusTexts = {{
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
}};

bool same_name(std::string_view name, std::string_view lower) {
  return name.size() == lower.size() &&
         std::equal(name.begin(), name.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a | 0x20) : a) == b;
         });
}

bool is_server_owned(std::string_view name) {
  return same_name(name, "content-length") || same_name(name, "transfer-encoding") ||
         same_name(name, "connection") || same_name(name, "date");
}

void append_value(std::string& out, std::string_view value) {
  const size_t start = out.size();
  out.append(value);
  for (size_t i = start; i < out.size(); ++i) {
    const auto byte = static_cast<unsigned char>(out[i]);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) out[i] = ' ';
  }
}

void append_json(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte > 0x7e) {
      // Bytes beyond ASCII may be no UTF-8: what an outsider sent is shown byte by byte.
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

std::string_view status_text(int status) {
  const auto at =
      std::lower_bound(kStatusTexts.begin(), kStatusTexts.end(), status,
                       [](const StatusText& row, int wanted) { return row.status < wanted; });
  return at != kStatusTexts.end() && at->status == status ? at->text : "Unknown";
}

bool is_bodiless(int status) { return status < 200 || status == 204 || status == 304; }

void append_head(std::string& out, const HttpResponse& response, const HttpFraming& framing,
                 std::string_view date) {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status,
                 status_text(response.status));
  for (const auto& [name, value] : response.headers) {
    if (is_server_owned(name)) continue;
    append_value(out, name);
    out += ": ";
    append_value(out, value);
    out += "\r\n";
  }
  out += "Date: ";
  out += date;
  out += "\r\n";
  if (framing.chunked) out += "Transfer-Encoding: chunked\r\n";
  if (framing.content_length && !is_bodiless(response.status)) {
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", *framing.content_length);
  }
  if (!framing.keep_alive) {
    out += "Connection: close\r\n";
  } else if (framing.version < 11) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

std::string http_date(std::time_t seconds) {
  static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays.at(utc.tm_wday), utc.tm_mday,
                     kMonths.at(utc.tm_mon), utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                     utc.tm_sec);
}

HttpResponse plain_problem(const Error& error) {
  HttpResponse response;
  response.status = http_status(error.kind);
  response.headers = {{"Content-Type", "application/problem+json"}, {"Cache-Control", "no-store"}};
  std::string& body = response.body;
  body = fmt::format("{{\"type\":\"/problems/{}\",\"title\":\"{}\",\"status\":{},\"detail\":",
                     kind_name(error.kind), kind_title(error.kind), response.status);
  append_json(body, error.detail);
  if (!error.reason_code.empty()) {
    body += ",\"reasonCode\":";
    append_json(body, error.reason_code);
  }
  if (error.retry_after_ms) {
    fmt::format_to(std::back_inserter(body), ",\"retryAfterMs\":{}", *error.retry_after_ms);
    response.headers.emplace_back("Retry-After",
                                  std::to_string((*error.retry_after_ms + 999) / 1000));
  }
  body += '}';
  return response;
}

}  // namespace phoenix
