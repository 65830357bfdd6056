#include "manifest/policies/denied.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "manifest/app/never_works.h"
#include "manifest/policies/cases.h"
#include "policy/rules/json_value.h"

namespace phoenix::manifest {
namespace {

using policy::MemberField;
using policy::PacketField;
using policy::Point;

constexpr size_t kReasonsTold = 4;
constexpr size_t kMostAsked = 100'000;  // of pairs; hosts tell of the others

// What is the same whenever a host asks: all but time, load, and what hosts count or add.
bool is_lasting(uint16_t slot) {
  constexpr std::array kOfMember = {MemberField::kStatus,   MemberField::kRegisteredBy,
                                    MemberField::kLabels,   MemberField::kLoad,
                                    MemberField::kJoinedAt, MemberField::kId};
  constexpr std::array kOfPacket = {
      PacketField::kId,    PacketField::kLabels,    PacketField::kAttempts, PacketField::kLosses,
      PacketField::kEpoch, PacketField::kCreatedAt, PacketField::kDeadline};
  const auto is_slot = [slot](uint16_t first) {
    return [slot, first](auto field) { return slot == first + static_cast<uint16_t>(field); };
  };
  if (slot >= policy::kNowSlot) return false;
  return std::none_of(kOfMember.begin(), kOfMember.end(), is_slot(policy::kSubjectSlot)) &&
         std::none_of(kOfPacket.begin(), kOfPacket.end(), is_slot(policy::kPacketSlot));
}

bool is_lasting(const policy::Rule& rule) {
  const auto& slots = rule.condition.slots;
  return std::all_of(slots.begin(), slots.end(), [](uint16_t slot) { return is_lasting(slot); });
}

class Denials {
 public:
  explicit Denials(const policy::PolicySet& policies) : policies_(policies) {}

  // Why the agent can never have it because of policies; nothing if it can, or some day may.
  std::optional<std::string> of(const Agent& agent, const Packet& packet) {
    const CaseMember kept_member = case_member(agent);
    const policy::MemberFacts member(kept_member.view());
    policy::Input input;
    input.set_member(member);
    if (auto why = denied(Point::kRegister, input)) return "may not register: " + *why;
    cel::Scratch memory;
    const CasePacket kept_packet = case_packet(packet);
    policy::PacketView view = kept_packet.view();
    view.payload = kept_packet.payload == "null" ? cel::absent_value()
                                                 : policy::value_of_text(packet.payload, memory);
    const policy::PacketFacts facts(view);
    input.set_packet(facts);
    if (auto why = denied(Point::kAssign, input)) return "may not have it: " + *why;
    return std::nullopt;
  }

 private:
  std::optional<std::string> denied(Point point, const policy::Input& input) {
    if (!policies_.has_policy(point)) return std::nullopt;
    scratch_.clear();
    const policy::Decision decision = policies_.decide(point, input, scratch_);
    if (decision.verdict != policy::Verdict::kDeny) return std::nullopt;
    const auto rules = policies_.rules(point);
    // Where no rule held, another one might when it is asked for real.
    const bool lasts = decision.rule != nullptr
                           ? is_lasting(*decision.rule)
                           : std::all_of(rules.begin(), rules.end(),
                                         [](const auto& rule) { return is_lasting(rule); });
    if (!lasts) return std::nullopt;
    const policy::Explanation why = policies_.explain(point, decision);
    if (why.rule.empty()) return why.reason;
    return fmt::format("{} (policy {}, rule {})", why.reason, why.policy, why.rule);
  }

  const policy::PolicySet& policies_;
  cel::Scratch scratch_;
};

}  // namespace

void find_who_is_denied(const App& app, const policy::PolicySet& policies, Findings* findings) {
  if (!policies.has_policy(Point::kRegister) && !policies.has_policy(Point::kAssign)) return;
  Denials denials(policies);
  size_t asked = 0;
  for (const Packet& packet : app.packets) {
    std::vector<std::string> reasons;
    size_t could = 0;
    size_t denied = 0;
    for (const Agent& agent : app.agents) {
      if (!why_not(app, agent, packet).empty()) continue;
      if (++asked > kMostAsked) return;
      ++could;
      const auto why = denials.of(agent, packet);
      if (!why) break;
      ++denied;
      if (reasons.size() < kReasonsTold) reasons.push_back(agent.name + " " + *why);
    }
    if (could == 0 || denied < could) continue;
    const bool warning = packet.version == ApiVersion::kAlpha;
    findings->push_back({warning ? Finding::Weight::kWarning : Finding::Weight::kError,
                         packet.required_place, "spec", "",
                         fmt::format("no declared agent may take packet {}: {}", packet.name,
                                     fmt::join(reasons, "; "))});
  }
}

}  // namespace phoenix::manifest
