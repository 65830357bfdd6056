#include "base/error.h"

#include <array>

namespace phoenix {
namespace {

struct Row {
  std::string_view name;
  std::string_view title;
  int status;
};

constexpr std::array<Row, kErrorKinds> kRows = {{
    {"invalid-request", "The request is not valid", 400},
    {"unauthenticated", "No valid credentials", 401},
    {"forbidden", "Not allowed for this caller", 403},
    {"policy-denied", "A policy denies it", 403},
    {"not-found", "No such thing", 404},
    {"method-not-allowed", "The resource has no such method", 405},
    {"request-timeout", "The request took too long to arrive", 408},
    {"conflict", "It conflicts with what exists", 409},
    {"member-exists", "The member id is in use", 409},
    {"stale-epoch", "The epoch is not the newest one", 409},
    {"not-owner", "The caller does not own the packet", 409},
    {"wrong-state", "Not possible in this state", 409},
    {"not-eligible", "The member cannot take the packet", 409},
    {"session-lapsed", "The session has ended", 409},
    {"session-replaced", "Another process took the session over", 409},
    {"gone", "It existed and is no longer kept", 410},
    {"precondition-failed", "The revision is not the present one", 412},
    {"too-large", "The request is too large", 413},
    {"unsupported-media-type", "The content type is not understood", 415},
    {"misdirected", "The Host header names another server", 421},
    {"idempotency-mismatch", "The Idempotency-Key was used for another request", 422},
    {"too-many-requests", "A limit is reached", 429},
    {"internal", "A fault of this program", 500},
    {"draining", "The host is shutting down", 503},
    {"store-unreachable", "The store does not take writes", 503},
    {"overloaded", "The host is overloaded", 503},
    {"timeout", "No outcome in time; it is unknown", 504},
}};

const Row& row(ErrorKind kind) { return kRows[static_cast<size_t>(kind)]; }

}  // namespace

std::string_view kind_name(ErrorKind kind) { return row(kind).name; }
std::string_view kind_title(ErrorKind kind) { return row(kind).title; }
int http_status(ErrorKind kind) { return row(kind).status; }

std::optional<ErrorKind> kind_from_name(std::string_view name) {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<ErrorKind>(i);
  }
  return std::nullopt;
}

}  // namespace phoenix
