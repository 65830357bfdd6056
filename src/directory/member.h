// Durable facts of members and of the sessions that attach them. How a member is doing right now
// (last call, load, streams) is soft and lives with the directory, not here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/host_life.h"
#include "base/key.h"
#include "base/time.h"
#include "directory/rare_text.h"

namespace phoenix {

enum class MemberKind : uint8_t { kAgent, kService, kTool, kModel, kHuman, kApi, kWorker, kNode };
inline constexpr int kMemberKinds = 8;
std::string_view member_kind_name(MemberKind kind);
std::optional<MemberKind> member_kind_from_name(std::string_view name);

enum class MemberStatus : uint8_t { kActive, kDraining, kDetached, kRetired };
inline constexpr int kMemberStatuses = 4;
std::string_view member_status_name(MemberStatus status);
std::optional<MemberStatus> member_status_from_name(std::string_view name);

struct MemberRecord {
  MemberKey key;
  std::vector<std::string> capabilities;  // sorted bytewise, unique, at most 4,096
  uint32_t weight = 100;                  // 1..10,000
  uint32_t max_load = 1;                  // 1..1,000,000
  uint32_t trust = 1000;                  // thousandths
  uint32_t reliability = 1000;            // thousandths
  MemberKind kind = MemberKind::kWorker;
  MemberStatus status = MemberStatus::kActive;
  bool manual = false;  // liveness: manual instead of session
  // RETIRED by a drain, and no certificate says yet that it owns nothing.
  bool uncertified = false;
  std::vector<std::string> compliance;
  std::vector<std::pair<std::string, std::string>> labels;  // sorted by key
  std::string reason;         // why it is not ACTIVE: "lease", "disconnected", ...
  uint64_t incarnation = 0;   // which life; grows at each register or late attach
  uint64_t revision = 0;      // +1 at every durable change
  std::string session;        // id of its session; empty for manual members
  std::string registered_by;  // name of the token that registered it
  WallMs joined_at = 0;
  WallMs updated_at = 0;
  WallMs drain_deadline = kNoWall;  // while DRAINING; kNoWall = no hurry
  // Ed25519 keys, 32 bytes each or empty. The first is what it signs with: without one it signs
  // nothing. Bound to the id until an operator lets it register with another one, the second. The
  // third is the one before, which is not good any more.
  std::string public_key{};
  RareText next_key{};
  RareText former_key{};

  bool has_keys() const { return !(public_key.empty() && next_key.empty() && former_key.empty()); }
};
inline constexpr size_t kPublicKeyBytes = 32;

enum class SessionState : uint8_t {
  kActive,    // its lease runs
  kLapsed,    // ended by silence; may attach again
  kReplaced,  // another process took its members over; may not
  kRetired,   // left for good
  kAttached,  // its lease runs, by a token that nobody has used yet: the one before may fetch it
};

// One token and one lease for one process and its members. The token is derived from (id,
// generation) by the driver; the core sees only the two.
struct SessionRecord {
  std::string id;
  std::string ns;
  uint64_t generation = 1;           // which token; grows when it attaches too late
  uint32_t lease_seconds = 3;        // 1..3600
  std::optional<uint32_t> grace_ms;  // disconnectGraceMs
  SessionState state = SessionState::kActive;
  // To which host it is attached: that one alone counts its lease and ends it. Empty where a host
  // shares its store with nobody. It changes by compare-and-swap on the revision, like all else.
  HostLife home{};
  // Its members, by id, with the incarnation that this session holds.
  std::vector<std::pair<std::string, uint64_t>> members;
  std::string registered_by;
  uint64_t revision = 0;
  WallMs ended_at = kNoWall;

  bool active() const { return state == SessionState::kActive || state == SessionState::kAttached; }
};

// Stored forms, as packet/encoding.h.
std::string encode_member(const MemberRecord& record);
Result<MemberRecord> decode_member(std::string_view bytes);
std::string encode_session(const SessionRecord& record);
Result<SessionRecord> decode_session(std::string_view bytes);

}  // namespace phoenix
