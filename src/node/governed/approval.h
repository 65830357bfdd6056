// The text of a document of kind approval: what waits for somebody's word, and what was said.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/key.h"
#include "base/time.h"

namespace phoenix {

enum class ApprovalState : uint8_t {
  kPending,
  kApproved,
  kRejected,
  kExpired,
  kWithdrawn,
  kUsed,  // approved, for one call, and that has been made
};
// "pending" and so on.
std::string_view approval_state_name(ApprovalState state);

struct ApprovalForm {
  ApprovalState state = ApprovalState::kPending;
  PacketKey packet;    // at can-assign and can-handoff; else empty
  std::string member;  // "namespace/id", at can-register and can-retire; else empty
  std::string asks;    // of a member: what it wants, in words
  std::string point;   // "can-assign"
  std::string policy;  // whose rule asks for it
  std::string rule;
  std::string place;     // of the rule: "file:line:column"
  std::string reason;    // of the rule, for people
  std::string role;      // who may say it
  std::string giver;     // of a handoff; else empty
  std::string receiver;  // likewise
  std::string asked_by;  // name of the token that asked; empty: nobody in particular
  bool allow_on_expiry = false;
  WallMs asked_at = 0;
  WallMs expires_at = 0;
  std::string decided_by;  // id of the human, or name of the host at expiry
  WallMs decided_at = kNoWall;
  std::string word;  // what was said with the decision

  // Whether what it stands for may happen.
  bool allows() const {
    return state == ApprovalState::kApproved ||
           (state == ApprovalState::kExpired && allow_on_expiry);
  }
  bool refuses() const {
    return state == ApprovalState::kRejected ||
           (state == ApprovalState::kExpired && !allow_on_expiry);
  }
};

// Canonical JSON.
std::string approval_json(const ApprovalForm& form);
Result<ApprovalForm> approval_of_json(std::string_view text);

// The name of the approval that a rule asks for of a packet: the same whenever it is asked again.
// At a handoff it names who gives, in which epoch, and to whom.
std::string approval_name(const PacketKey& packet, std::string_view point, std::string_view policy,
                          std::string_view rule, std::string_view receiver, uint64_t epoch);

// Of a member: the same only for the same wish. `what`: all that it would be, or which life of it
// would end.
std::string member_approval_name(const MemberKey& member, std::string_view point,
                                 std::string_view policy, std::string_view rule,
                                 std::string_view what);

}  // namespace phoenix
