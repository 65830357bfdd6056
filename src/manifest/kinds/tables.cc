// The tables themselves. What a field means is said here once, for people with an editor too.
#include "manifest/kinds/shape.h"

namespace phoenix::manifest {
namespace {

constexpr double kSecond = 1'000;
constexpr double kDay = 86'400 * kSecond;
constexpr double kYear = 366 * kDay;
constexpr double kScriptBytes = 64 * 1024;
constexpr double kContextBytes = 1024 * 1024;

const std::vector<std::string> kTargets = {"can-register", "can-assign", "can-handoff",
                                           "can-retire"};

Shape score() { return number(0, 1); }
Shape words(double most = 4'096) { return list(name(), 0, most); }
// May be empty.
Shape free_text(double most) {
  Shape shape = text(most);
  shape.least = 0;
  return shape;
}
Shape labels() { return map(name(), name(0), 64); }
Shape paths() { return list(path()); }

Field enforce() {
  return only(kAlpha,
              field("enforce", boolean(), "true: what the original read and ignored takes effect"));
}

// apiVersion, kind and metadata, which all kinds begin with.
std::vector<Field> document(Shape metadata, std::vector<Field> others) {
  std::vector<Field> fields = {
      required(field("apiVersion", choice({std::string(kV1Text), std::string(kAlphaText)}),
                     "the language of this document")),
      required(field("kind", text(), "what this document declares")),
      required(field("metadata", std::move(metadata), "what it is called, and where it belongs"))};
  for (Field& other : others) fields.push_back(std::move(other));
  return fields;
}

Shape metadata() {
  return object(
      {required(in_alpha(field("name", id(), "its name, one of its kind in the app"), filled())),
       in_alpha(field("namespace", id(), "who works for whom (the app's)"), filled()),
       field("labels", labels(), "labels of it, key and value"),
       field("annotations", any(), "anything, for other programs"),
       field("description", text(4'096), "what it is for, for people")});
}

Shape app_metadata() {
  return object(
      {required(in_alpha(field("name", id(), "the app's name"), filled())),
       required(in_alpha(field("namespace", id(), "of all that it declares (default)"), filled()),
                kAlpha),
       required(in_alpha(field("version", text(), "the app's version"), filled()), kAlpha),
       field("labels", labels(), "labels of all that it declares"),
       field("annotations", any(), "anything, for other programs"),
       field("description", text(4'096), "what it is for, for people")});
}

Field runtime() {
  return required(
      field("runtime",
            object({required(in_alpha(
                        field("language", choice({"python", "node", "java", "sh", "executable"}),
                              "what runs the entrypoint"),
                        filled())),
                    required(in_alpha(
                        field("entrypoint", path(), "the default command of agents without exec"),
                        filled()))}),
            "the default command of agents without exec"),
      kAlpha);
}

Field control_plane() {
  Shape audit = object(
      {required(in_alpha(field("sink", choice({"local"}), "where the record goes"), filled()),
                kAlpha),
       required(in_alpha(field("format", choice({"jsonl"}), "of what is exported"), filled()),
                kAlpha)});
  Shape assignment = object({required(in_alpha(
      field("strategy", choice({"trust-weighted-capability-routing"}), "how an owner is chosen"),
      filled()))});
  return required(
      field(
          "controlPlane",
          object({in_alpha(
                      field("auth",
                            object({field("provider", choice({"local"}), "who knows the callers")}),
                            "who may call"),
                      any()),
                  required(field("policies", paths(), "files with policies"), kAlpha),
                  required(field("audit", std::move(audit), "the record"), kAlpha),
                  required(field("assignment", std::move(assignment), "how an owner is chosen"),
                           kAlpha),
                  field("governance",
                        object({field("minimumTrustScore", score(),
                                      "no agent below it is assigned anything")}),
                        "what holds for all agents")}),
          "who decides, and how"),
      kAlpha);
}

Field data_plane() {
  return required(field("dataPlane",
                        object({required(field("agents", paths(), "files with agents"), kAlpha),
                                required(field("packets", paths(), "files with packets"), kAlpha),
                                field("handoffContracts", paths(), "files with contracts")}),
                        "what the app consists of"),
                  kAlpha);
}

Field membership() {
  return required(
      field("membership",
            object({required(field("discovery",
                                   object({required(in_alpha(field("mode", choice({"capability"}),
                                                                   "how agents are found"),
                                                             filled()))}),
                                   "how agents are found"),
                             kAlpha),
                    required(field("migration",
                                   object({required(in_alpha(
                                       field("enabled", boolean(),
                                             "whether work may leave an agent that drains"),
                                       any()))}),
                                   "what becomes of the work of a leaver"),
                             kAlpha),
                    required(field("retirement",
                                   object({required(
                                       in_alpha(field("drainTimeoutSeconds", integer(0, 86'400),
                                                      "how long a leaver has for what it holds"),
                                                any()))}),
                                   "how agents leave"),
                             kAlpha)}),
            "how agents come and go"),
      kAlpha);
}

Field build() {
  return required(
      field("build",
            object({required(in_alpha(field("target", text(), "what the build is for"), filled())),
                    required(field("outputs", list(text(), 1), "what to make"))}),
            "what `phoenix build` makes"),
      kAlpha);
}

Field semantic_assets() {
  std::vector<Field> fields;
  for (const std::string_view name : kAssetLists) {
    fields.push_back(field(std::string(name), paths(), "files that go into the bundle"));
  }
  fields.push_back(field("compatibility", map(any()), "what they fit"));
  fields.push_back(field("dependencies", list(any()), "what they need"));
  return field("semanticAssets", object(std::move(fields)), "files that go into the bundle");
}

KindTable app_kind() {
  return {"PhoenixApp", "An app: what belongs together, and what holds for all of it",
          object(document(
              app_metadata(),
              {runtime(), control_plane(), data_plane(), membership(), build(), semantic_assets(),
               only(kAlpha, field("spec", object({enforce()}), "how strict to be"))}))};
}

Field exec() {
  Shape restart = object({field("policy", choice({"always", "on-failure", "never"}),
                                "when an ended process is started again (always)"),
                          field("backoff", duration(0, 3'600 * kSecond),
                                "the wait before the first restart; doubles up to a minute (1s)")});
  return field(
      "exec",
      object({required(field("command", list(text(kScriptBytes), 1, 1'000),
                             "what runs once for each packet: payload on stdin, result on stdout")),
              field("replicas", integer(1, 1'000), "how many processes (1)"),
              field("env", map(variable(), free_text(kScriptBytes), 256),
                    "variables of its environment"),
              field("workingDir", path(), "its folder (the app's)"),
              field("timeout", duration(1, 7 * kDay), "of one run (none)"),
              field("restart", std::move(restart), "what becomes of a process that ends")}),
      "the process that does the agent's work");
}

KindTable agent_kind() {
  return {
      "Agent", "A member that can own work",
      object(document(
          metadata(),
          {required(field(
              "spec",
              object(
                  {in_alpha(field("type", choice(member_kinds()), "what it is (agent)"), any()),
                   required(spelled(field("capabilities", words(), "what it can do"), {"skills"}),
                            kV1),
                   spelled(field("trustScore", score(), "how far it is trusted (1)"),
                           {"trust_score"}),
                   spelled(field("reliability", score(), "how often it succeeds (1)"),
                           {"reliability_score", "reliabilityScore"}),
                   spelled(in_alpha(field("maxLoad", integer(1, 1'000'000),
                                          "the load that it holds at a time (1)"),
                                    integer(0, 1'000'000)),
                           {"max_load"}),
                   field("compliance", words(), "what it may be trusted with, by name"),
                   field("weight", integer(1, 10'000), "its share of the ring (100)"),
                   field("labels", labels(), "labels of it, key and value"), exec(), enforce()}),
              "what it can do and how it runs"))}))};
}

Shape semantic() {
  return object({field("schemaVersion", text(), "of this section"),
                 field("intent", text(16'384), "what is wanted, in words"),
                 field("roles", map(text()), "who has which part"),
                 field("constraints", map(any()), "what must hold; none may be dropped"),
                 field("authority", map(any()), "what is permitted; it may not grow"),
                 field("successConditions", any(), "when it is done"),
                 field("evidenceRequirements", words(), "what its completion must show"),
                 field("protectedFields", words(), "what no handoff may change")});
}

KindTable packet_kind() {
  return {
      "FlightPacket", "A unit of work",
      object(document(
          metadata(),
          {required(field(
              "spec",
              object(
                  {required(spelled(field("requiredCapabilities", words(64),
                                          "what its owner must be able to do"),
                                    {"required_skills", "requiredSkills", "required_capabilities"}),
                            kV1),
                   field("capabilityMatch", choice({"all", "any"}),
                         "whether all of them are needed, or any (v1: all, v1alpha1: any)"),
                   spelled(field("policyTags", words(64), "what policies look at"),
                           {"policy_tags"}),
                   spelled(field("payload", any(), "what its owner is given"), {"context"}),
                   only(kAlpha,
                        field("state",
                              object({field("status", choice({"PENDING"}), "at its start")}),
                              "how it starts")),
                   in_alpha(field("priority", integer(-1'000, 1'000),
                                  "the higher first when room appears (0)"),
                            any()),
                   field("labels", labels(), "labels of it, key and value"),
                   field("affinityKey", name(), "packets with one key go to one owner"),
                   field("spread", choice({"id", "affinity", "none"}), "how packets spread"),
                   field("load", integer(1, 1'000'000), "how much of an owner's maxLoad it is (1)"),
                   field("notBefore", moment(), "not placed before"),
                   field("deadline", moment(), "EXPIRED after it"),
                   field("attemptTimeout", duration(kSecond, 7 * kDay), "of one attempt (none)"),
                   field("maxAttempts", integer(1, 1'000), "fails so often before FAILED (3)"),
                   field("maxLosses", integer(1, 1'000), "owners lost before FAILED (10)"),
                   field("retain", duration(0, kYear), "how long it is kept at its end (7d)"),
                   field("replicas", integer(1, 100'000),
                         "so many packets of this form, named NAME-1 and so on (one, NAME)"),
                   field("contract", id(), "under which it is handed over (one bound to it)"),
                   field("scopes", words(64), "what its owners may do (no bounds)"),
                   field("semantic", semantic(), "what the work means")}),
              "what is to be done"))}))};
}

Shape contract_context() {
  Shape summary = object(
      {required(field("path", text(), "what travels in short only")),
       required(field("maxBytes", integer(2, kContextBytes), "how many bytes of it, as JSON"))});
  return object({field("require", words(256), "paths that must travel"),
                 field("redact", words(256), "paths that must not travel"),
                 field("summarize", list(std::move(summary), 0, 256), "what travels in short only"),
                 field("maxBytes", integer(0, kContextBytes), "the size of all that travels")});
}

Shape contract_approval() {
  return object({field("field", text(), "path of a number in the context (always asked for)"),
                 field("above", number(-1e300, 1e300), "the number above which it is asked for"),
                 field("role", name(), "of whoever may approve (approver)"),
                 field("expiresAfter", duration(kSecond, kYear), "how long it is asked for (24h)"),
                 field("onExpiry", choice({"allow", "deny"}), "what holds after that (deny)")});
}

Field contract_spec() {
  return field(
      "spec",
      object(
          {field("source", id(), "the agent that hands over (any)"),
           field("target", id(), "the agent that takes (any)"),
           field("requiredCapabilities", words(64), "what the receiver must be able to do"),
           only(kV1, field("capabilityMatch", choice({"all", "any"}),
                           "whether all of them are needed (all)")),
           only(kV1, field("requiredCompliance", words(64), "what the receiver must have")),
           only(kV1, field("minimumTrustScore", score(), "what the receiver must be trusted")),
           only(kV1, field("namespaces", list(id(), 0, 256), "where it may happen (the packet's)")),
           only(kV1, field("maxChainLength", integer(0, 1'000'000),
                           "how often one packet may be handed over (any number)")),
           only(kV1, field("context", contract_context(), "what travels")),
           only(kV1,
                field("scopes", words(64), "the most that the receiver may do (as the giver)")),
           only(kV1, field("approval", contract_approval(), "when a human has to approve")),
           only(kV1, field("appliesTo",
                           object({required(field("capabilities", words(64),
                                                  "packets that require all of these"))}),
                           "packets that are under it without naming it")),
           field("validationSchema", schema(), "what the context must be like"), enforce()}),
      "what must hold");
}

KindTable contract_kind() {
  return {"HandoffContract", "What must hold when work goes from one agent to another",
          object(document(metadata(), {required(contract_spec())}))};
}

Shape restricted_tags() {
  return map(object({field("requiredCompliance", words(64), "what the receiver must have"),
                     field("minimumTrustScore", score(), "what it must be trusted")}));
}

std::vector<Field> declarative_rules() {
  return {field("minimumTrustScore", score(), "no member below it"),
          field("requireCapabilities", boolean(), "a member must be able to do something"),
          field("requireCapabilityMatch", boolean(), "a member must have what the packet requires"),
          field("maxLoadRequired", boolean(), "a member must have room"),
          field("restrictedTags", restricted_tags(), "what packets with a tag require")};
}

Shape obligation() {
  return object({field("redact", words(256), "paths of the payload that the receiver does not see"),
                 field("log", boolean(), "the decision goes into the log too"),
                 field("narrowScopes", words(256), "the scopes that are left")});
}

Shape policy_rule() {
  return object(
      {field("name", id(), "what decisions call it"),
       required(field("condition", text(4'096), "an expression; \"default\" in v1alpha1 is true")),
       required(in_alpha(
           field("decision", choice({"allow", "deny", "require-approval"}), "what it decides"),
           choice({"ALLOW", "DENY", "REQUIRE_APPROVAL", "Allow", "Deny", "allow", "deny",
                   "require-approval"}))),
       field("reason", text(1'024), "why, for whoever is refused"),
       field("obligations", list(obligation(), 0, 64), "what goes with the decision"),
       field("approval",
             object({required(field("role", name(), "of whoever may approve")),
                     field("expiresAfter", duration(kSecond, kYear), "how long it is asked for"),
                     field("onExpiry", choice({"allow", "deny"}), "what holds after that (deny)")}),
             "who may approve, until when, and what holds after that")});
}

KindTable policy_kind() {
  std::vector<Field> fields = {
      required(in_alpha(field("target", choice(kTargets), "the point that it decides"),
                        choice({"CanRegister", "CanAssign", "CanHandoff", "CanRetire",
                                "can-register", "can-assign", "can-handoff", "can-retire"}))),
      field("rules", list(policy_rule(), 0, 1'000), "in their order; deny wins"),
      field("defaultDecision", choice({"allow", "deny", "require-approval"}),
            "where no rule matched (v1: deny, v1alpha1: allow)")};
  for (Field& rule : declarative_rules()) fields.push_back(std::move(rule));
  return {
      "Policy", "Rules for one point where work is decided about",
      object(document(metadata(),
                      {required(field("spec", object(std::move(fields)), "what it decides"))}))};
}

// A member or a packet of a case: what is not given is the named one's, or as hosts have it.
Shape case_member() {
  return object(
      {field("from", id(), "an Agent of the app, to begin with"),
       field("id", id(), "its id (that of `from`, else \"member\")"),
       field("namespace", id(), "where it works (the app's)"),
       field("kind", choice(member_kinds()), "what it is (agent)"),
       field("status", choice({"ACTIVE", "DRAINING", "DETACHED", "RETIRED"}), "its state (ACTIVE)"),
       field("registeredBy", text(), "whose token registered it"),
       field("capabilities", words(), "what it can do"),
       field("compliance", words(), "what it may be trusted with, by name"),
       field("labels", labels(), "labels of it, key and value"),
       field("trustScore", score(), "how far it is trusted (1)"),
       field("reliability", score(), "how often it succeeds (1)"),
       field("weight", integer(1, 10'000), "its share of the ring (100)"),
       field("load", integer(0, 1'000'000), "what it holds (0)"),
       field("maxLoad", integer(1, 1'000'000), "what it can hold (1)"),
       field("joinedAt", moment(), "since when it is there")});
}

Shape case_packet() {
  return object({field("from", id(), "a FlightPacket of the app, to begin with"),
                 field("id", id(), "its id (that of `from`, else \"packet\")"),
                 field("name", text(), "its name"),
                 field("namespace", id(), "where it is worked on (the app's)"),
                 field("affinityKey", name(), "packets with one key go to one owner"),
                 field("requiredCapabilities", words(64), "what its owner must be able to do"),
                 field("capabilityMatch", choice({"all", "any"}), "whether all are needed (all)"),
                 field("policyTags", words(64), "what policies look at"),
                 field("labels", labels(), "labels of it, key and value"),
                 field("priority", integer(-1'000, 1'000), "the higher first (0)"),
                 field("load", integer(1, 1'000'000), "how much of maxLoad it is (1)"),
                 field("attempts", integer(0, 1'000'000), "how often it failed (0)"),
                 field("losses", integer(0, 1'000'000), "how often its owner was lost (0)"),
                 field("epoch", integer(0, 1e15), "how many owners it had (0)"),
                 field("createdAt", moment(), "when it was made"),
                 field("deadline", moment(), "EXPIRED after it"),
                 field("payload", any(), "what its owner is given")});
}

KindTable test_kind() {
  Shape one = object(
      {required(field("name", text(), "what the case shows")),
       required(field("at", choice(kTargets), "the point that is asked")),
       field("member", case_member(), "who registers, is assigned to or retires"),
       field("source", case_member(), "who hands over"),
       field("target", case_member(), "who is to take"),
       field("packet", case_packet(), "what is assigned or handed over"),
       field("now", moment(), "when it is asked (2026-01-01T00:00:00Z)"),
       field("context", map(any()), "what the caller says besides"),
       required(field("expect", choice({"allow", "deny", "require-approval"}), "the decision")),
       field("rule", text(), "the rule that decides: NAME or POLICY/NAME; \"default\": none does"),
       field("reason", text(1'024), "part of the reason that is given")});
  return {"PolicyTest", "Cases that an app's policies are to decide as they say",
          object(document(metadata(),
                          {required(field("spec",
                                          object({required(field("cases", list(std::move(one), 1),
                                                                 "one decision each"))}),
                                          "what is asked, and what is to be answered"))}))};
}

KindTable rules_kind() {
  return {"PolicyRules", "The original's policy file, without a kind",
          object({field("apiVersion", choice({std::string(kAlphaText)}), "may be left out"),
                  required(field("name", text(),
                                 "what decisions call it; the file's name says the point")),
                  required(field("rules", object(declarative_rules()), "what must hold"))})};
}

}  // namespace

const std::vector<std::string>& member_kinds() {
  static const std::vector<std::string> kKinds = {"agent", "service", "tool",   "model",
                                                  "human", "api",     "worker", "node"};
  return kKinds;
}

const std::vector<KindTable>& all_kinds() {
  static const std::vector<KindTable> kKinds = {app_kind(),      agent_kind(),  packet_kind(),
                                                contract_kind(), policy_kind(), rules_kind(),
                                                test_kind()};
  return kKinds;
}

}  // namespace phoenix::manifest
