#include "policy/contract/contract.h"

#include <gtest/gtest.h>

namespace phoenix::policy {
namespace {

Contract contract(const std::string& text) {
  auto source = contract_from_json(text);
  if (!source) {
    ADD_FAILURE() << text << ": " << source.error().detail;
    return *Contract::compile({});
  }
  auto made = Contract::compile(*std::move(source));
  if (!made) {
    ADD_FAILURE() << text << ": " << made.error().detail;
    return *Contract::compile({});
  }
  return *std::move(made);
}

// A handoff that keeps every contract which does not ask for more.
class ContractCheck : public testing::Test {
 protected:
  std::string breach(const std::string& text) {
    HandoffFacts facts;
    facts.ns = "shop";
    facts.requires_capabilities = requires_;
    facts.giver = "giver";
    facts.receiver = receiver_;
    facts.receiver_ns = receiver_ns_;
    facts.capabilities = capabilities_;
    facts.compliance = compliance_;
    facts.trust = 900;
    facts.chain = chain_;
    facts.context_bytes = context_.size();
    auto document = json::Document::parse(context_);
    if (document) facts.context = &*document;
    if (held_) facts.held = std::span<const std::string>(*held_);
    if (given_) facts.given = std::span<const std::string>(*given_);
    facts.approved = approved_;
    const auto refused = contract(text).check(facts);
    detail_ = refused ? refused->detail : "";
    return refused ? std::string(breach_code(refused->breach)) : "";
  }

