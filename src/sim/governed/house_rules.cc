#include "sim/governed/house_rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace phoenix::sim {

std::string house_policy(size_t which) {
  const HouseRules& rules = kHouseRules[which];
  std::string text =
      fmt::format(R"({{"target":"can-assign","defaultDecision":"allow","rules":[)"
                  R"({{"name":"trust-{}","decision":"deny",)"
                  R"("condition":"'guarded' in packet.policyTags && member.trustScore < {:.3f}"}})",
                  which, rules.trust / 1000.0);
  if (rules.most < 9) {
    text +=
        fmt::format(R"(,{{"name":"size","decision":"deny","condition":"has(packet.payload.n) && )"
                    R"(packet.payload.n > {} && member.reliability < {:.3f}"}})",
                    rules.most, kReliable / 1000.0);
  }
  if (rules.asks) {
    text += fmt::format(R"(,{{"name":"word","decision":"require-approval",)"
                        R"("condition":"'asks' in packet.policyTags","approval":{{"role":"{}",)"
                        R"("expiresSeconds":3,"onExpiry":"{}"}}}})",
                        kHouseRole, rules.lenient ? "allow" : "deny");
  }
  return text + "]}";
}

std::string handing_policy() {
  return fmt::format(R"({{"target":"can-handoff","defaultDecision":"allow","rules":[)"
                     R"({{"name":"reliable","decision":"deny","condition":)"
                     R"("'guarded' in packet.policyTags && target.reliability < {:.3f}"}}]}})",
                     kReliable / 1000.0);
}

std::optional<size_t> which_rules(std::string_view document) {
  constexpr std::string_view kMark = "\"trust-";
  const size_t at = document.find(kMark);
  if (at == document.npos) return std::nullopt;
  return static_cast<size_t>(document[at + kMark.size()] - '0');
}

int n_of(std::string_view payload) {
  constexpr std::string_view kMark = "{\"n\":";
  return payload.starts_with(kMark) ? payload[kMark.size()] - '0' : 0;
}

bool is_tagged(const Packet& head, std::string_view tag) {
  const auto& tags = head.spec->policy_tags;
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

bool denies_handoff(const Packet& head, const MemberRecord& receiver) {
  return is_tagged(head, kGuarded) && receiver.reliability < kReliable;
}

bool denies(const HouseRules& rules, const Packet& head, int n, const MemberRecord& member) {
  return (is_tagged(head, kGuarded) && member.trust < rules.trust) ||
         (n > rules.most && member.reliability < kReliable);
}

}  // namespace phoenix::sim
