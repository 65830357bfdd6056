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
  // Requires: all of these outlive it. While a receiver is looked for (Governance::handing) it
  // asks about that handoff.
  Asking(const Impl& node, RuleSet& rules, const Packet& head);
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  // Why not; nothing if it may.
  std::optional<PolicyRefusal> refusal_of(MemberNo no) const;
  // Of those who were asked about as the ring asks: the first, one that somebody may lift before
  // all others.
  std::optional<PolicyRefusal> met() const;
  // The rules whose obligations go along with its having it. `reserved`: so much of its load is
  // this packet's.
  std::vector<OwedFor> owed(MemberNo no, uint32_t reserved);
  // A rule of that point reads the payload, which is not at hand.
  bool lacks_payload(policy::Point point) const;

 private:
  bool ask(MemberIndex member) const override;
  policy::Decision decide(policy::Point point, MemberNo no) const;
  policy::DecisionKey key_of(MemberNo no) const;
  const policy::PacketFacts& packet() const;
  std::optional<PolicyRefusal> unknown_payload(policy::Point point, MemberNo no) const;
  std::optional<PolicyRefusal> cannot_redact(policy::Point point, const policy::Decision& decision,
                                             MemberNo no) const;
  bool is_approved(const PolicyRefusal& refusal, MemberNo no) const;

  const Impl& node_;
  RuleSet& rules_;
  const Packet& head_;
  MemberNo giver_;  // at a handoff: its owner
  uint64_t packet_class_ = 0;
  std::shared_ptr<policy::KnownVerdicts::Row> row_;  // null: more is asked than is kept there
  uint32_t reserved_ = 0;                            // of the load of whom owed() is asked about
  mutable cel::Scratch memory_;                      // of payload and context
  mutable std::unique_ptr<policy::PacketFacts> packet_;  // made when it is first needed
  mutable MemberNo denied_ = kNobody;  // the first by what was kept, if before met_
  mutable std::optional<PolicyRefusal> met_;
};

}  // namespace phoenix
