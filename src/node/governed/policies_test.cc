// Policies at their four points, what they hold back and what lets it go, and people's word.
#include <gtest/gtest.h>

#include "lineage/form/entry.h"
#include "node/admission/test_policies.h"
#include "node/governed/approval.h"

namespace phoenix {
namespace {

using testing_node::error_of;
using testing_node::kSteady;
using testing_node::MemberOptions;
using testing_node::owner_reply;
using testing_node::packet_reply;
using testing_node::PoliciesTest;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::Worker;

constexpr const char* kNoPii = R"json({"target":"can-handoff","defaultDecision":"allow","rules":[{
    "name":"pii","condition":"'PII' in packet.policyTags && !('PII' in target.compliance)",
    "decision":"deny","reason":"personal data","at":"policies/pii.yaml:7:3"}]})json";
constexpr const char* kTrusted =
    R"json({"target":"can-assign","minimumTrustScore":0.9,"at":"policies/trust.yaml:1:1"})json";
constexpr const char* kAsks = R"json({"target":"can-assign","defaultDecision":"allow","rules":[{
    "name":"large","decision":"require-approval","reason":"large amounts",
    "condition":"has(packet.payload.amount) && packet.payload.amount > 10",
    "approval":{"role":"controller","expiresSeconds":60,"onExpiry":"deny"}}]})json";

constexpr const char* kHanded = R"json({"target":"can-handoff","defaultDecision":"allow","rules":[{
    "name":"handed","condition":"true","decision":"require-approval",
    "approval":{"role":"controller","expiresSeconds":60,"onExpiry":"deny"}}]})json";
constexpr const char* kNoLarge = R"json({"target":"can-assign","defaultDecision":"allow","rules":[{
    "condition":"has(packet.payload.amount) && packet.payload.amount > 10","decision":"deny"}]})json";

TEST_F(PoliciesTest, are_applied_by_operators_whole_and_the_same_again_is_no_change) {
  ApplyDocuments nothing;
  nothing.ns = "default";
  EXPECT_EQ(refusal(stage.call(Stage::principal(), nothing)), ErrorKind::kForbidden);
  const ReplyBody wrong = apply("p", R"({"target":"can-assign","rules":[{"condition":"a.b"}]})");
  ASSERT_EQ(refusal(wrong), ErrorKind::kInvalidRequest);
  EXPECT_EQ(error_of(wrong).fields.at(0).pointer, "/documents/0/spec");
  lay_down("p", kTrusted);
  const auto again = std::get<DocumentsReply>(apply("p", kTrusted));
  EXPECT_EQ(again.items.at(0).change, DocumentsReply::Change::kNone);
  EXPECT_EQ(again.items.at(0).document->revision, 1U);
  EXPECT_EQ(stage.node().documents(DocumentKind::kPolicy, "default").size(), 1U);
}

TEST_F(PoliciesTest, prune_takes_what_the_app_does_not_name_and_nothing_else) {
  lay_down("free", kTrusted);
  ASSERT_FALSE(refusal(apply("one", kTrusted, true, "shop")));
  EXPECT_EQ(refusal(apply("one", kNoPii, true, "other")), ErrorKind::kConflict);
  const auto pruned = std::get<DocumentsReply>(apply("two", kNoPii, true, "shop"));
  ASSERT_EQ(pruned.items.size(), 2U);
  EXPECT_EQ(pruned.items[1].change, DocumentsReply::Change::kDeleted);
  EXPECT_EQ(stage.node().documents(DocumentKind::kPolicy, "").size(), 2U);
}

TEST_F(PoliciesTest, a_packet_goes_to_who_may_have_it) {
  lay_down("trust", kTrusted);
  join("low", 500);
  join("high", 950);
  for (int i = 0; i < 8; ++i) {
    const std::string id = "p" + std::to_string(i);
    stage.submit(id, {"a"});
    EXPECT_EQ(stage.owner(id), "high");
  }
  EXPECT_EQ(refusal(stage.order(Order::kAssign, "p0", "low")), ErrorKind::kPolicyDenied);
}

