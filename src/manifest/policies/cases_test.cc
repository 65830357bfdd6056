#include "manifest/policies/cases.h"

#include <gtest/gtest.h>

#include "manifest/app/load.h"
#include "manifest/app/test_folder.h"
#include "manifest/policies/policies.h"

namespace phoenix::manifest {
namespace {

constexpr const char* kApp = R"(
apiVersion: phoenixflight.io/v1
kind: Agent
metadata: {name: clerk, namespace: office}
spec: {capabilities: [read, sign], trustScore: 0.7, compliance: [GDPR], maxLoad: 3}
---
apiVersion: phoenixflight.io/v1
kind: FlightPacket
metadata: {name: letter, namespace: office}
spec: {requiredCapabilities: [read, sing], capabilityMatch: any, payload: {pages: 2}, priority: 5}
---
apiVersion: phoenixflight.io/v1
kind: Policy
metadata: {name: p}
spec: {target: can-handoff, defaultDecision: allow,
  rules: [{name: old, condition: "now > packet.deadline", decision: deny}]}
---
apiVersion: phoenixflight.io/v1
kind: PolicyTest
metadata: {name: t}
spec:
  cases:
    - name: one
      at: can-handoff
      source: {from: clerk}
      target: {from: clerk, id: other, compliance: [], trustScore: 0.9999, joinedAt: 2025-01-01T00:00:00Z}
      packet: {from: letter, priority: -1, deadline: 1m, attempts: 2}
      now: 2026-02-03T04:05:06Z
      context: {route: [a, b]}
      expect: deny
      rule: p/old
)";

std::vector<PolicyCase> cases_of(const Loaded& loaded) {
  Findings told;
  const auto set = compile_policies(loaded.app, &told);
  return set == nullptr ? std::vector<PolicyCase>() : policy_cases(loaded.app, *set, &told);
}

TEST(PolicyCases, BeginWithWhatTheAppDeclaresAndTakeTheirOwnOverIt) {
  const Loaded loaded = load_text(kApp, "t.yaml", false);
  for (const Finding& finding : loaded.findings) ADD_FAILURE() << finding.text();
  const auto cases = cases_of(loaded);
  ASSERT_EQ(cases.size(), 1u);
  const PolicyCase& one = cases[0];
  EXPECT_EQ(one.place.line, 23);
  EXPECT_EQ(one.now_ms, 1'770'091'506'000);
  EXPECT_EQ(one.context, R"({"route":["a","b"]})");
  const policy::MemberView source = one.source->view();
  EXPECT_EQ(source.id, "clerk");
  EXPECT_EQ(source.name_space, "office");
  EXPECT_EQ(source.trust, 700u);
  EXPECT_EQ(source.capabilities.size(), 2u);
  EXPECT_EQ(source.max_load, 3u);
  const policy::MemberView target = one.subject.view();
  EXPECT_EQ(target.id, "other");
  EXPECT_EQ(target.trust, 999u);
  EXPECT_TRUE(target.compliance.empty());
  EXPECT_EQ(target.joined_at, 1'735'689'600'000);
  const policy::PacketView packet = one.packet->view();
  EXPECT_EQ(packet.id, "letter");
  EXPECT_EQ(packet.name_space, "office");
  EXPECT_TRUE(packet.any_capability);
  EXPECT_EQ(packet.priority, -1);
  EXPECT_EQ(packet.attempts, 2u);
  EXPECT_EQ(packet.deadline, one.now_ms + 60'000);
  EXPECT_EQ(one.packet->payload, R"({"pages":2})");
}

TEST(PolicyCases, StandInFilesBesideThePoliciesOnlyWhereTheyAreAskedFor) {
  const TestFolder folder;
  folder.write("PhoenixFile",
               "apiVersion: phoenixflight.io/v1\nkind: PhoenixApp\nmetadata: {name: a}\n"
               "controlPlane: {policies: [p/one.yaml]}\n");
  folder.write("p/one.yaml",
               "apiVersion: phoenixflight.io/v1\nkind: Policy\nmetadata: {name: p}\n"
               "spec: {target: can-retire, minimumTrustScore: 0.5}\n");
  const std::string test =
      "apiVersion: phoenixflight.io/v1\nkind: PolicyTest\nmetadata: {name: NAME}\n"
      "spec: {cases: [{name: c, at: can-retire, member: {}, expect: allow}]}\n";
  for (const char* name : {"b", "a"}) {
    std::string text = test;
    folder.write(std::string("p/") + name + ".test.yaml", text.replace(text.find("NAME"), 4, name));
  }
  folder.write("elsewhere.test.yaml", "broken: [");
  const Loaded loaded = load_app({folder.root(), false, true});
  for (const Finding& finding : loaded.findings) ADD_FAILURE() << finding.text();
  const auto cases = cases_of(loaded);
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].test + cases[1].test, "ab");
  EXPECT_TRUE(cases_of(load_app({folder.root(), false, false})).empty());
}

}  // namespace
}  // namespace phoenix::manifest