  std::vector<std::string> requires_ = {"invoice", "pii"};
  std::string receiver_ = "receiver";
  std::string receiver_ns_ = "shop";
  std::vector<std::string> capabilities_ = {"ocr", "review"};
  std::vector<std::string> compliance_ = {"GDPR"};
  uint32_t chain_ = 2;
  std::string context_ =
      R"({"customer":{"id":7,"iban":"DE1","note":null},"amount":500,"talk":"hello"})";
  std::optional<std::vector<std::string>> held_ = std::vector<std::string>{"read", "write"};
  std::optional<std::vector<std::string>> given_ = std::vector<std::string>{"read"};
  bool approved_ = false;
  std::string detail_;
};

struct Case {
  const char* contract;
  const char* breach;
};

TEST_F(ContractCheck, EachClause) {
  const Case cases[] = {
      {"{}", ""},
      {R"({"source":"giver","target":"receiver"})", ""},
      {R"({"source":"other"})", "giver-not-allowed"},
      {R"({"target":"other"})", "receiver-not-allowed"},
      {R"({"requiredCapabilities":["review","ocr"]})", ""},
      {R"({"requiredCapabilities":["ocr","sign"]})", "missing-capability"},
      {R"({"requiredCapabilities":["ocr","sign"],"capabilityMatch":"any"})", ""},
      {R"({"requiredCapabilities":["pay","sign"],"capabilityMatch":"any"})", "missing-capability"},
      {R"({"requiredCompliance":["GDPR"]})", ""},
      {R"({"requiredCompliance":["GDPR","HIPAA"]})", "missing-compliance"},
      {R"({"minimumTrustScore":0.9})", ""},
      {R"({"minimumTrustScore":0.901})", "below-trust-floor"},
      {R"({"namespaces":["shop","bank"]})", ""},
      {R"({"namespaces":["bank"]})", "cross-namespace"},
      {R"({"maxChainLength":2})", ""},
      {R"({"maxChainLength":1})", "chain-too-long"},
      {R"({"context":{"require":["customer.id","amount"]}})", ""},
      {R"({"context":{"require":["customer.name"]}})", "missing-context-key"},
      {R"({"context":{"require":["customer.note"]}})", "missing-context-key"},
      {R"({"context":{"require":["amount.cents"]}})", "missing-context-key"},
      {R"({"context":{"redact":["customer.iban"]}})", "unredacted-key"},
      {R"({"context":{"redact":["customer"]}})", "unredacted-key"},
      {R"({"context":{"redact":["customer.note","customer.bic"]}})", ""},
      {R"({"context":{"summarize":[{"path":"talk","maxBytes":7}]}})", ""},
      {R"({"context":{"summarize":[{"path":"talk","maxBytes":6}]}})", "not-summarized"},
      {R"({"context":{"summarize":[{"path":"gone","maxBytes":6}]}})", ""},
      {R"({"context":{"maxBytes":100}})", ""},
      {R"({"context":{"maxBytes":10}})", "context-too-large"},
      {R"({"validationSchema":{"properties":{"amount":{"type":"integer"}}}})", ""},
      {R"({"validationSchema":{"properties":{"amount":{"type":"string"}}}})", "schema-violated"},
      {R"({"scopes":["read","sign"]})", ""},
      {R"({"scopes":["sign"]})", "unlisted-scope"},
      {R"({"scopes":[]})", "unlisted-scope"},
      {R"({"approval":{}})", "approval-required"},
      {R"({"approval":{"field":"amount","above":500}})", ""},
      {R"({"approval":{"field":"amount","above":499.5}})", "approval-required"},
      {R"({"approval":{"field":"customer.limit","above":499.5}})", "approval-required"},
      {R"({"approval":{"field":"talk","above":1}})", "approval-required"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(breach(one.contract), one.breach) << one.contract << " " << detail_;
  }
}

TEST_F(ContractCheck, WhatIsSaidNamesTheValueAndTheBound) {
  breach(R"({"minimumTrustScore":0.95})");
  EXPECT_EQ(detail_, "receiver has trust score 0.9, below 0.95");
  breach(R"({"validationSchema":{"properties":{"amount":{"maximum":10}}}})");
  EXPECT_EQ(detail_, "/amount: 500 is above 10");
}

TEST_F(ContractCheck, RedactedStandsForNothing) {
  context_ = R"({"customer":{"iban":"[redacted]"}})";
  EXPECT_EQ(breach(R"({"context":{"redact":["customer.iban"]}})"), "");
}

TEST_F(ContractCheck, NoContextAndBytes) {
  context_ = "";
  EXPECT_EQ(breach(R"({"context":{"redact":["a"]}})"), "");
  EXPECT_EQ(breach(R"({"context":{"require":["a"]}})"), "missing-context-key");
  EXPECT_EQ(breach(R"({"validationSchema":{}})"), "schema-violated");
  EXPECT_EQ(breach(R"({"approval":{"field":"amount","above":5}})"), "approval-required");
  context_ = "\x01\x02";
  EXPECT_EQ(breach(R"({"context":{"redact":["a"]}})"), "context-not-json");
  EXPECT_EQ(breach(R"({"context":{"maxBytes":2}})"), "");
}

TEST_F(ContractCheck, NobodyMayWaitForUnknownReceivers) {
  receiver_ = "";
  receiver_ns_ = "";
  EXPECT_EQ(breach(R"({"minimumTrustScore":0.1})"), "no-receiver");
  EXPECT_EQ(breach(R"({"context":{"require":["amount"]}})"), "");
}

TEST_F(ContractCheck, OtherNamespace) {
  receiver_ns_ = "bank";
  EXPECT_EQ(breach("{}"), "cross-namespace");
}

TEST_F(ContractCheck, ScopesNeverGrow) {
  given_ = {"pay"};
  EXPECT_EQ(breach("{}"), "widened-scope");
  given_.reset();
  EXPECT_EQ(breach("{}"), "widened-scope");
  held_.reset();
  EXPECT_EQ(breach("{}"), "");
  EXPECT_EQ(breach(R"({"scopes":["read"]})"), "unlisted-scope");
}

TEST_F(ContractCheck, ApprovalIsAskedForLast) {
  approved_ = true;
  EXPECT_EQ(breach(R"({"approval":{}})"), "");
  EXPECT_EQ(breach(R"({"approval":{},"target":"other"})"), "receiver-not-allowed");
}

TEST(Contract, WhichHandoffsItIsAbout) {
  HandoffFacts facts;
  const std::vector<std::string> required = {"invoice", "pii"};
  facts.requires_capabilities = required;
  facts.giver = "a";
  facts.receiver = "b";
  EXPECT_FALSE(contract("{}").covers(facts));
  EXPECT_FALSE(contract(R"({"scopes":["read"]})").covers(facts));
  EXPECT_TRUE(contract(R"({"appliesTo":{"capabilities":["pii"]}})").covers(facts));
  EXPECT_FALSE(contract(R"({"appliesTo":{"capabilities":["pii","x"]}})").covers(facts));
  // A binding says it alone: whom else it names is a clause.
  EXPECT_TRUE(contract(R"({"appliesTo":{"capabilities":["pii"]},"source":"c"})").covers(facts));
  EXPECT_TRUE(contract(R"({"source":"a","target":"b"})").covers(facts));
  EXPECT_TRUE(contract(R"({"target":"b"})").covers(facts));
  EXPECT_FALSE(contract(R"({"source":"a","target":"c"})").covers(facts));
}

TEST(Contract, EqualContractsHaveEqualText) {
  const std::string canonical =
      R"({"appliesTo":{"capabilities":["pii"]},)"
      R"("approval":{"above":0.1,"expiresSeconds":60,"field":"a.b","onExpiry":"allow","role":"x"},)"
      R"("capabilityMatch":"any","context":{"maxBytes":9,"redact":["r"],"require":["a","b"],)"
      R"("summarize":[{"maxBytes":5,"path":"s"}]},"maxChainLength":3,"minimumTrustScore":0.95,)"
      R"("namespaces":["n"],"requiredCapabilities":["ocr"],"requiredCompliance":["GDPR"],)"
      R"("scopes":[],"source":"g","target":"t","validationSchema":{"type":"object"}})";
  const auto source = contract_from_json(canonical);
  ASSERT_TRUE(source);
  EXPECT_EQ(contract_json(*source), canonical);
  const auto other = contract_from_json(
      R"( {"source":"g", "target":"t", "scopes":[], "validationSchema" : {"type" : "object"},
       "context":{"summarize":[{"path":"s","maxBytes":5}],"require":["b","a","b"],
       "redact":["r"],"maxBytes":9},
       "approval":{"field":"a.b","above":1e-1,"role":"x","expiresSeconds":60,"onExpiry":"allow"},
       "appliesTo":{"capabilities":["pii"]},"capabilityMatch":"any","maxChainLength":3,
       "minimumTrustScore":0.950,"namespaces":["n"],"requiredCapabilities":["ocr"],
       "requiredCompliance":["GDPR"]})");
  ASSERT_TRUE(other);
  EXPECT_EQ(*other, *source);
  EXPECT_EQ(contract_json(*other), canonical);
  EXPECT_EQ(contract_json(*contract_from_json("{}")), "{}");
}

TEST(Contract, FaultsAreToldTogetherWithTheirPlaces) {
  const auto pointers = [](const char* text) {
    std::string all;
    auto source = contract_from_json(text);
    const auto made = source ? Contract::compile(*std::move(source))
                             : Result<Contract>(tl::unexpected(source.error()));
    if (made) return std::string("none");
    for (const FieldError& fault : made.error().fields) all += fault.pointer + " ";
    return all;
  };
  EXPECT_EQ(pointers(R"({"sorce":"a","minimumTrustScore":2,"context":{"require":["a..b"]}})"),
            "/sorce /minimumTrustScore /context/require ");
  EXPECT_EQ(pointers(R"({"approval":{"field":"a"}})"), "/approval ");
  EXPECT_EQ(pointers(R"({"context":{"summarize":[{"path":"a"}]}})"), "/context/summarize/0 ");
  EXPECT_EQ(pointers(R"({"context":{"require":["a"],"redact":["a"]}})"), "/context/require ");
  EXPECT_EQ(pointers(R"({"source":"a","target":"a"})"), "/target ");
  EXPECT_EQ(pointers(R"({"validationSchema":{"items":{"$ref":"x"}}})"),
            "/validationSchema/items/$ref ");
  EXPECT_EQ(pointers("{}"), "none");
}

TEST(PathSet, FindsAllInOnePass) {
  const auto document =
      json::Document::parse(R"({"a":{"b":{"c":1},"b2":2},"ab":3,"a.b":4,"l":[{"x":5}]})");
  ASSERT_TRUE(document);
  const std::vector<std::string> paths = {"a.b.c", "ab", "a", "a.b", "a.b", "l.x", "a.b2.z", "zz"};
  const auto found = PathSet(paths).find(document->root());
  std::string text;
  for (size_t i = 0; i < paths.size(); ++i) {
    const auto one = at_path(document->root(), paths[i]);
    ASSERT_EQ(found[i].has_value(), one.has_value()) << paths[i];
    if (one) EXPECT_EQ(found[i]->raw(), one->raw());
    text += found[i] ? std::string(found[i]->raw()) + " " : "- ";
  }
  EXPECT_EQ(text, R"(1 3 {"b":{"c":1},"b2":2} {"c":1} {"c":1} - - - )");
}

}  // namespace
}  // namespace phoenix::policy