TEST_F(PoliciesTest, what_nobody_may_have_waits_with_the_rule_as_its_reason) {
  lay_down("trust", kTrusted);
  join("low", 500);
  stage.submit("p", {"a"});
  EXPECT_EQ(parked("p"), ParkReason::kPolicyDenied);
  EXPECT_NE(explained("p").find("trust.yaml:1:1"), std::string::npos) << explained("p");
  EXPECT_TRUE(stage.node().check().empty());
  join("high", 950);
  EXPECT_EQ(stage.owner("p"), "high");
}

TEST_F(PoliciesTest, it_is_looked_at_again_when_policies_change) {
  lay_down("trust", kTrusted);
  join("low", 500);
  stage.submit("p", {"a"});
  ASSERT_FALSE(refusal(apply("trust", "")));
  EXPECT_EQ(stage.owner("p"), "low");
}

TEST_F(PoliciesTest, they_are_in_force_after_a_restart) {
  lay_down("trust", kTrusted);
  Worker low = join("low", 500);
  stage.submit("p", {"a"});
  stage.restart();
  stage.heartbeat(low);
  EXPECT_EQ(parked("p"), ParkReason::kPolicyDenied);
  stage.submit("q", {"a"});
  EXPECT_EQ(parked("q"), ParkReason::kPolicyDenied);
}

TEST_F(PoliciesTest, a_payload_that_is_not_at_hand_is_read_and_until_then_nobody_gets_it) {
  lay_down("large", kNoLarge);
  stage.submit("large", {"a"}, {}, R"({"amount":50})");
  stage.submit("small", {"a"}, {}, R"({"amount":5})");
  stage.restart();
  stage.hold_payloads = true;
  join("w", 900);
  EXPECT_EQ(parked("large"), ParkReason::kPolicyDenied);
  EXPECT_EQ(parked("small"), ParkReason::kPolicyDenied);
  EXPECT_NE(explained("small").find("is being asked for"), std::string::npos);
  EXPECT_EQ(stage.held_payloads.size(), 2U) << "each once";
  stage.answer_payloads();
  EXPECT_EQ(stage.owner("small"), "w");
  EXPECT_EQ(parked("large"), ParkReason::kPolicyDenied);
  EXPECT_EQ(explained("large").find("is being asked for"), std::string::npos);
}

TEST_F(PoliciesTest, a_payload_that_cannot_be_read_is_asked_for_again) {
  lay_down("large", kNoLarge);
  stage.submit("small", {"a"}, {}, R"({"amount":5})");
  stage.restart();
  stage.refuse_reads = true;
  join("w", 900);
  EXPECT_EQ(parked("small"), ParkReason::kPolicyDenied);
  stage.refuse_reads = false;
  stage.advance(seconds(2));
  EXPECT_EQ(stage.owner("small"), "w");
}

TEST_F(PoliciesTest, calls_that_name_who_gets_it_wait_for_the_payload) {
  lay_down("large", kNoLarge);
  Worker giver = join("giver", 900);
  stage.submit("p", {"a"}, {}, R"({"amount":5})");
  stage.submit("q", {"b"}, {}, R"({"amount":50})");
  stage.poll(giver);
  stage.restart();
  stage.attach(giver);
  join("w", 900);
  stage.hold_payloads = true;
  OwnerCall wanted = Stage::owner_call(Call::kHandoff, "p", 1, "w");
  wanted.to = "w";
  const RequestId handed = stage.ask(Stage::token(giver), OwnerCalls{{wanted}, true});
  EXPECT_EQ(stage.answer(handed), nullptr);
  stage.answer_payloads();
  ASSERT_NE(stage.answer(handed), nullptr);
  EXPECT_FALSE(refusal(stage.answer(handed)->body));
  EXPECT_EQ(stage.owner("p"), "w");
  stage.refuse_reads = true;
  EXPECT_EQ(refusal(stage.order(Order::kAssign, "q", "w")), ErrorKind::kStoreUnreachable);
}

