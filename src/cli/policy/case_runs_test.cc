#include "cli/policy/case_runs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "manifest/app/load.h"
#include "manifest/policies/policies.h"

namespace phoenix::cli {
namespace {

constexpr const char* kPolicy = R"(
apiVersion: phoenixflight.io/v1
kind: Policy
metadata: {name: invoices}
spec:
  target: can-assign
  rules:
    - {name: large, condition: packet.payload.amount > 1000, decision: deny, reason: too large}
    - {name: known, condition: "'invoice' in packet.policyTags", decision: allow}
    - {name: night, condition: now.getHours() < 6, decision: require-approval}
)";

// The report of cases: "at: can-assign, …", without what all have.
class Cases : public testing::Test {
 protected:
  void ask(const std::vector<std::string>& cases) {
    std::string text = std::string(kPolicy) +
                       "---\napiVersion: phoenixflight.io/v1\nkind: PolicyTest\n"
                       "metadata: {name: t}\nspec:\n  cases:\n";
    for (const std::string& each : cases) {
      text += "    - {name: c, at: can-assign, member: {}, " + each + "}\n";
    }
    const manifest::Loaded loaded = manifest::load_text(text, "t.yaml", false);
    for (const manifest::Finding& finding : loaded.findings) ADD_FAILURE() << finding.text();
    manifest::Findings told;
    set_ = manifest::compile_policies(loaded.app, &told);
    cases_ = manifest::policy_cases(loaded.app, *set_, &told);
    report_ = run_cases(*set_, cases_);
  }

  std::shared_ptr<const policy::PolicySet> set_;
  std::vector<manifest::PolicyCase> cases_;
  CaseReport report_;
};

TEST_F(Cases, AreDecidedByPayloadTimeAndTags) {
  ask({"packet: {payload: {amount: 2000}}, expect: deny, rule: large, reason: too",
       "packet: {policyTags: [invoice], payload: {amount: 7}}, now: 2026-01-01T12:00:00Z, expect: "
       "allow,"
       " rule: invoices/known",
       "packet: {payload: {amount: 7}}, now: 2026-01-01T05:59:59Z, expect: require-approval",
       "packet: {payload: {amount: 7}}, now: 2026-01-01T06:00:00Z, expect: deny, rule: default"});
  for (const CaseRun& run : report_.runs) EXPECT_EQ(run.wrong, "");
  EXPECT_EQ(report_.failed(), 0u);
  EXPECT_EQ(report_.rules, 4u);
  EXPECT_TRUE(report_.undecided.empty());
}

TEST_F(Cases, AConditionThatCannotBeEvaluatedIsADenialByItsRule) {
  ask({"packet: {}, expect: deny, rule: large, reason: could not be evaluated"});
  EXPECT_EQ(report_.runs.at(0).wrong, "");
}

TEST_F(Cases, DifferencesAreToldWithTheRuleThatDecided) {
  ask({"packet: {payload: {amount: 2000}}, expect: allow",
       "packet: {payload: {amount: 2000}}, expect: deny, rule: known",
       "packet: {payload: {amount: 2000}}, expect: deny, reason: too small",
       "packet: {payload: {amount: 7}}, expect: allow, rule: known"});
  ASSERT_EQ(report_.failed(), 4u);
  EXPECT_EQ(report_.runs[0].wrong,
            "expected allow, got deny by invoices/large at t.yaml:8:7: too large");
  EXPECT_EQ(report_.runs[1].wrong,
            "expected deny by known, got deny by invoices/large at t.yaml:8:7: too large");
  EXPECT_EQ(report_.runs[2].wrong,
            "expected deny (\"too small\"), got deny by invoices/large at t.yaml:8:7: too large");
  EXPECT_EQ(report_.runs[3].rule, "invoices/night");
}

TEST_F(Cases, RulesThatDecideNothingAreNamed) {
  ask({"packet: {payload: {amount: 2000}}, expect: deny"});
  std::vector<std::string> names;
  for (const Undecided& each : report_.undecided) names.push_back(each.rule);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"default", "invoices/known", "invoices/night"}));
}

}  // namespace
}  // namespace phoenix::cli
