#include "packet/packet.h"

namespace phoenix {
namespace {

constexpr std::array<std::string_view, kStatuses> kStatusNames = {
    "PENDING", "ASSIGNED", "RUNNING", "COMPLETED", "FAILED", "CANCELED", "EXPIRED", "REJECTED"};
constexpr std::array<std::string_view, 8> kParkNames = {
    "no-capable-member", "all-at-capacity",   "policy-denied",     "backoff",
    "not-before",        "store-unreachable", "approval-required", "live-ticket"};
constexpr std::array<std::string_view, 8> kCallNames = {
    "start", "checkpoint", "complete", "fail", "release", "handoff", "accept", "ticket"};
constexpr std::array<std::string_view, kContentKinds> kContentNames = {"payload", "checkpoint",
                                                                       "context", "result"};

}  // namespace

std::string_view status_name(Status status) { return kStatusNames[static_cast<size_t>(status)]; }

std::optional<Status> status_from_name(std::string_view name) {
  for (size_t i = 0; i < kStatusNames.size(); ++i) {
    if (kStatusNames[i] == name) return static_cast<Status>(i);
  }
  return std::nullopt;
}

std::string_view park_reason_name(ParkReason reason) {
  return kParkNames[static_cast<size_t>(reason)];
}
std::string_view call_name(Call call) { return kCallNames[static_cast<size_t>(call)]; }
std::string_view content_kind_name(ContentKind kind) {
  return kContentNames[static_cast<size_t>(kind)];
}

}  // namespace phoenix
