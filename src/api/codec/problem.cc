#include "api/codec/problem.h"

#include <algorithm>
#include <array>
#include <optional>

namespace phoenix {
namespace {

// What to do about each kind, in the order of ErrorKind.
constexpr std::array<std::string_view, kErrorKinds> kAdvice = {{
    "Mend the fields that `errors` names, each by its JSON pointer, and send the request again. "
    "Nothing was changed.",
    "Send `Authorization: Bearer TOKEN`. Members use the token that their session was given.",
    "The token may not do this. Use one with the role that the detail names.",
    "A policy decided against it; the detail names the rule and the reason.",
    "Nothing of that name exists, or the token may not see it. Look at the namespace first.",
    "The Allow header lists the methods of this resource.",
    "The request arrived too slowly. Send it again.",
    "It exists already with other content, or another request of the same key is still running. "
    "With Retry-After: send the same request again.",
    "An active or draining member has that id. Choose another one, or take it over by "
    "replace:true with an Idempotency-Key.",
    "Another ownership has been granted since. Stop working on that epoch; nothing of it will be "
    "accepted.",
    "This caller does not own the packet (any more). Stop working on it.",
    "The packet or member is in a state that does not allow the call; packetStatus names it.",
    "The named member cannot take the packet now: not active, in another namespace, lacking a "
    "capability, or full. You keep the packet.",
    "The session ended by silence. Attach again by POST .../session.",
    "Another process took the id over. Stop for good.",
    "It is over and what it held is no longer kept.",
    "The resource has changed since. Read it again, then decide anew.",
    "Send less at once; the detail names the limit.",
    "Send JSON with its Content-Type; with curl add -H 'Content-Type: application/json'. Raw bytes "
    "are taken with ?raw=true.",
    "The Host header names no address of this host. Use the address that it prints at its start, "
    "or add the name by --allow-host.",
    "The Idempotency-Key belongs to another request. Use a fresh key for each new request.",
    "A limit is reached. Try again after Retry-After.",
    "This is a fault of the program. Please report it with the request id.",
    "The host is shutting down. Ask another host, or this one after its restart.",
    "The store takes no writes at the moment; /readyz says why. Try again.",
    "Too much at once. Try again after Retry-After.",
    "No outcome in time: it may or may not have happened. Ask by the id that the detail names, or "
    "send the same request again.",
}};

std::optional<int64_t> retry_after_ms(const Error& error) {
  if (error.retry_after_ms) return error.retry_after_ms;
  switch (error.kind) {
    case ErrorKind::kTooManyRequests:
    case ErrorKind::kDraining:
    case ErrorKind::kStoreUnreachable:
    case ErrorKind::kOverloaded:
      return 1000;
    default:
      return std::nullopt;
  }
}

}  // namespace

void write_problem(json::Writer& writer, const Error& error, std::string_view instance,
                   std::string_view extra) {
  writer.begin_object();
  writer.field("type", "/problems/" + std::string(kind_name(error.kind)));
  writer.field("title", kind_title(error.kind));
  writer.number("status", http_status(error.kind));
  writer.field("detail",
               error.detail.empty() ? kind_title(error.kind) : std::string_view(error.detail));
  writer.field("instance", instance);
  writer.field("reasonCode", error.reason_code.empty() ? kind_name(error.kind)
                                                       : std::string_view(error.reason_code));
  if (!error.fields.empty()) {
    writer.key("errors");
    writer.begin_array();
    for (const auto& field : error.fields) {
      writer.begin_object();
      writer.field("pointer", field.pointer);
      writer.field("detail", field.detail);
      writer.end_object();
    }
    writer.end_array();
  }
  if (error.epoch) writer.number("epoch", *error.epoch);
  if (error.owner) writer.field_or_null("owner", *error.owner);
  if (!error.packet_status.empty()) writer.field("packetStatus", error.packet_status);
  if (error.revision) writer.number("revision", *error.revision);
  if (!error.last_error.empty()) {
    writer.key("lastError");
    writer.raw(error.last_error);
  }
  if (const auto wait = retry_after_ms(error)) writer.number("retryAfterMs", *wait);
  if (!extra.empty()) writer.raw(extra);
  writer.end_object();
}

HttpResponse problem_response(const Error& error, std::string_view instance,
                              std::string_view extra) {
  HttpResponse response;
  response.status = http_status(error.kind);
  response.headers.emplace_back("Content-Type", "application/problem+json");
  response.headers.emplace_back("Cache-Control", "no-store");
  if (const auto wait = retry_after_ms(error)) {
    const int64_t whole_seconds = std::max<int64_t>(1, (*wait + 999) / 1000);
    response.headers.emplace_back("Retry-After", std::to_string(whole_seconds));
  }
  if (error.kind == ErrorKind::kUnauthenticated) {
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"phoenix\"");
  }
  json::Writer writer(response.body);
  write_problem(writer, error, instance, extra);
  response.body += '\n';
  return response;
}

std::string problem_page(std::string_view kind) {
  const auto found = kind_from_name(kind);
  if (!found) return {};
  std::string page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>";
  page.append(kind).append("</title><h1>").append(kind).append("</h1><p><b>");
  page += std::to_string(http_status(*found));
  page.append("</b> ").append(kind_title(*found)).append(".</p><p>");
  page.append(kAdvice[static_cast<size_t>(*found)]).append("</p></html>\n");
  return page;
}

}  // namespace phoenix
