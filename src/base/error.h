// The one closed list of refusals, used by the core, the REST face (as problem types) and the
// CLI (as exit codes). An Error says what was refused and how to mend it; it never says how far we
// got, because a refused call has changed nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace phoenix {

enum class ErrorKind : uint8_t {
  kInvalidRequest,        // 400
  kUnauthenticated,       // 401
  kForbidden,             // 403
  kPolicyDenied,          // 403
  kNotFound,              // 404
  kMethodNotAllowed,      // 405
  kRequestTimeout,        // 408
  kConflict,              // 409
  kMemberExists,          // 409
  kStaleEpoch,            // 409
  kNotOwner,              // 409
  kWrongState,            // 409
  kNotEligible,           // 409
  kSessionLapsed,         // 409
  kSessionReplaced,       // 409
  kGone,                  // 410
  kPreconditionFailed,    // 412
  kTooLarge,              // 413
  kUnsupportedMediaType,  // 415
  kMisdirected,           // 421
  kIdempotencyMismatch,   // 422
  kTooManyRequests,       // 429
  kInternal,              // 500: a bug of ours
  kDraining,              // 503
  kStoreUnreachable,      // 503
  kOverloaded,            // 503
  kTimeout,               // 504: the outcome is unknown
};
inline constexpr int kErrorKinds = static_cast<int>(ErrorKind::kTimeout) + 1;

// "stale-epoch": the last path segment of the problem's type.
std::string_view kind_name(ErrorKind kind);
// "The epoch is not the newest one": the problem's title.
std::string_view kind_title(ErrorKind kind);
// 409 and so on.
int http_status(ErrorKind kind);
// The kind of that name, for clients that read a problem document.
std::optional<ErrorKind> kind_from_name(std::string_view name);

// One faulty field of a request.
struct FieldError {
  std::string pointer;  // JSON pointer, or "query:limit", "header:Idempotency-Key", "flag:--id"
  std::string detail;   // names the value and what is allowed
  bool operator==(const FieldError&) const = default;
};

struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string detail{};
  std::string reason_code{};         // finer than the kind where it helps; else empty
  std::vector<FieldError> fields{};  // for kInvalidRequest: all faults, not the first
  // What the caller should know of the packet that refused it; absent where it does not apply.
  std::optional<uint64_t> epoch{};
  std::optional<uint64_t> revision{};
  std::optional<std::string> owner{};  // empty string: owned by nobody
  std::string packet_status{};
  std::string last_error{};  // JSON of the packet's lastError, for a result that will never be
  std::optional<int64_t> retry_after_ms{};

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorKind kind, std::string detail) {
  Error error;
  error.kind = kind;
  error.detail = std::move(detail);
  return tl::unexpected<Error>(std::move(error));
}
inline tl::unexpected<Error> invalid(std::string pointer, std::string detail) {
  Error error;
  error.kind = ErrorKind::kInvalidRequest;
  error.detail = pointer + ": " + detail;
  error.fields.push_back({std::move(pointer), std::move(detail)});
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace phoenix