TEST_F(PoliciesTest, one_that_waits_for_policies_blocks_nobody_of_its_class) {
  lay_down("tag", R"({"target":"can-assign","defaultDecision":"allow","rules":[)"
                  R"({"condition":"has(packet.name) && packet.name == 'no'","decision":"deny"}]})");
  join("w", 900);
  stage.submit("no", {"a"}, [](PacketSpec& spec) { spec.name = "no"; });
  EXPECT_EQ(parked("no"), ParkReason::kPolicyDenied);
  stage.submit("yes", {"a"});
  EXPECT_EQ(stage.owner("yes"), "w");
}

TEST_F(PoliciesTest, a_handoff_that_is_forbidden_is_refused_with_its_reason_and_written_down) {
  lay_down("pii", kNoPii);
  Worker giver = join("giver", 900, {"PII"});
  stage.submit("p", {"a"}, tagged);
  stage.poll(giver);
  join("outside", 900);
  join("inside", 900, {"PII"});
  const ReplyBody refused = stage.hand_to(giver, "p", 1, "outside");
  ASSERT_EQ(refusal(refused), ErrorKind::kPolicyDenied);
  EXPECT_EQ(error_of(refused).reason_code, "denied-by-rule");
  EXPECT_NE(error_of(refused).detail.find("personal data (policy pii, rule pii, "
                                          "policies/pii.yaml:7:3)"),
            std::string::npos)
      << error_of(refused).detail;
  EXPECT_EQ(stage.owner("p"), "giver");
  EXPECT_EQ(stage.load("outside"), 0U);
  EXPECT_EQ(stage.records.history.back().event, "policy-refused");
  const auto entry = lineage::decode<lineage::Entry>(stage.records.log.back());
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->kind, lineage::EntryKind::kRefusal);
  EXPECT_EQ(entry->subject, "p");
  const size_t entries = stage.records.log.size();
  stage.hand_to(giver, "p", 1, "outside");
  EXPECT_EQ(stage.records.log.size(), entries) << "a repeat within a second is the same entry";
  EXPECT_EQ(owner_reply(stage.hand_to(giver, "p", 1, "inside")).epoch, 2U);
  const auto leg = lineage::decode<lineage::Entry>(stage.records.log.back());
  ASSERT_TRUE(leg && leg->leg);
  EXPECT_TRUE(leg->leg->decision) << "by which policies it went";
}

TEST_F(PoliciesTest, a_handoff_that_needs_a_word_is_refused_when_that_is_asked_for_durably) {
  lay_down("handed", kHanded);
  Worker giver = join("giver", 900);
  stage.submit("p", {"a"});
  stage.poll(giver);
  join("w", 900);
  stage.store(testing_node::StoreMode::kHold);
  OwnerCall wanted = Stage::owner_call(Call::kHandoff, "p", 1, "w");
  wanted.to = "w";
  const RequestId one = stage.ask(Stage::token(giver), OwnerCalls{{wanted}, true});
  const RequestId many = stage.ask(Stage::token(giver), OwnerCalls{{wanted}, false});
  EXPECT_EQ(stage.answer(one), nullptr);
  EXPECT_EQ(stage.answer(many), nullptr);
  stage.store(testing_node::StoreMode::kWell);
  ASSERT_NE(stage.answer(one), nullptr);
  ASSERT_NE(stage.answer(many), nullptr);
  EXPECT_EQ(error_of(stage.answer(one)->body).reason_code, "approval-required");
  ASSERT_NE(approval(), nullptr);
  EXPECT_NE(approval()->text.find(R"("receiver":"w")"), std::string::npos);
  EXPECT_EQ(stage.owner("p"), "giver");
}

