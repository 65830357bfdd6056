// Where policies are asked, and what they may answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace phoenix::policy {

enum class Point : uint8_t {
  kRegister,  // may this member register
  kAssign,    // may this member be given this packet
  kHandoff,   // may this packet go from its owner to that member
  kRetire,    // may this member retire
};
inline constexpr int kPoints = 4;
// "can-register".
std::string_view point_name(Point point);
// Also the spelling of older files, "CanRegister".
std::optional<Point> point_from_name(std::string_view name);

// In the order of strictness.
enum class Verdict : uint8_t { kAllow, kRequireApproval, kDeny };
// "allow", "require-approval", "deny".
std::string_view verdict_name(Verdict verdict);
// In any case, and also "requireApproval" and "REQUIRE_APPROVAL".
std::optional<Verdict> verdict_from_name(std::string_view name);

}  // namespace phoenix::policy
