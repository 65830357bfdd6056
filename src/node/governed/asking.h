// A packet as policies are asked about it: may this member have it? As the ring asks, about one
// member after the other, and as an explanation of one. Private to src/node.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "node/governed/governance.h"
#include "node/parts/impl.h"

namespace phoenix {

// A rule that held and brings obligations.
struct OwedFor {
  policy::Point point = policy::Point::kAssign;
  const policy::Rule* rule = nullptr;  // lives as long as the policy set
};
// In words: "can-assign: rule pii of policy invoices, policies/a.yaml:3:5, redacts customer.iban".
std::string note_of(const OwedFor& owed);

class Node::Impl::Asking final : public Permit {
 public:
  // Requires: all of these outlive it. `giver`: at a handoff, its owner.
  Asking(const Impl& node, RuleSet& rules, const Packet& head, MemberNo giver = kNobody,
         std::shared_ptr<const Content> context = nullptr);
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  bool may(MemberIndex member) const override;
  // Why not; nothing if it may.
  std::optional<PolicyRefusal> refusal_of(MemberNo no) const;
  // The first that was met, one that somebody may lift before all others.
  const std::optional<PolicyRefusal>& met() const { return met_; }
  // The rules whose obligations go along with its having it. `reserved`: so much of its load is
  // this packet's.
  std::vector<OwedFor> owed(MemberNo no, uint32_t reserved);
  // A rule of that point reads the payload, which is not at hand.
  bool lacks_payload(policy::Point point) const;

 private:
  policy::Decision decide(policy::Point point, MemberNo no) const;
  policy::DecisionKey key_of(MemberNo no) const;
  const policy::PacketFacts& packet() const;
  std::optional<PolicyRefusal> unknown_payload(policy::Point point, MemberNo no) const;
  std::optional<PolicyRefusal> cannot_redact(policy::Point point, const policy::Decision& decision,
                                             MemberNo no) const;
  bool is_bytes() const;
  bool is_approved(const PolicyRefusal& refusal, MemberNo no) const;

  const Impl& node_;
  RuleSet& rules_;
  const Packet& head_;
  MemberNo giver_;
  std::shared_ptr<const Content> context_;
  uint64_t packet_class_;
  uint32_t reserved_ = 0;        // of the load of whom owed() is asked about
  mutable cel::Scratch memory_;  // of payload and context
  mutable std::unique_ptr<policy::PacketFacts> packet_;  // made when it is first needed
  mutable std::optional<PolicyRefusal> met_;
};

}  // namespace phoenix
