#include "policy/rules/source_json.h"

#include <gtest/gtest.h>

namespace phoenix::policy {
namespace {

PolicySource everything() {
  PolicySource source;
  source.name = "invoices";
  source.point = Point::kHandoff;
  source.older = true;
  source.otherwise = Verdict::kRequireApproval;
  source.place = {"policies/a:b.yaml", 3, 1};
  Requirements& needed = source.requirements;
  needed.minimum_trust = 0.85;
  needed.some_capability = needed.capability_match = needed.room = needed.same_namespace = true;
  needed.restricted = {{"PII", {"GDPR", "BDSG"}, 0.9, {"policies/a.yaml", 9, 7}},
                       {"x", {}, {}, {}}};
  needed.place = source.place;
  RuleSource rule;
  rule.name = "large";
  rule.condition = "packet.payload.amount > 10 && target.id != \"\xc3\xa4\\n\"";
  rule.verdict = Verdict::kRequireApproval;
  rule.reason = "large amounts\nneed a controller";
  rule.obligations = {{},
                      {Obligation::Kind::kRedact, {"customer.iban", "a"}},
                      {Obligation::Kind::kNarrowScopes, {"read"}}};
  rule.approval = {"controller", 3'600, Verdict::kAllow};
  rule.place = {"policies/a.yaml", 12, 0};
  rule.condition_place = {"policies/a.yaml", 13, 18};
  RuleSource otherwise;
  otherwise.otherwise = true;
  otherwise.verdict = Verdict::kAllow;
  source.rules = {rule, otherwise};
  return source;
}

std::string faults_of(std::string_view text) {
  const auto read = policy_of_json("p", text);
  if (read) return "";
  std::string all;
  for (const FieldError& one : read.error().fields) all += one.pointer + ": " + one.detail + "\n";
  return all.empty() ? read.error().detail : all;
}

TEST(PolicyJson, what_is_written_is_read_again) {
  const PolicySource source = everything();
  const std::string text = policy_json(source);
  const auto read = policy_of_json("invoices", text);
  ASSERT_TRUE(read) << faults_of(text);
  EXPECT_EQ(policy_json(*read), text);
  EXPECT_EQ(read->name, "invoices");
  EXPECT_EQ(read->point, Point::kHandoff);
  EXPECT_TRUE(read->older);
  EXPECT_EQ(read->place, source.place);
  ASSERT_EQ(read->rules.size(), 2U);
  EXPECT_EQ(read->rules[0].obligations, source.rules[0].obligations);
  EXPECT_EQ(read->rules[0].approval, source.rules[0].approval);
  EXPECT_EQ(read->rules[0].condition, source.rules[0].condition);
  EXPECT_EQ(read->rules[0].condition_place, source.rules[0].condition_place);
  EXPECT_EQ(read->rules[0].place, source.rules[0].place);
  EXPECT_TRUE(read->rules[1].otherwise);
  ASSERT_EQ(read->requirements.restricted.size(), 2U);
  EXPECT_EQ(read->requirements.restricted[0].required_compliance,
            source.requirements.restricted[0].required_compliance);
}

TEST(PolicyJson, it_is_canonical) {
  const std::string text = policy_json(everything());
  const auto document = json::Document::parse(text);
  ASSERT_TRUE(document);
  std::string canonical;
  json::append_canonical(canonical, document->root());
  EXPECT_EQ(canonical, text);
}

TEST(PolicyJson, the_least_is_a_target) {
  const auto read = policy_of_json("p", R"({"target": "can-retire"})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->point, Point::kRetire);
  EXPECT_FALSE(read->otherwise);
  EXPECT_FALSE(read->requirements.any());
  EXPECT_EQ(policy_json(*read), R"({"target":"can-retire"})");
}

TEST(PolicyJson, all_faults_are_told_with_their_places) {
  EXPECT_EQ(faults_of(R"({"target": "can-fly", "minimumTrustScore": 1.5, "roles": []})"),
            "/target: a string (\"can-fly\") is not allowed: one of can-register, can-assign, "
            "can-handoff, can-retire\n"
            "/minimumTrustScore: 1.5 is not allowed: a number from 0 to 1\n"
            "/roles: no such field here; did you mean \"rules\"?\n");
  EXPECT_EQ(
      faults_of(R"({"rules": [{"decision": "maybe"}, {"otherwise": true, "condition": "a"}]})"),
      "/rules/0/decision: a string (\"maybe\") is not allowed: one of allow, "
      "require-approval, deny\n"
      "/rules/1: a rule that is \"otherwise\" has no condition\n"
      ": needs a \"target\", the point that it decides: can-register, can-assign, can-handoff "
      "or can-retire\n");
  EXPECT_NE(faults_of("[]"), "");
  EXPECT_NE(faults_of(R"({"target": "can-assign", "rules": {}})"), "");
  EXPECT_NE(faults_of(R"({"target": "can-assign", "restrictedTags": [{}]})"), "");
  EXPECT_NE(
      faults_of(R"({"target": "can-assign", "rules": [{"approval": {"expiresSeconds": 0}}]})"), "");
}

TEST(PolicyJson, places_are_read_from_the_right) {
  EXPECT_EQ(place_of_text("a.yaml:7:15"), (Place{"a.yaml", 7, 15}));
  EXPECT_EQ(place_of_text("a.yaml:7"), (Place{"a.yaml", 7, 0}));
  EXPECT_EQ(place_of_text("a.yaml"), (Place{"a.yaml", 0, 0}));
  EXPECT_EQ(place_of_text("c:x:7:15"), (Place{"c:x", 7, 15}));
  EXPECT_EQ(place_of_text(""), Place());
}

}  // namespace
}  // namespace phoenix::policy
