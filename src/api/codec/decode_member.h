// From requests about members and sessions to the node's commands. All faults are found, not the
// first.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"
#include "node/command.h"
#include "node/plan.h"

namespace phoenix {

inline constexpr size_t kMaxSessionMembers = 10'000;
inline constexpr size_t kMaxCapabilities = 4'096;

// Scores beyond which a token may not register; see auth.h.
struct Ceiling {
  std::optional<uint32_t> trust;                       // thousandths
  std::optional<uint32_t> reliability;                 // thousandths
  std::optional<std::vector<std::string>> compliance;  // sorted; members may hold only these
};

struct MemberDefaults {
  std::string_view ns;
  const Ceiling* ceiling = nullptr;  // null: none
  std::function<std::string()> fresh_id;
};

// POST /v1/members: one member with its session's fields beside its own.
Result<Register> decode_register(const json::Value& body, const MemberDefaults& defaults);
// POST /v1/sessions: {"members":[...],"leaseSeconds",...}.
Result<Register> decode_register_session(const json::Value& body, const MemberDefaults& defaults);
// POST /v1/sessions/{sid}/members: {"members":[...]}.
struct DecodedMembers {
  std::vector<MemberRecord> records;
  std::vector<std::string> proofs;  // as Register::proofs
};
Result<DecodedMembers> decode_members(const json::Value& body, const MemberDefaults& defaults);
// POST /v1/ring/plan: one of {"leave":ID,"cause"}, {"drain":ID}, {"join":{...}}, {"change":{...}}.
Result<PlanRequest> decode_plan(const json::Value& body, const MemberDefaults& defaults);
// {"ids":[...]}.
Result<std::vector<std::string>> decode_ids(const json::Value& body);

// The merge patch of PATCH /v1/members/{id}.
Result<PatchMember> decode_patch(const json::Value& body, MemberKey key);
// {"after"} of a heartbeat. `after` is [A-Za-z0-9_-]{1,512}.
Result<std::optional<std::string>> decode_heartbeat(const json::Value& body);
bool valid_position(std::string_view after);
// {"deadlineSeconds"} of a drain.
Result<std::optional<uint32_t>> decode_drain(const json::Value& body);
// A body that must be {}.
Result<bool> decode_empty(const json::Value& body);

}  // namespace phoenix