TEST_F(PoliciesTest, a_handoff_by_capabilities_goes_to_who_may_be_given_it) {
  lay_down("pii", kNoPii);
  Worker giver = join("giver", 900, {"PII"});
  stage.submit("p", {"a"}, tagged);
  stage.poll(giver);
  join("outside", 900);
  OwnerCall call = Stage::owner_call(Call::kHandoff, "p", 1);
  call.required = std::vector<std::string>{"a"};
  EXPECT_EQ(refusal(stage.own(Stage::token(giver), call)), ErrorKind::kPolicyDenied);
  EXPECT_EQ(stage.owner("p"), "giver");
  join("inside", 500, {"PII"});
  EXPECT_EQ(owner_reply(stage.own(Stage::token(giver), call)).epoch, 2U);
  EXPECT_EQ(stage.owner("p"), "inside");
}

TEST_F(PoliciesTest, who_may_not_register_or_retire_does_not) {
  lay_down("door", R"({"target":"can-register","minimumTrustScore":0.8})");
  lay_down("exit", R"({"target":"can-retire","defaultDecision":"allow","rules":[)"
                   R"({"condition":"member.load > 0","decision":"deny"}]})");
  MemberRecord low = Stage::record("low", {"a"});
  low.trust = 500;
  EXPECT_EQ(refusal(stage.call(Stage::principal(), stage.registration({low}))),
            ErrorKind::kPolicyDenied);
  EXPECT_FALSE(stage.node().find_member(Stage::member("low")));
  Worker high = join("high", 900);
  stage.submit("p", {"a"});
  EXPECT_EQ(refusal(stage.call(Stage::token(high), Retire{Stage::ref(high)})),
            ErrorKind::kPolicyDenied);
  EXPECT_EQ(refusal(stage.call(Stage::token(high), Drain{Stage::ref(high), {}})),
            ErrorKind::kPolicyDenied);
  stage.own(high, Call::kComplete, "p", 1);
  EXPECT_FALSE(refusal(stage.call(Stage::token(high), Retire{Stage::ref(high)})));
}

TEST_F(PoliciesTest, what_needs_somebodys_word_waits_for_it) {
  lay_down("large", kAsks);
  join("w", 900);
  join_human("ada", {"controller"});
  stage.submit("small", {"a"}, {}, R"({"amount":5})");
  EXPECT_EQ(stage.owner("small"), "w");
  stage.submit("p", {"a"}, {}, R"({"amount":50})");
  EXPECT_EQ(parked("p"), ParkReason::kApprovalRequired);
  ASSERT_NE(approval(), nullptr);
  EXPECT_NE(approval()->text.find(R"("state":"pending")"), std::string::npos);
  EXPECT_EQ(refusal(decide(true, "ada", false)), ErrorKind::kForbidden);
  EXPECT_EQ(refusal(decide(true, "nobody")), ErrorKind::kForbidden);
  EXPECT_EQ(refusal(decide(true, "w")), ErrorKind::kForbidden) << "an agent is no person";
  EXPECT_EQ(refusal(decide(true, "ada", true, "tester")), ErrorKind::kForbidden)
      << "it is the one who asked";
  EXPECT_EQ(parked("p"), ParkReason::kApprovalRequired);
  EXPECT_FALSE(refusal(decide(true)));
  EXPECT_EQ(stage.owner("p"), "w");
  EXPECT_FALSE(refusal(decide(true))) << "the same word again";
  EXPECT_EQ(refusal(decide(false)), ErrorKind::kWrongState);
}

TEST_F(PoliciesTest, who_submitted_it_does_not_approve_it_though_that_was_asked_for_later) {
  lay_down("large", kAsks);
  join_human("ada", {"controller"});
  stage.submit("p", {"a"}, {}, R"({"amount":50})");
  EXPECT_EQ(parked("p"), ParkReason::kNoCapableMember);
  join("w", 900);
  stage.advance(seconds(2));
  EXPECT_EQ(parked("p"), ParkReason::kApprovalRequired);
  ASSERT_NE(approval(), nullptr);
  EXPECT_EQ(error_of(decide(true, "ada", true, "tester")).reason_code, "own-approval");
  EXPECT_FALSE(refusal(decide(true)));
  EXPECT_EQ(stage.owner("p"), "w");
}

