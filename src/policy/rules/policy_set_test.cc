#include "policy/rules/policy_set.h"

#include <gtest/gtest.h>

#include "policy/rules/decision_cache.h"

namespace phoenix::policy {
namespace {

// Stands in for SHA-256: tells texts apart, which is all that is asked of it here.
Digest digest_of(std::string_view bytes) {
  Digest digest{};
  uint64_t mixed = 1469598103934665603U;
  for (const char byte : bytes) mixed = (mixed ^ static_cast<uint8_t>(byte)) * 1099511628211U;
  for (size_t at = 0; at < 8; ++at) digest[at] = static_cast<uint8_t>(mixed >> (8 * at));
  return digest;
}

RuleSource rule(std::string name, std::string condition, Verdict verdict, uint32_t line = 1) {
  RuleSource made;
  made.name = std::move(name);
  made.condition = std::move(condition);
  made.verdict = verdict;
  made.place = {"p.yaml", line, 5};
  made.condition_place = {"p.yaml", line, 20};
  return made;
}

PolicySource policy(Point point, std::vector<RuleSource> rules) {
  PolicySource made;
  made.name = "p";
  made.point = point;
  made.rules = std::move(rules);
  made.place = {"p.yaml", 1, 1};
  return made;
}

// A member and a packet, changed by tests before they ask.
class Policies : public testing::Test {
 protected:
  PolicySet compiled(std::vector<PolicySource> sources) {
    auto set = PolicySet::compile(sources, digest_of);
    if (set) return std::move(*set);
    for (const auto& problem : set.error()) {
      ADD_FAILURE() << place_text(problem.place) << ": " << problem.what;
    }
    return std::move(*PolicySet::compile({}, digest_of));
  }
  std::string refused(std::vector<PolicySource> sources) {
    const auto set = PolicySet::compile(sources, digest_of);
    if (set) return "compiled";
    return place_text(set.error().front().place) + ": " + set.error().front().what;
  }

  // "deny denied-by-rule p/r p.yaml:3:5".
  std::string ask(const PolicySet& set, Point point) {
    const MemberFacts member(member_);
    const MemberFacts source(source_);
    const PacketFacts packet(packet_);
    Input input;
    input.set_member(member);
    input.set_source(source);
    input.set_packet(packet);
    input.set_now(1'764'360'000'000);
    decision_ = set.decide(point, input, scratch_);
    const Explanation told = set.explain(point, decision_);
    reason_ = told.reason;
    EXPECT_EQ(told.digest, set.digest());
    std::string text = std::string(verdict_name(told.verdict)) + " " + told.reason_code;
    if (!told.rule.empty()) {
      text += " " + told.policy + "/" + told.rule + " " + place_text(told.place);
    }
    return text;
  }
  std::string ask(std::vector<PolicySource> sources, Point point = Point::kAssign) {
    return ask(compiled(std::move(sources)), point);
  }

