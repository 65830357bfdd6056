#include "directory/member.h"

#include <array>

namespace phoenix {
namespace {

constexpr std::array<std::string_view, kMemberKinds> kKinds = {
    "agent", "service", "tool", "model", "human", "api", "worker", "node"};
constexpr std::array<std::string_view, kMemberStatuses> kStates = {"ACTIVE", "DRAINING", "DETACHED",
                                                                   "RETIRED"};

}  // namespace

std::string_view member_kind_name(MemberKind kind) { return kKinds[static_cast<size_t>(kind)]; }

std::optional<MemberKind> member_kind_from_name(std::string_view name) {
  for (size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] == name) return static_cast<MemberKind>(i);
  }
  return std::nullopt;
}

std::string_view member_status_name(MemberStatus status) {
  return kStates[static_cast<size_t>(status)];
}

std::optional<MemberStatus> member_status_from_name(std::string_view name) {
  for (size_t i = 0; i < kStates.size(); ++i) {
    if (kStates[i] == name) return static_cast<MemberStatus>(i);
  }
  return std::nullopt;
}

}  // namespace phoenix
