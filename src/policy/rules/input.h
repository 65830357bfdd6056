// What a policy sees: members and a packet as values in fixed slots. Callers fill it from whatever
// they keep; nothing here knows their types. The slots are the same at every point, only their
// names differ: `member` where one member is asked about, `source` and `target` at a handoff.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "policy/cel/schema.h"
#include "policy/cel/value.h"
#include "policy/rules/point.h"

namespace phoenix::policy {

using Texts = std::span<const std::string>;
using Labels = std::span<const std::pair<std::string, std::string>>;

struct MemberView {
  std::string_view id;
  std::string_view name_space;
  std::string_view kind;    // "agent"
  std::string_view status;  // "ACTIVE"
  std::string_view registered_by;
  Texts capabilities;
  Texts compliance;
  Labels labels;
  uint32_t trust = 1000;        // thousandths
  uint32_t reliability = 1000;  // thousandths
  uint32_t weight = 100;
  uint32_t load = 0;
  uint32_t max_load = 1;
  WallMs joined_at = kNoWall;
};

struct PacketView {
  std::string_view id;
  std::string_view name;
  std::string_view name_space;
  std::string_view affinity_key;
  Texts required_capabilities;
  bool any_capability = false;  // one of them is enough
  Texts policy_tags;
  Labels labels;
  int32_t priority = 0;
  uint32_t load = 1;
  uint32_t attempts = 0;
  uint32_t losses = 0;
  uint64_t epoch = 0;
  WallMs created_at = kNoWall;
  WallMs deadline = kNoWall;
  cel::Value payload = cel::absent_value();  // of any type; absent if it is no JSON
};

enum class MemberField : uint16_t {
  kId,
  kNamespace,
  kKind,
  kStatus,
  kRegisteredBy,
  kCapabilities,
  kCompliance,
  kLabels,
  kTrustScore,
  kReliability,
  kWeight,
  kLoad,
  kMaxLoad,
  kJoinedAt,
};
inline constexpr uint16_t kMemberFields = 14;

enum class PacketField : uint16_t {
  kId,
  kName,
  kNamespace,
  kAffinityKey,
  kRequiredCapabilities,
  kCapabilityMatch,
  kPolicyTags,
  kLabels,
  kPriority,
  kLoad,
  kAttempts,
  kLosses,
  kEpoch,
  kCreatedAt,
  kDeadline,
  kPayload,
};
inline constexpr uint16_t kPacketFields = 16;

inline constexpr uint16_t kSubjectSlot = 0;  // member, or target
inline constexpr uint16_t kSourceSlot = kMemberFields;
inline constexpr uint16_t kPacketSlot = 2 * kMemberFields;
inline constexpr uint16_t kNowSlot = kPacketSlot + kPacketFields;
inline constexpr uint16_t kContextSlot = kNowSlot + 1;
inline constexpr uint16_t kSlots = kContextSlot + 1;

// The values of a member or packet, made once and put into many inputs. Texts point into what the
// view pointed to, lists into this object, so both must outlive the inputs.
class MemberFacts {
 public:
  explicit MemberFacts(const MemberView& view);
  MemberFacts(const MemberFacts&) = delete;
  MemberFacts& operator=(const MemberFacts&) = delete;
  std::span<const cel::Value> values() const { return values_; }

 private:
  cel::Scratch memory_;
  std::array<cel::Value, kMemberFields> values_;
};
class PacketFacts {
 public:
  explicit PacketFacts(const PacketView& view);
  PacketFacts(const PacketFacts&) = delete;
  PacketFacts& operator=(const PacketFacts&) = delete;
  std::span<const cel::Value> values() const { return values_; }

 private:
  cel::Scratch memory_;
  std::array<cel::Value, kPacketFields> values_;
};

class Input {
 public:
  Input() { values_.fill(cel::absent_value()); }
  void set_member(const MemberFacts& facts) { put(kSubjectSlot, facts.values()); }
  void set_target(const MemberFacts& facts) { put(kSubjectSlot, facts.values()); }
  void set_source(const MemberFacts& facts) { put(kSourceSlot, facts.values()); }
  void set_packet(const PacketFacts& facts) { put(kPacketSlot, facts.values()); }
  // What changes between decisions about the same member.
  void set_load(uint32_t load) {
    values_[kSubjectSlot + static_cast<uint16_t>(MemberField::kLoad)] = cel::int_value(load);
  }
  void set_now(WallMs now);
  // A map of whatever the caller knows besides; of any type.
  void set_context(const cel::Value& context) { values_[kContextSlot] = context; }
  std::span<const cel::Value> values() const { return values_; }

 private:
  void put(uint16_t slot, std::span<const cel::Value> values) {
    std::copy(values.begin(), values.end(), values_.begin() + slot);
  }
  std::array<cel::Value, kSlots> values_;
};

// What expressions may read at a point. `older` adds the spellings of files of v1alpha1:
// member.type, member.skills, member.reliability_score and the like, and `member` at a handoff,
// which is the target.
const cel::Schema& input_schema(Point point, bool older);

// Whether a slot is the same for all packets of one class (namespace, required capabilities and
// their match, policy tags) and one revision of a member, so that decisions from it may be kept.
bool is_stable(uint16_t slot);

}  // namespace phoenix::policy
