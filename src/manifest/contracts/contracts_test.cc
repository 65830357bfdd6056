#include "manifest/contracts/contracts.h"

#include <gtest/gtest.h>

#include "manifest/app/load.h"

namespace phoenix::manifest {
namespace {

const std::string kAlpha = "apiVersion: phoenixflight.io/v1alpha1\n";
const std::string kV1 = "apiVersion: phoenixflight.io/v1\n";

std::string contract(const std::string& head, const std::string& spec) {
  return head + "kind: HandoffContract\nmetadata: {name: c}\nspec:\n" + spec;
}

std::string told(const Loaded& loaded) {
  std::string out;
  for (const Finding& finding : loaded.findings) {
    out += (finding.is_error() ? "" : "warning: ") + finding.text() + "\n";
  }
  return out;
}

std::string terms(const Loaded& loaded) {
  return loaded.app.contracts.size() == 1 ? policy::contract_json(loaded.app.contracts[0].terms)
                                          : "no contract";
}

TEST(Contracts, EveryFieldBecomesATerm) {
  const Loaded loaded = load_text(contract(kV1, R"(
  source: a
  target: b
  requiredCapabilities: [sign, ocr]
  capabilityMatch: any
  requiredCompliance: [GDPR]
  minimumTrustScore: 0.29
  namespaces: [default]
  maxChainLength: 3
  context:
    require: [customer.id]
    redact: [customer.iban]
    summarize: [{path: talk, maxBytes: 2000}]
    maxBytes: 65536
  scopes: []
  approval: {field: amount, above: 10.5, role: controller, expiresAfter: 2h, onExpiry: allow}
  appliesTo: {capabilities: [pii]}
  validationSchema:
    type: object
    properties: {amount: {type: number}}
)"),
                                  "t", false);
  EXPECT_EQ(told(loaded), "");
  EXPECT_EQ(
      terms(loaded),
      R"({"appliesTo":{"capabilities":["pii"]},"approval":{"above":10.5,"expiresSeconds":7200,)"
      R"("field":"amount","onExpiry":"allow","role":"controller"},"capabilityMatch":"any",)"
      R"("context":{"maxBytes":65536,"redact":["customer.iban"],"require":["customer.id"],)"
      R"("summarize":[{"maxBytes":2000,"path":"talk"}]},"maxChainLength":3,)"
      R"("minimumTrustScore":0.29,"namespaces":["default"],"requiredCapabilities":["ocr","sign"],)"
      R"("requiredCompliance":["GDPR"],"scopes":[],"source":"a","target":"b",)"
      R"("validationSchema":{"properties":{"amount":{"type":"number"}},"type":"object"}})");
  EXPECT_TRUE(loaded.app.contracts[0].in_force);
}

TEST(Contracts, TheOriginalsCountOnlyWhereTheyAreEnforced) {
  const std::string spec =
      "  source: a\n  target: b\n  requiredCapabilities: [x, y]\n"
      "  validationSchema: {required: [id], properties: {id: {type: string, format: uuid}}}\n";
  const Loaded plain = load_text(contract(kAlpha, spec), "t", false);
  ASSERT_EQ(plain.app.contracts.size(), 1u) << told(plain);
  EXPECT_FALSE(plain.app.contracts[0].in_force);
  const Loaded enforced = load_text(contract(kAlpha, spec + "  enforce: true\n"), "t", false);
  ASSERT_EQ(enforced.app.contracts.size(), 1u) << told(enforced);
  EXPECT_TRUE(enforced.app.contracts[0].in_force);
  EXPECT_FALSE(has_errors(enforced.findings)) << told(enforced);
  EXPECT_EQ(terms(enforced),
            R"({"capabilityMatch":"any","requiredCapabilities":["x","y"],"source":"a",)"
            R"("target":"b","validationSchema":{"properties":{"id":{"type":"string"}},)"
            R"("required":["id"]}})");
}

TEST(Contracts, TermsThatContradictAreToldInTheirPlace) {
  const auto faults = [](const std::string& spec) {
    return told(load_text(contract(kV1, spec), "t", false));
  };
  EXPECT_EQ(faults("  context:\n    require: [a]\n    redact: [a]\n"),
            "t:6:14: spec.context.require: \"a\" must travel and must not: redact it or not\n");
  EXPECT_EQ(faults("  context: {require: [a..b]}\n"),
            "t:5:22: spec.context.require: \"a..b\" is no path: 1 to 16 keys, joined by dots\n");
  EXPECT_EQ(faults("  source: a\n  target: a\n"), "t:6:11: spec.target: \"a\" is the giver too\n");
  EXPECT_EQ(faults("  approval: {field: amount}\n"),
            "t:5:13: spec.approval: needs both, field and above, or neither\n");
}

TEST(Contracts, PacketsNameTheirsAndWhatTheirOwnersMayDo) {
  const std::string packet =
      kV1 +
      "kind: FlightPacket\nmetadata: {name: p}\n"
      "spec: {requiredCapabilities: [x], contract: d, scopes: [write, read]}\n";
  const Loaded loaded =
      load_text(contract(kV1, "  scopes: [read]\n") + "---\n" + packet, "t", false);
  EXPECT_EQ(
      told(loaded),
      "warning: t:10:45: spec.contract: \"d\": is no declared contract of namespace default\n");
  ASSERT_EQ(loaded.app.packets.size(), 1u);
  EXPECT_EQ(loaded.app.packets[0].contract, "d");
  EXPECT_EQ(loaded.app.packets[0].scopes, (std::vector<std::string>{"write", "read"}));
}

}  // namespace
}  // namespace phoenix::manifest