  std::vector<std::string> capabilities_ = {"audit", "ocr"};
  std::vector<std::string> compliance_ = {"PII"};
  std::vector<std::string> required_ = {"ocr"};
  std::vector<std::string> tags_ = {"PII"};
  MemberView member_ = {.id = "m",
                        .name_space = "default",
                        .kind = "agent",
                        .status = "ACTIVE",
                        .registered_by = {},
                        .capabilities = capabilities_,
                        .compliance = compliance_,
                        .labels = {},
                        .trust = 920};
  MemberView source_ = {.id = "s",
                        .name_space = "default",
                        .kind = "agent",
                        .status = "ACTIVE",
                        .registered_by = {},
                        .capabilities = {},
                        .compliance = {},
                        .labels = {}};
  PacketView packet_ = {.id = "pkt",
                        .name = {},
                        .name_space = "default",
                        .affinity_key = {},
                        .required_capabilities = required_,
                        .any_capability = false,
                        .policy_tags = tags_,
                        .labels = {}};
  cel::Scratch scratch_;
  Decision decision_;
  std::string reason_;
};

TEST_F(Policies, without_a_policy_everything_is_allowed) {
  EXPECT_EQ(ask({}), "allow no-policy");
  EXPECT_EQ(ask({policy(Point::kRetire, {})}, Point::kAssign), "allow no-policy");
  EXPECT_EQ(reason_, "no policy has the target can-assign");
}

TEST_F(Policies, what_denies_wins_then_what_requires_approval) {
  const auto yes = rule("yes", "member.trustScore > 0.5", Verdict::kAllow, 2);
  const auto ask_first = rule("ask", "'PII' in packet.policyTags", Verdict::kRequireApproval, 3);
  const auto no = rule("no", "packet.load < 5", Verdict::kDeny, 4);
  EXPECT_EQ(ask({policy(Point::kAssign, {yes})}), "allow allowed-by-rule p/yes p.yaml:2:5");
  EXPECT_EQ(ask({policy(Point::kAssign, {yes, ask_first})}),
            "require-approval approval-required p/ask p.yaml:3:5");
  EXPECT_EQ(ask({policy(Point::kAssign, {yes, ask_first, no})}),
            "deny denied-by-rule p/no p.yaml:4:5");
  EXPECT_EQ(ask({policy(Point::kAssign, {no}), policy(Point::kAssign, {yes})}),
            "deny denied-by-rule p/no p.yaml:4:5");
  EXPECT_EQ(reason_, "no of policy p says deny");
}

TEST_F(Policies, where_no_rule_holds_the_strictest_default_does) {
  auto now = policy(Point::kAssign, {rule("never", "false", Verdict::kDeny)});
  auto older = now;
  older.older = true;
  EXPECT_EQ(ask({now}), "deny denied-by-default");
  EXPECT_EQ(reason_, "no rule of can-assign holds, and its default is deny");
  EXPECT_EQ(ask({older}), "allow allowed-by-default");
  EXPECT_EQ(ask({older, now}), "deny denied-by-default");
  older.otherwise = Verdict::kRequireApproval;
  EXPECT_EQ(ask({older}), "require-approval approval-required");
}

TEST_F(Policies, a_rule_that_cannot_be_evaluated_denies) {
  const auto fails = rule("fails", "packet.payload.amount > 10", Verdict::kAllow, 7);
  EXPECT_EQ(ask({policy(Point::kAssign, {rule("yes", "true", Verdict::kAllow), fails})}),
            "deny policy-error p/fails p.yaml:7:5");
  EXPECT_EQ(
      reason_,
      "the condition could not be evaluated: 1:8: the field is not there; ask with has() first");
  packet_.payload = cel::int_value(3);
  EXPECT_EQ(ask({policy(Point::kAssign, {rule("odd", "packet.payload", Verdict::kAllow)})}),
            "deny policy-error p/odd p.yaml:1:5");
}

TEST_F(Policies, the_last_rule_of_older_files_counts_where_no_other_of_its_policy_holds) {
  auto otherwise = rule("default", "", Verdict::kDeny, 9);
  otherwise.otherwise = true;
  auto older =
      policy(Point::kHandoff,
             {rule("trusted", "member.reliability_score >= 0.90", Verdict::kAllow), otherwise});
  older.older = true;
  EXPECT_EQ(ask({older}, Point::kHandoff), "allow allowed-by-rule p/trusted p.yaml:1:5");
  member_.reliability = 899;
  EXPECT_EQ(ask({older}, Point::kHandoff), "deny denied-by-rule p/default p.yaml:9:5");
  // Another policy that allows does not speak for this one.
  EXPECT_EQ(ask({older, policy(Point::kHandoff, {rule("all", "true", Verdict::kAllow)})},
                Point::kHandoff),
            "deny denied-by-rule p/default p.yaml:9:5");
}

TEST_F(Policies, requirements_deny_what_does_not_meet_them) {
  auto made = policy(Point::kAssign, {});
  made.requirements.minimum_trust = 0.85;
  made.requirements.capability_match = true;
  made.requirements.room = true;
  made.requirements.same_namespace = true;
  made.requirements.place = {"p.yaml", 2, 3};
  EXPECT_EQ(ask({made}), "allow allowed-by-rule p/requirements p.yaml:2:3");
  member_.trust = 849;
  EXPECT_EQ(ask({made}), "deny denied-by-rule p/minimumTrustScore p.yaml:2:3");
  EXPECT_EQ(reason_, "the trust score of the member is below 0.85");
  member_.trust = 850;
  member_.load = 1;
  EXPECT_EQ(ask({made}), "deny denied-by-rule p/maxLoadRequired p.yaml:2:3");
  member_.load = 0;
  required_ = {"audit", "speech"};
  packet_.required_capabilities = required_;
  EXPECT_EQ(ask({made}), "deny denied-by-rule p/requireCapabilityMatch p.yaml:2:3");
  packet_.any_capability = true;
  EXPECT_EQ(ask({made}), "allow allowed-by-rule p/requirements p.yaml:2:3");
  packet_.name_space = "other";
  EXPECT_EQ(ask({made}), "deny denied-by-rule p/namespace p.yaml:2:3");
}

TEST_F(Policies, restricted_tags_ask_for_compliance_and_trust_of_the_target) {
  auto made = policy(Point::kHandoff, {});
  made.requirements.restricted = {{"PII", {"PII", "GDPR"}, 0.85, {"p.yaml", 4, 7}}};
  EXPECT_EQ(ask({made}, Point::kHandoff), "deny denied-by-rule p/restrictedTags.PII p.yaml:4:7");
  EXPECT_EQ(reason_, "the target lacks compliance GDPR, which packets tagged PII require");
  compliance_ = {"GDPR", "PII"};
  member_.compliance = compliance_;
  EXPECT_EQ(ask({made}, Point::kHandoff), "allow allowed-by-rule p/requirements ");
  member_.trust = 840;
  EXPECT_EQ(ask({made}, Point::kHandoff), "deny denied-by-rule p/restrictedTags.PII p.yaml:4:7");
  tags_ = {"public"};
  packet_.policy_tags = tags_;
  EXPECT_EQ(ask({made}, Point::kHandoff), "allow allowed-by-rule p/requirements ");
}

TEST_F(Policies, obligations_of_all_rules_that_hold_go_along) {
  auto one = rule("one", "true", Verdict::kAllow);
  one.obligations = {{Obligation::Kind::kRedact, {"ssn"}}, {Obligation::Kind::kLog, {}}};
  auto two = rule("two", "true", Verdict::kAllow);
  two.obligations = {{Obligation::Kind::kLog, {}}, {Obligation::Kind::kNarrowScopes, {"read"}}};
  auto three = rule("three", "packet.priority > 0", Verdict::kAllow);
  three.obligations = {{Obligation::Kind::kRedact, {"name"}}};
  const auto set = compiled({policy(Point::kAssign, {one, two, three})});
  ask(set, Point::kAssign);
  EXPECT_EQ(set.obligations(Point::kAssign, decision_),
            (std::vector<Obligation>{{Obligation::Kind::kRedact, {"ssn"}},
                                     {Obligation::Kind::kLog, {}},
                                     {Obligation::Kind::kNarrowScopes, {"read"}}}));
  auto no = rule("no", "true", Verdict::kDeny);
  const auto denying = compiled({policy(Point::kAssign, {one, no})});
  ask(denying, Point::kAssign);
  EXPECT_EQ(denying.obligations(Point::kAssign, decision_),
            (std::vector<Obligation>{{Obligation::Kind::kLog, {}}}));
}

TEST_F(Policies, faults_are_told_at_their_place_in_the_document) {
  EXPECT_EQ(
      refused({policy(Point::kAssign, {rule("r", "member.trust > 1", Verdict::kDeny, 7)})}),
      "p.yaml:7:27: no field `trust` in member; there are id, namespace, kind, status, "
      "registeredBy, capabilities, compliance, labels, trustScore, reliability, weight, load, "
      "maxLoad, joinedAt");
  EXPECT_EQ(refused({policy(Point::kAssign, {rule("r", "true &&\n  1", Verdict::kDeny, 7)})}),
            "p.yaml:8:3: `&&` takes bools, not int");
  EXPECT_EQ(refused({policy(Point::kRegister, {rule("r", "packet.load > 1", Verdict::kDeny)})}),
            "p.yaml:1:20: no name `packet`; there are member, now, context");
  EXPECT_EQ(refused({policy(Point::kHandoff, {rule("r", "member.load > 1", Verdict::kDeny)})}),
            "p.yaml:1:20: no name `member`; there are target, source, packet, now, context");
  EXPECT_EQ(refused({policy(Point::kAssign, {rule("r", "member.load", Verdict::kDeny)})}),
            "p.yaml:1:27: the result is to be bool, and this is int");
}

TEST_F(Policies, a_digest_names_what_the_policies_say_and_not_where) {
  const auto set = [this](uint32_t line, std::string_view condition) {
    return compiled(
               {policy(Point::kAssign, {rule("r", std::string(condition), Verdict::kDeny, line)})})
        .digest();
  };
  EXPECT_EQ(set(1, "true"), set(2, "true"));
  EXPECT_NE(set(1, "true"), set(1, "false"));
}

TEST_F(Policies, what_is_kept_answers_as_what_is_asked) {
  const auto trusted = rule("trusted", "member.trustScore >= 0.9", Verdict::kAllow);
  const auto busy = rule("busy", "member.load >= 3", Verdict::kDeny);
  auto set = std::make_shared<PolicySet>(compiled({policy(Point::kAssign, {busy, trusted})}));
  EXPECT_FALSE(set->is_stable(Point::kAssign));
  DecisionCache cache(set, 64);
  const MemberFacts member(member_);
  const PacketFacts packet(packet_);
  Input input;
  input.set_member(member);
  input.set_packet(packet);
  const DecisionKey key{1, 1, 1};
  EXPECT_FALSE(cache.known(Point::kAssign, key));
  EXPECT_EQ(cache.decide(Point::kAssign, key, input, scratch_).verdict, Verdict::kAllow);
  // The load is outside of the key, so it is asked each time.
  EXPECT_FALSE(cache.known(Point::kAssign, key));
  input.set_load(3);
  EXPECT_EQ(cache.decide(Point::kAssign, key, input, scratch_).verdict, Verdict::kDeny);
  input.set_load(0);
  EXPECT_EQ(cache.decide(Point::kAssign, key, input, scratch_).verdict, Verdict::kAllow);

  auto stable = std::make_shared<PolicySet>(compiled({policy(Point::kAssign, {trusted})}));
  cache.replace(stable);
  EXPECT_TRUE(stable->is_stable(Point::kAssign));
  EXPECT_FALSE(cache.known(Point::kAssign, key));
  cache.decide(Point::kAssign, key, input, scratch_);
  ASSERT_TRUE(cache.known(Point::kAssign, key));
  EXPECT_EQ(cache.known(Point::kAssign, key)->rule->name, "trusted");
  EXPECT_FALSE(cache.known(Point::kAssign, {1, 2, 1}));
  EXPECT_FALSE(cache.known(Point::kAssign, {2, 1, 1}));
  EXPECT_TRUE(cache.known(Point::kRetire, key));  // no policy there: nothing to ask
}

TEST_F(Policies, what_no_rule_reads_of_a_class_is_asked_once_for_all_classes) {
  const MemberFacts member(member_);
  const PacketFacts packet(packet_);
  Input input;
  input.set_member(member);
  input.set_packet(packet);
  const auto is_known_of_another = [&](const char* condition) {
    const auto one = rule("one", condition, Verdict::kAllow);
    DecisionCache cache(std::make_shared<PolicySet>(compiled({policy(Point::kAssign, {one})})), 64);
    cache.decide(Point::kAssign, {1, 1, 1}, input, scratch_);
    EXPECT_TRUE(cache.known(Point::kAssign, {1, 1, 1})) << condition;
    EXPECT_FALSE(cache.known(Point::kAssign, {1, 2, 1})) << condition;
    return cache.known(Point::kAssign, {1, 1, 2}).has_value();
  };
  EXPECT_TRUE(is_known_of_another("member.trustScore >= 0.9"));
  EXPECT_TRUE(is_known_of_another("packet.namespace == member.namespace"));
  EXPECT_FALSE(is_known_of_another("'pii' in packet.policyTags"));
  EXPECT_FALSE(is_known_of_another("size(packet.requiredCapabilities) > 0"));
  EXPECT_FALSE(is_known_of_another("packet.capabilityMatch == 'any'"));
}

TEST_F(Policies, too_many_rules_are_refused) {
  std::vector<RuleSource> many(300, rule("r", "true", Verdict::kAllow));
  EXPECT_EQ(refused({policy(Point::kAssign, many)}),
            "p.yaml:1:1: 300 rules have the target can-assign; at most 256");
  std::vector<PolicySource> policies(65, policy(Point::kAssign, {}));
  EXPECT_EQ(refused(policies), "p.yaml:1:1: more than 64 policies have the target can-assign");
}

}  // namespace
}  // namespace phoenix::policy
