#include "policy/contract/semantic.h"

#include <gtest/gtest.h>

#include "base/json/json.h"

namespace phoenix::policy {
namespace {

std::string canonical(const std::string& text) {
  const auto read = canonical_semantic(text);
  EXPECT_TRUE(read) << text;
  return read.value_or("");
}

const std::string kBefore = R"({
  "intent":"refund the customer",
  "roles":{"reviewer":"ann","payer":"bob"},
  "constraints":{"currency":"EUR","maxAmount":500},
  "authority":{"amount":500,"refund":true,"systems":["crm","ledger"],"deep":{"a":1,"b":[1,2]}},
  "evidenceRequirements":["receipt"],
  "protectedFields":["roles.reviewer"],
  "successConditions":["paid"],
  "meaningGraph":{"n":1.0}})";

// The code with which a handoff is refused that changes the section by these members; a null takes
// one out.
std::string after(const std::string& changes) {
  std::string text = "{";
  const auto before = json::Document::parse(kBefore);
  const auto changed = json::Document::parse(changes);
  const auto add = [&text](const std::string& key, std::string_view raw) {
    if (text.size() > 1) text += ",";
    text += "\"" + key + "\":" + std::string(raw);
  };
  for (auto members = before->root().children(); !members.done();) {
    const std::string key = members.take().string();
    const auto value = members.take();
    if (!changed->root().find(key)) add(key, value.raw());
  }
  for (auto members = changed->root().children(); !members.done();) {
    const std::string key = members.take().string();
    const auto value = members.take();
    if (!value.is_null()) add(key, value.raw());
  }
  const auto refused = check_semantic(canonical(kBefore), canonical(text + "}"));
  return refused ? std::string(breach_code(refused->breach)) : "";
}

struct Case {
  const char* changes;
  const char* breach;
};

TEST(Semantic, StricterNeverLaxer) {
  const Case cases[] = {
      {"{}", ""},
      {R"({"meaningGraph":{"n":1}})", ""},
      {R"({"roles":{"reviewer":"ann","payer":"eve"}})", ""},
      {R"({"roles":{"reviewer":"eve","payer":"bob"}})", "changed-protected-field"},
      {R"({"roles":null})", "changed-protected-field"},
      {R"({"intent":"keep the money"})", "changed-protected-field"},
      {R"({"successConditions":null})", "changed-protected-field"},
      {R"({"meaningGraph":{"n":2}})", "changed-protected-field"},
      {R"({"extra":1})", "changed-protected-field"},
      {R"({"protectedFields":["roles.reviewer","intent"]})", ""},
      {R"({"protectedFields":[]})", "changed-protected-field"},
      {R"({"evidenceRequirements":["receipt","photo"]})", ""},
      {R"({"evidenceRequirements":["photo"]})", "changed-protected-field"},
      {R"({"constraints":{"currency":"EUR","maxAmount":500,"until":"May"}})", ""},
      {R"({"constraints":{"currency":"EUR"}})", "dropped-constraint"},
      {R"({"constraints":{"currency":"EUR","maxAmount":501}})", "dropped-constraint"},
      {R"({"constraints":null})", "dropped-constraint"},
      {R"({"authority":null})", ""},
      {R"({"authority":{}})", ""},
      {R"({"authority":{"amount":499,"refund":false,"systems":["crm"],"deep":{"a":1}}})", ""},
      {R"({"authority":{"amount":501}})", "widened-authority"},
      {R"({"authority":{"systems":["crm","bank"]}})", "widened-authority"},
      {R"({"authority":{"cancel":true}})", "widened-authority"},
      {R"({"authority":{"cancel":false}})", ""},
      {R"({"authority":{"deep":{"c":1}}})", "widened-authority"},
      {R"({"authority":{"deep":{"b":[3]}}})", "widened-authority"},
      {R"({"authority":{"refund":"yes"}})", "widened-authority"},
  };
  for (const Case& one : cases) EXPECT_EQ(after(one.changes), one.breach) << one.changes;
}

TEST(Semantic, WhereThereWasNoneAnythingMayCome) {
  EXPECT_FALSE(check_semantic("", canonical(kBefore)));
  const auto gone = check_semantic(canonical(kBefore), "");
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->breach, Breach::kDroppedConstraint);
  const auto given = check_semantic("{}", R"({"authority":{"a":true}})");
  ASSERT_TRUE(given);
  EXPECT_EQ(given->breach, Breach::kWidenedAuthority);
}

TEST(Semantic, OneFormOfEach) {
  EXPECT_EQ(canonical(R"( {"roles": {"b":"x","a":"y"}, "intent":"i"} )"),
            R"({"intent":"i","roles":{"a":"y","b":"x"}})");
  for (const char* bad :
       {"[]", R"({"constraints":[]})", R"({"evidenceRequirements":"x"})", R"({"intent":1})", "{"}) {
    EXPECT_FALSE(canonical_semantic(bad)) << bad;
  }
  std::string many = R"({"x":[)";
  for (size_t i = 0; i < kMostSemanticValues; ++i) many += "0,";
  EXPECT_FALSE(canonical_semantic(many + "0]}"));
}

TEST(Semantic, EvidenceIsShownByName) {
  const std::string section = R"({"evidenceRequirements":["photo","receipt"]})";
  const auto missing = [&](const char* result) {
    const auto refused = check_evidence(section, result);
    if (refused) EXPECT_EQ(refused->breach, Breach::kMissingEvidence);
    return refused.has_value();
  };
  EXPECT_FALSE(missing(R"({"evidence":{"photo":"p.jpg","receipt":{"id":1}}})"));
  EXPECT_FALSE(missing(R"({"evidence":["receipt","photo"]})"));
  EXPECT_TRUE(missing(""));
  EXPECT_TRUE(missing("7"));
  EXPECT_TRUE(missing("{}"));
  EXPECT_TRUE(missing(R"({"evidence":["receipt"]})"));
  for (const char* nothing : {"null", "false", "\"\"", "[]", "{}"}) {
    EXPECT_TRUE(
        missing((R"({"evidence":{"receipt":1,"photo":)" + std::string(nothing) + "}}").c_str()));
  }
  EXPECT_FALSE(check_evidence("", ""));
  EXPECT_FALSE(check_evidence(R"({"intent":"x"})", ""));
}

}  // namespace
}  // namespace phoenix::policy
