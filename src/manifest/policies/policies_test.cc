#include "manifest/policies/policies.h"

#include <gtest/gtest.h>

#include "manifest/app/load.h"

namespace phoenix::manifest {
namespace {

// What the policies of these documents answer about a member with a trust of 0.9.
class AppPolicies : public testing::Test {
 protected:
  void load(std::string_view text) {
    loaded_ = load_text(text, "p.yaml", false);
    Findings again;  // load_text() has told them already
    set_ = compile_policies(loaded_.app, &again);
  }
  std::string told() const {
    std::string text;
    for (const Finding& finding : loaded_.findings) text += finding.text() + "\n";
    return text;
  }
  std::string ask(policy::Point point) {
    if (set_ == nullptr) return told();
    const policy::MemberFacts member(member_);
    const policy::PacketFacts packet(packet_);
    policy::Input input;
    input.set_member(member);
    input.set_packet(packet);
    const auto decision = set_->decide(point, input, scratch_);
    const auto why = set_->explain(point, decision);
    return why.reason_code + " " + why.rule + " " + policy::place_text(why.place);
  }

  Loaded loaded_;
  std::shared_ptr<const policy::PolicySet> set_;
  std::vector<std::string> capabilities_ = {"ocr"};
  std::vector<std::string> tags_ = {"PII"};
  policy::MemberView member_ = {.id = "m",
                                .name_space = "default",
                                .kind = "agent",
                                .status = "ACTIVE",
                                .registered_by = {},
                                .capabilities = capabilities_,
                                .compliance = {},
                                .labels = {},
                                .trust = 900};
  policy::PacketView packet_ = {.id = "p",
                                .name = {},
                                .name_space = "default",
                                .affinity_key = {},
                                .required_capabilities = capabilities_,
                                .any_capability = false,
                                .policy_tags = tags_,
                                .labels = {}};
  cel::Scratch scratch_;
};

TEST_F(AppPolicies, a_policy_of_v1_decides_by_its_rules_and_denies_otherwise) {
  load(R"(apiVersion: phoenixflight.io/v1
kind: Policy
metadata: {name: guard}
spec:
  target: can-assign
  rules:
    - name: trusted
      condition: member.trustScore >= 0.8
      decision: allow
      obligations: [{log: true}, {redact: [ssn]}]
    - name: personal
      condition: "'PII' in packet.policyTags && size(packet.id) > 1"
      decision: require-approval
      approval: {role: controller, expiresAfter: 2h, onExpiry: allow}
)");
  EXPECT_EQ(ask(policy::Point::kAssign), "allowed-by-rule trusted p.yaml:7:7");
  packet_.id = "pkt";
  EXPECT_EQ(ask(policy::Point::kAssign), "approval-required personal p.yaml:11:7");
  const auto& rule = set_->rules(policy::Point::kAssign)[1];
  EXPECT_EQ(rule.approval, (policy::Approval{"controller", 7'200, policy::Verdict::kAllow}));
  EXPECT_EQ(set_->rules(policy::Point::kAssign)[0].obligations.size(), 2U);
  packet_.id = "p";
  member_.trust = 700;
  EXPECT_EQ(ask(policy::Point::kAssign), "denied-by-default  ");
  EXPECT_EQ(ask(policy::Point::kRetire), "no-policy  ");
}

TEST_F(AppPolicies, a_fault_in_a_condition_is_told_in_its_place) {
  load(R"(apiVersion: phoenixflight.io/v1
kind: Policy
metadata: {name: guard}
spec:
  target: can-retire
  rules:
    - condition: "member.trust > 1"
      decision: allow
)");
  EXPECT_EQ(set_, nullptr);
  EXPECT_NE(told().find("p.yaml:7:26: condition: no field `trust` in member"), std::string::npos)
      << told();
}

TEST_F(AppPolicies, requirements_stand_beside_the_rules) {
  load(R"(apiVersion: phoenixflight.io/v1
kind: Policy
metadata: {name: guard}
spec:
  target: can-handoff
  restrictedTags:
    PII: {requiredCompliance: [GDPR]}
)");
  EXPECT_EQ(ask(policy::Point::kHandoff), "denied-by-rule restrictedTags.PII p.yaml:7:5");
  tags_ = {"none"};
  packet_.policy_tags = tags_;
  EXPECT_EQ(ask(policy::Point::kHandoff).substr(0, 28), "allowed-by-rule requirements");
}

TEST_F(AppPolicies, files_of_the_original_decide_as_they_read) {
  load(R"(apiVersion: phoenixflight.io/v1alpha1
kind: Policy
metadata: {name: guard}
spec:
  target: CanHandoff
  rules:
    - condition: "member.trust_score >= 0.90"
      decision: ALLOW
    - condition: default
      decision: DENY
)");
  EXPECT_EQ(ask(policy::Point::kHandoff), "allowed-by-rule rule 1 p.yaml:7:7");
  member_.trust = 899;
  EXPECT_EQ(ask(policy::Point::kHandoff), "denied-by-rule rule 2 p.yaml:9:7");
}

TEST_F(AppPolicies, what_cannot_be_read_in_v1alpha1_is_a_warning_and_denies) {
  load(R"(apiVersion: phoenixflight.io/v1alpha1
kind: Policy
metadata: {name: guard}
spec:
  target: CanAssign
  rules:
    - condition: "whatever it was"
      decision: ALLOW
)");
  EXPECT_TRUE(loaded_.valid()) << told();
  EXPECT_NE(told().find("it denies everything"), std::string::npos) << told();
  EXPECT_EQ(ask(policy::Point::kAssign), "denied-by-rule rule 1 p.yaml:7:7");
}

TEST_F(AppPolicies, rules_without_a_kind_have_the_originals_values_where_they_say_none) {
  load("name: can-assign\nrules: {minimumTrustScore: 0.8}\n");
  EXPECT_EQ(ask(policy::Point::kAssign).substr(0, 28), "allowed-by-rule requirements");
  member_.load = 1;
  EXPECT_EQ(ask(policy::Point::kAssign).substr(0, 30), "denied-by-rule maxLoadRequired");
  member_.load = 0;
  member_.name_space = "other";
  EXPECT_EQ(ask(policy::Point::kAssign).substr(0, 24), "denied-by-rule namespace");
}

}  // namespace
}  // namespace phoenix::manifest