TEST_F(PoliciesTest, who_submitted_it_is_known_after_a_restart) {
  lay_down("large", kAsks);
  join_human("ada", {"controller"});
  stage.submit("p", {"a"}, {}, R"({"amount":50})");
  stage.restart();
  join("w", 900);
  stage.advance(seconds(2));
  ASSERT_NE(approval(), nullptr);
  EXPECT_EQ(error_of(decide(true, "ada", true, "tester")).reason_code, "own-approval");
  EXPECT_FALSE(refusal(decide(true)));
}

TEST_F(PoliciesTest, a_role_that_the_rule_names_is_a_capability_of_the_person) {
  lay_down("large", kAsks);
  join("w", 900);
  join_human("bob", {"gardener"});
  stage.submit("p", {"a"}, {}, R"({"amount":50})");
  const ReplyBody refused = decide(true, "bob");
  EXPECT_EQ(error_of(refused).reason_code, "wrong-role");
}

TEST_F(PoliciesTest, a_packet_whose_approval_is_refused_is_rejected) {
  lay_down("large", kAsks);
  join("w", 900);
  join_human("ada", {"controller"});
  stage.submit("p", {"a"}, {}, R"({"amount":50})");
  EXPECT_FALSE(refusal(decide(false)));
  EXPECT_EQ(stage.status("p"), Status::kRejected);
}

TEST_F(PoliciesTest, an_approval_that_nobody_gives_ends_as_the_rule_says) {
  lay_down("large", kAsks);
  join("w", 900);
  stage.submit("p", {"a"}, {}, R"({"amount":50})");
  stage.advance(seconds(58));
  EXPECT_EQ(parked("p"), ParkReason::kApprovalRequired);
  stage.advance(seconds(4));
  EXPECT_EQ(stage.status("p"), Status::kRejected);
  EXPECT_NE(approval()->text.find(R"("state":"expired")"), std::string::npos);
}

TEST_F(PoliciesTest, an_approval_stands_over_a_restart) {
  lay_down("large", kAsks);
  Worker w = join("w", 900);
  join_human("ada", {"controller"});
  stage.submit("p", {"a"}, {}, R"({"amount":50})");
  EXPECT_FALSE(refusal(decide(false)));
  stage.restart();
  EXPECT_NE(approval()->text.find(R"("decidedBy":"ada")"), std::string::npos);
}

TEST_F(PoliciesTest, what_is_approved_after_a_restart_goes_on) {
  lay_down("large", kAsks);
  Worker w = join("w", 900);
  join_human("ada", {"controller"});
  stage.submit("p", {"a"}, {}, R"({"amount":50})");
  stage.restart();
  stage.heartbeat(w);
  stage.advance(seconds(2));
  EXPECT_EQ(parked("p"), ParkReason::kApprovalRequired);
  EXPECT_FALSE(refusal(decide(true)));
  EXPECT_EQ(stage.owner("p"), "w");
}

TEST(ApprovalForm, is_read_as_it_is_written) {
  ApprovalForm form;
  form.state = ApprovalState::kRejected;
  form.packet = PacketKey("ns", "p");
  form.point = "can-handoff";
  form.policy = "p";
  form.rule = "r";
  form.role = "controller";
  form.giver = "g";
  form.receiver = "x";
  form.asked_at = 1'000;
  form.expires_at = 2'000;
  form.decided_at = 1'500;
  form.decided_by = "ada";
  form.word = "no";
  const std::string text = approval_json(form);
  const auto read = approval_of_json(text);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(approval_json(*read), text);
  EXPECT_TRUE(read->refuses());
  EXPECT_FALSE(approval_of_json("{\"state\":\"maybe\"}"));
}

}  // namespace
}  // namespace phoenix
