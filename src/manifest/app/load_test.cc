// Apps as a whole: the original's language and ours, references, what can never work.
#include "manifest/app/load.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "lineage/crypto/sha256.h"
#include "manifest/app/app_files.h"
#include "manifest/app/test_folder.h"

namespace phoenix::manifest {
namespace {

const std::string kAlphaHead = "apiVersion: phoenixflight.io/v1alpha1\n";
const std::string kV1Head = "apiVersion: phoenixflight.io/v1\n";

std::string agent(const std::string& head, const std::string& name, const std::string& spec) {
  return head + "kind: Agent\nmetadata: {name: " + name + "}\nspec: " + spec + "\n";
}
std::string packet(const std::string& head, const std::string& name, const std::string& spec) {
  return head + "kind: FlightPacket\nmetadata: {name: " + name + "}\nspec: " + spec + "\n";
}

std::string told(const Loaded& loaded) {
  std::string out;
  for (const Finding& finding : loaded.findings) {
    out += (finding.is_error() ? "" : "warning: ") + finding.text() + "\n";
  }
  return out;
}

Loaded text(const std::string& documents, bool strict = false) {
  return load_text(documents, "t", strict);
}

TEST(Load, TakesTheOriginalsSpellings) {
  const Loaded loaded =
      text(agent(kAlphaHead, "a",
                 "{type: autonomous, skills: [x], reliability_score: 0.9, trust_score: 0.8}") +
           "---\n" +
           packet(kAlphaHead, "p",
                  "{required_skills: [x, y], priority: High, context: {k: yes}, "
                  "state: {status: PENDING}}"));
  EXPECT_EQ(told(loaded),
            "warning: t:9:62: spec.context.k: \"yes\": is read as true, as by "
            "YAML 1.1; write that, or quotes around the text\n")
      << told(loaded);
  ASSERT_EQ(loaded.app.agents.size(), 1u);
  const Agent& a = loaded.app.agents[0];
  EXPECT_EQ(a.capabilities, std::vector<std::string>{"x"});
  EXPECT_EQ(a.reliability, 0.9);
  EXPECT_EQ(a.trust, 0.8);
  EXPECT_EQ(a.kind, "agent");  // what the original ignored
  ASSERT_EQ(loaded.app.packets.size(), 1u);
  const Packet& p = loaded.app.packets[0];
  EXPECT_TRUE(p.any);
  EXPECT_EQ(p.payload, R"({"k":true})");
  EXPECT_EQ(p.priority, 0);
}

TEST(Load, WhatTheOriginalIgnoredTakesEffectWhereItIsEnforced) {
  const std::string app = kAlphaHead +
                          "kind: PhoenixApp\n"
                          "metadata: {name: a, namespace: n, version: 1}\n"
                          "runtime: {language: python, entrypoint: x.py}\n"
                          "controlPlane:\n"
                          "  policies: []\n"
                          "  audit: {sink: local, format: jsonl}\n"
                          "  assignment: {strategy: any}\n"
                          "  governance: {minimumTrustScore: 0.7}\n"
                          "dataPlane: {agents: [], packets: []}\n"
                          "membership:\n"
                          "  discovery: {mode: capability}\n"
                          "  migration: {enabled: false}\n"
                          "  retirement: {drainTimeoutSeconds: 9}\n"
                          "build: {target: local, outputs: [x]}\n";
  const std::string rest = "---\n" + agent(kAlphaHead, "a", "{type: human, capabilities: [x]}") +
                           "---\n" +
                           packet(kAlphaHead, "p", "{requiredCapabilities: [x], priority: High}");
  const Loaded plain = text(app + rest);
  EXPECT_EQ(told(plain), "");
  EXPECT_FALSE(plain.app.minimum_trust);
  EXPECT_TRUE(plain.app.migration);
  EXPECT_EQ(plain.app.packets.at(0).ns, "n");
  const Loaded enforced = text(app + "spec: {enforce: true}\n" + rest);
  EXPECT_EQ(told(enforced), "");
  EXPECT_EQ(enforced.app.minimum_trust, 0.7);
  EXPECT_EQ(enforced.app.drain_seconds, 9);
  EXPECT_FALSE(enforced.app.migration);
  EXPECT_EQ(enforced.app.agents.at(0).kind, "human");
  EXPECT_EQ(enforced.app.packets.at(0).priority, 10);
}

TEST(Load, OursTakesAllCapabilitiesAndRefusesWhatItDoesNotKnow) {
  const Loaded loaded = text(agent(kV1Head, "a", "{capabilities: [x]}") + "---\n" +
                             packet(kV1Head, "p", "{requiredCapabilities: [x, y]}"));
  EXPECT_EQ(told(loaded),
            "t:9:30: spec.requiredCapabilities: no declared agent may take packet p: a lacks y\n");
  EXPECT_TRUE(text(agent(kV1Head, "a", "{capabilities: [x]}") + "---\n" +
                   packet(kV1Head, "p", "{requiredCapabilities: [x, y], capabilityMatch: any}"))
                  .valid());
  EXPECT_FALSE(text(agent(kV1Head, "a", "{capabilities: [x], nope: 1}")).valid());
  EXPECT_TRUE(text(agent(kAlphaHead, "a", "{capabilities: [x], nope: 1}")).valid());
  EXPECT_FALSE(text(agent(kAlphaHead, "a", "{capabilities: [x], nope: 1}"), true).valid());
}

TEST(Load, ReadsExecAndSemantics) {
  const Loaded loaded = text(
      agent(kV1Head, "a",
            "{capabilities: [x], exec: {command: [sh, -c, 'exit 0'], replicas: 3, env: {A: b}, "
            "timeout: 2m, restart: {policy: never, backoff: 250ms}}}") +
      "---\n" +
      packet(kV1Head, "p",
             "{requiredCapabilities: [x], semantic: {roles: {b: '2', a: '1'}, "
             "intent: do it}}"));
  EXPECT_EQ(told(loaded), "");
  const auto& exec = loaded.app.agents.at(0).exec;
  ASSERT_TRUE(exec);
  EXPECT_EQ(exec->command, (std::vector<std::string>{"sh", "-c", "exit 0"}));
  EXPECT_EQ(exec->replicas, 3);
  EXPECT_EQ(exec->timeout_ms, 120'000);
  EXPECT_EQ(exec->restart, Restart::kNever);
  EXPECT_EQ(exec->backoff_ms, 250);
  const auto& semantic = loaded.app.packets.at(0).semantic;
  ASSERT_TRUE(semantic);
  EXPECT_EQ(semantic->canonical, R"({"intent":"do it","roles":{"a":"1","b":"2"}})");
  EXPECT_EQ(semantic->digest, lineage::sha256(semantic->canonical));
}

TEST(Load, PoliciesOfBothForms) {
  const TestFolder folder;
  folder.write("PhoenixFile", kV1Head +
                                  "kind: PhoenixApp\nmetadata: {name: a}\n"
                                  "controlPlane:\n  policies: [policies/can-assign.yaml, "
                                  "policies/b.yaml]\n"
                                  "  assignment: {strategy: "
                                  "trust-weighted-capability-routing}\n"
                                  "  audit: {sink: local, format: jsonl}\n");
  folder.write("policies/can-assign.yaml", "name: mine\nrules: {minimumTrustScore: 0.8}\n");
  folder.write("policies/b.yaml",
               kAlphaHead +
                   "kind: Policy\nmetadata: {name: b}\nspec:\n  target: CanHandoff\n"
                   "  rules: [{condition: default, decision: DENY}]\n");
  const Loaded loaded = load_app({folder.path("PhoenixFile"), false});
  EXPECT_EQ(told(loaded), "warning: " + folder.path("policies/b.yaml") +
                              ":6:42: spec.rules[0].decision: \"DENY\": policy b denies "
                              "everything\n");
  ASSERT_EQ(loaded.app.policies.size(), 2u);
  EXPECT_EQ(loaded.app.policies[0].target, "can-assign");
  EXPECT_TRUE(loaded.app.policies[0].bare);
  EXPECT_EQ(loaded.app.policies[1].target, "can-handoff");
  EXPECT_EQ(loaded.app.files.size(), 3u);
}

TEST(Load, TellsFaultsOfAllFilesInOneRun) {
  const TestFolder folder;
  folder.write("PhoenixFile", kV1Head +
                                  "kind: PhoenixApp\nmetadata: {name: a b}\n"
                                  "dataPlane:\n  agents: [a.yaml, b.yaml, gone.yaml]\n");
  folder.write("a.yaml", agent(kV1Head, "a", "{capabilities: 5, maxLoad: x}"));
  folder.write("b.yaml", "- [");
  const Loaded loaded = load_app({folder.root(), false});
  EXPECT_EQ(loaded.findings.size(), 5u) << told(loaded);
}

TEST(Load, TheOriginalsMergeKeysAreRead) {
  const Loaded loaded = text(packet(kAlphaHead, "p",
                                    "{requiredCapabilities: [x], context: {base: &b {a: 1, c: 2}, "
                                    "more: {<<: *b, c: 3}, list: {<<: [{d: 4}, *b]}}}"));
  EXPECT_EQ(told(loaded), "");
  ASSERT_EQ(loaded.app.packets.size(), 1u);
  EXPECT_EQ(loaded.app.packets[0].payload,
            R"({"base":{"a":1,"c":2},"more":{"c":3,"a":1},"list":{"d":4,"a":1,"c":2}})");
  EXPECT_EQ(
      told(text(agent(kAlphaHead, "a", "{<<: 5, capabilities: [x]}"))),
      "t:4:12: <<: \"5\": is no mapping, nor a list of mappings, whose keys could be taken\n");
}

TEST(Load, PacketsThatPoliciesKeepFromAllAgentsAreTold) {
  const std::string policy =
      "---\n" + kV1Head +
      "kind: Policy\nmetadata: {name: trust}\nspec: {target: can-assign, minimumTrustScore: 0.9}\n";
  const auto app = [&](const std::string& head, const std::string& trust) {
    return text(agent(head, "a", "{capabilities: [x], trustScore: " + trust + "}") + "---\n" +
                packet(head, "p", "{requiredCapabilities: [x]}") + policy);
  };
  EXPECT_EQ(told(app(kV1Head, "0.95")), "");
  const std::string why =
      "t:9:30: spec: no declared agent may take packet p: a may not have it: the trust score of "
      "the member is below 0.9 (policy trust, rule minimumTrustScore)";
  EXPECT_EQ(told(app(kV1Head, "0.5")).substr(0, why.size()), why) << told(app(kV1Head, "0.5"));
  const std::string warned = "warning: " + why;
  EXPECT_EQ(told(app(kAlphaHead, "0.5")).substr(0, warned.size()), warned);
  // What may change while the packet waits decides nothing here.
  const std::string later =
      "---\n" + kV1Head +
      "kind: Policy\nmetadata: {name: night}\nspec: {target: can-assign, rules: "
      "[{condition: now.getHours() < 6, decision: allow}]}\n";
  EXPECT_EQ(told(text(agent(kV1Head, "a", "{capabilities: [x]}") + "---\n" +
                      packet(kV1Head, "p", "{requiredCapabilities: [x]}") + later)),
            "");
}

TEST(Load, ADeadlineThatHasPassedIsAWarning) {
  const TestFolder folder;
  folder.write("p.yaml",
               packet(kV1Head, "p", "{requiredCapabilities: [x], deadline: 2001-01-01T00:00:00Z}"));
  LoadOptions options;
  options.path = folder.path("p.yaml");
  EXPECT_EQ(told(load_app(options)), "");
  options.now_ms = 1'767'225'600'000;
  EXPECT_NE(told(load_app(options)).find("warning: "), std::string::npos);
  EXPECT_NE(told(load_app(options)).find(":4:45: spec.deadline"), std::string::npos)
      << told(load_app(options));
}

TEST(AppFiles, NeverLeaveTheFolder) {
  const TestFolder folder;
  folder.write("app/in.yaml", "in");
  folder.write("out.yaml", "out");
  ASSERT_EQ(symlink("../out.yaml", folder.path("app/link.yaml").c_str()), 0);
  ASSERT_EQ(symlink("in.yaml", folder.path("app/good.yaml").c_str()), 0);
  ASSERT_EQ(symlink("..", folder.path("app/up").c_str()), 0);
  ASSERT_EQ(mkfifo(folder.path("app/pipe").c_str(), 0600), 0);
  const auto files = AppFiles::open(folder.path("app"));
  ASSERT_TRUE(files);
  EXPECT_EQ(files->read("in.yaml", 10)->bytes, "in");
  EXPECT_EQ(files->read("good.yaml", 10)->path, "in.yaml");
  EXPECT_EQ(files->read("./x/../in.yaml", 10)->bytes, "in");
  EXPECT_EQ(files->read("in.yaml", 1).error().detail, "has more than 1 bytes");
  for (const char* path : {"../out.yaml", "link.yaml", "up/out.yaml", "/etc/passwd", "pipe", ".",
                           "x/../../out.yaml", "gone.yaml"}) {
    EXPECT_FALSE(files->read(path, 10)) << path;
  }
}

TEST(Load, ANamelessAppIsCalledAsItsFolder) {
  const TestFolder folder;
  folder.write("my shop/PhoenixFile", kAlphaHead +
                                          "kind: PhoenixApp\n"
                                          "metadata: {name: {APP_NAME}, namespace: "
                                          "{NAMESPACE}, version: 0.1.0}\n");
  const Loaded loaded = load_app({folder.path("my shop"), false});
  EXPECT_EQ(loaded.app.name, "my-shop");
  EXPECT_EQ(loaded.app.ns, "default");
}

}  // namespace
}  // namespace phoenix::manifest
