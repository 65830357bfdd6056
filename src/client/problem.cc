#include "client/problem.h"

#include <charconv>

#include "client/json_text.h"

namespace phoenix {
namespace {

ErrorKind kind_of_status(int status) {
  switch (status) {
    case 401:
      return ErrorKind::kUnauthenticated;
    case 403:
      return ErrorKind::kForbidden;
    case 404:
      return ErrorKind::kNotFound;
    case 405:
      return ErrorKind::kMethodNotAllowed;
    case 408:
      return ErrorKind::kRequestTimeout;
    case 409:
      return ErrorKind::kConflict;
    case 410:
      return ErrorKind::kGone;
    case 412:
      return ErrorKind::kPreconditionFailed;
    case 413:
      return ErrorKind::kTooLarge;
    case 415:
      return ErrorKind::kUnsupportedMediaType;
    case 421:
      return ErrorKind::kMisdirected;
    case 422:
      return ErrorKind::kIdempotencyMismatch;
    case 429:
      return ErrorKind::kTooManyRequests;
    case 502:
    case 503:
      return ErrorKind::kOverloaded;
    case 504:
      return ErrorKind::kTimeout;
    default:
      return status < 500 ? ErrorKind::kInvalidRequest : ErrorKind::kInternal;
  }
}

std::optional<uint64_t> unsigned_of(const JsonText& json) {
  const auto value = json.integer();
  if (!value || *value < 0) return std::nullopt;
  return static_cast<uint64_t>(*value);
}

// Retry-After in seconds; a date there is no form that a host of ours sends.
std::optional<int64_t> retry_after_header(const Answer& answer) {
  const std::string_view text = answer.header("retry-after");
  int64_t seconds_left = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds_left);
  if (text.empty() || ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (seconds_left < 0 || seconds_left > 86'400) return std::nullopt;
  return seconds_left * 1000;
}

}  // namespace

Error parse_problem(const Answer& answer) {
  Error error;
  error.kind = kind_of_status(answer.status);
  error.retry_after_ms = retry_after_header(answer);
  const auto json = JsonText::parse(answer.body);
  if (!json || !json->is_object() || !(*json)["type"].is_string()) {
    error.detail = "the answer was status " + std::to_string(answer.status) +
                   " without a problem document; is " + answer.url + " a phoenix host?";
    return error;
  }
  const JsonText& doc = *json;
  const std::string type = doc["type"].text();
  const std::size_t slash = type.rfind('/');
  const auto kind = kind_from_name(slash == std::string::npos ? type : type.substr(slash + 1));
  if (kind) error.kind = *kind;
  error.detail = doc["detail"].text();
  if (error.detail.empty()) error.detail = doc["title"].text();
  error.reason_code = doc["reasonCode"].text();
  for (const JsonText& item : doc["errors"].items()) {
    error.fields.push_back({item["pointer"].text(), item["detail"].text()});
  }
  error.epoch = unsigned_of(doc["epoch"]);
  error.revision = unsigned_of(doc["revision"]);
  const JsonText owner = doc["owner"];
  if (owner.present()) error.owner = owner.text();
  error.packet_status = doc["packetStatus"].text();
  const JsonText last_error = doc["lastError"];
  if (last_error.present() && !last_error.is_null()) error.last_error = last_error.raw();
  const auto retry_ms = doc["retryAfterMs"].integer();
  if (retry_ms && *retry_ms >= 0) error.retry_after_ms = *retry_ms;
  return error;
}

std::string describe(const CallFailure& failure) {
  switch (failure.fault) {
    case CallFault::kUnreachable:
      return "no host answers at " + failure.url +
             (failure.detail.empty() ? "" : " (" + failure.detail + ")") +
             "\nstart one: phoenix serve";
    case CallFault::kTimedOut:
      return failure.url + " gave no answer in time\n" +
             "whether the call was carried out is open: look before you repeat it";
    case CallFault::kReset:
      return "the connection to " + failure.url + " broke: " + failure.detail +
             "\nwhether the call was carried out is open: look before you repeat it";
  }
  return {};
}

int exit_code(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalidRequest:
    case ErrorKind::kMethodNotAllowed:
    case ErrorKind::kTooLarge:
    case ErrorKind::kUnsupportedMediaType:
      return 2;
    case ErrorKind::kNotFound:
    case ErrorKind::kGone:
      return 3;
    case ErrorKind::kConflict:
    case ErrorKind::kMemberExists:
    case ErrorKind::kStaleEpoch:
    case ErrorKind::kNotOwner:
    case ErrorKind::kSessionLapsed:
    case ErrorKind::kSessionReplaced:
    case ErrorKind::kPreconditionFailed:
    case ErrorKind::kIdempotencyMismatch:
      return 4;
    case ErrorKind::kRequestTimeout:
    case ErrorKind::kTimeout:
      return 7;
    case ErrorKind::kUnauthenticated:
    case ErrorKind::kForbidden:
    case ErrorKind::kPolicyDenied:
    case ErrorKind::kWrongState:
    case ErrorKind::kNotEligible:
    case ErrorKind::kMisdirected:
    case ErrorKind::kTooManyRequests:
    case ErrorKind::kInternal:
    case ErrorKind::kDraining:
    case ErrorKind::kStoreUnreachable:
    case ErrorKind::kOverloaded:
      return 1;
  }
  return 1;
}

int exit_code(const CallFailure& failure) {
  return failure.fault == CallFault::kUnreachable ? 5 : 7;
}

}  // namespace phoenix
