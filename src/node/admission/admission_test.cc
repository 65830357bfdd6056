// What goes along with a permission: what its owner is not shown, which scopes are left, what the
// record keeps of it. And members who need somebody's word before they come or go.
#include <gtest/gtest.h>

#include "lineage/form/entry.h"
#include "node/admission/payload_shelf.h"
#include "node/admission/test_policies.h"
#include "node/governed/approval.h"

namespace phoenix {
namespace {

using testing_node::error_of;
using testing_node::kSteady;
using testing_node::owner_reply;
using testing_node::PoliciesTest;
using testing_node::refusal;
using testing_node::Stage;
using testing_node::StoreMode;
using testing_node::Worker;

constexpr const char* kNoIban = R"json({"target":"can-assign","defaultDecision":"allow","rules":[{
    "name":"iban","condition":"!('GDPR' in member.compliance)","decision":"allow",
    "obligations":[{"redact":["customer.iban"]},{"narrowScopes":["read","list"]}],
    "at":"policies/iban.yaml:3:5"}]})json";
constexpr const char* kDoor = R"json({"target":"can-register","defaultDecision":"allow","rules":[{
    "name":"low","condition":"member.trustScore < 0.8",
    "decision":"require-approval","reason":"strangers",
    "approval":{"role":"controller","expiresSeconds":60,"onExpiry":"deny"}}]})json";
constexpr const char* kExit = R"json({"target":"can-retire","defaultDecision":"allow","rules":[{
    "name":"leaves","condition":"member.kind != 'human'","decision":"require-approval",
    "approval":{"role":"controller","expiresSeconds":60,"onExpiry":"deny"}}]})json";

class Admission : public PoliciesTest {
 protected:
  const Governed& governed(const std::string& id) {
    static const Governed kNothing;
    const PacketView shown = stage.show(id);
    return shown.head->governed ? *shown.head->governed : kNothing;
  }
  static MemberRecord stranger(uint32_t trust = 500) {
    MemberRecord wanted = Stage::record("x", {"a"}, kSteady);
    wanted.trust = trust;
    return wanted;
  }
  ReplyBody knock(const MemberRecord& wanted) {
    return stage.call(Stage::principal(), stage.registration({wanted}, kSteady));
  }
  size_t approvals() { return stage.node().documents(DocumentKind::kApproval, "default").size(); }
  std::vector<std::string> notes() const {
    std::vector<std::string> found;
    for (const HistoryEntry& line : stage.records.history) {
      if (line.event == "policy-obliged") found.push_back(line.reason);
    }
    return found;
  }
};

TEST_F(Admission, obligations_come_with_the_ownership_and_are_an_entry_of_the_record) {
  lay_down("iban", kNoIban);
  Worker first = join("first", 900);
  stage.submit("p", {"a"});
  ASSERT_EQ(stage.owner("p"), "first");
  EXPECT_EQ(governed("p").redacted, std::vector<std::string>{"customer.iban"});
  EXPECT_EQ(governed("p").scopes, (std::vector<std::string>{"list", "read"}));
  EXPECT_EQ(notes(), std::vector<std::string>{
                         "can-assign: rule iban of policy iban, policies/iban.yaml:3:5, redacts "
                         "customer.iban and narrows scopes to read, list"});
  const auto entry = lineage::decode<lineage::Entry>(stage.records.log.back());
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->event, "policy-obliged");
  EXPECT_EQ(entry->epoch, 1U);
  EXPECT_TRUE(entry->policy);
}

TEST_F(Admission, what_the_next_owner_may_see_is_decided_anew_but_scopes_stay_narrow) {
  lay_down("iban", kNoIban);
  join("first", 900);
  stage.submit("p", {"a"});
  join("second", 900, {"GDPR"});
  EXPECT_FALSE(refusal(stage.order(Order::kAssign, "p", "second")));
  EXPECT_EQ(stage.owner("p"), "second");
  EXPECT_TRUE(governed("p").redacted.empty());
  EXPECT_EQ(governed("p").scopes, (std::vector<std::string>{"list", "read"}));
  EXPECT_EQ(notes().size(), 1U);
}

TEST_F(Admission, scopes_of_the_creator_are_cut_not_replaced) {
  lay_down("iban", kNoIban);
  join("first", 900);
  SubmitItem item = Stage::item("p", {"a"});
  Governed wanted;
  wanted.scopes = std::vector<std::string>{"read", "write"};
  item.governed = std::make_shared<const Governed>(wanted);
  stage.call(Stage::principal(), Stage::single(std::move(item)));
  EXPECT_EQ(governed("p").scopes, std::vector<std::string>{"read"});
}

TEST_F(Admission, a_rule_that_reads_the_load_is_asked_without_the_packet_itself) {
  lay_down("load", R"json({"target":"can-assign","rules":[{"condition":"member.load < 1",
      "decision":"allow","obligations":[{"redact":["secret"]}]}]})json");
  stage.submit("p", {"a"});
  join("w", 900);
  ASSERT_EQ(stage.owner("p"), "w");
  EXPECT_EQ(governed("p").redacted, std::vector<std::string>{"secret"});
}

TEST_F(Admission, what_travels_with_a_handoff_is_redacted_before_it_is_stored) {
  lay_down("hand", R"json({"target":"can-handoff","defaultDecision":"allow","rules":[{
      "condition":"target.trustScore < 0.8","decision":"allow",
      "obligations":[{"redact":["iban"]},{"log":true}]}]})json");
  Worker giver = join("giver", 900);
  stage.submit("p", {"a"});
  stage.poll(giver);
  join("low", 500);
  OwnerCall call = Stage::owner_call(Call::kHandoff, "p", 1);
  call.to = "low";
  call.content = std::make_shared<const Content>(Content{true, "", R"({"iban":"DE1","n":1})"});
  EXPECT_EQ(owner_reply(stage.own(Stage::token(giver), call)).epoch, 2U);
  EXPECT_EQ((stage.records.contents.at({Stage::packet("p"), ContentKind::kContext}).data),
            R"({"iban":"[redacted]","n":1})");
  EXPECT_EQ(governed("p").redacted, std::vector<std::string>{"iban"});
  ASSERT_EQ(notes().size(), 1U);
  EXPECT_NE(notes()[0].find("is to be told"), std::string::npos) << notes()[0];
}

TEST_F(Admission, a_payload_of_bytes_goes_to_nobody_from_whom_something_is_kept_back) {
  lay_down("iban", kNoIban);
  join("first", 900);
  SubmitItem item = Stage::item("p", {"a"});
  item.payload = std::make_shared<const Content>(Content{false, "image/png", "bytes"});
  stage.call(Stage::principal(), Stage::single(std::move(item)));
  EXPECT_EQ(parked("p"), ParkReason::kPolicyDenied);
  EXPECT_NE(explained("p").find("the payload is no JSON"), std::string::npos) << explained("p");
  join("second", 900, {"GDPR"});
  EXPECT_EQ(stage.owner("p"), "second");
}

TEST_F(Admission, a_wait_for_a_word_that_is_to_be_told_is_told_once) {
  lay_down("word", R"json({"target":"can-assign","rules":[{"name":"ask","reason":"a word",
      "decision":"require-approval","obligations":[{"log":true}],
      "approval":{"role":"controller","expiresSeconds":60,"onExpiry":"deny"}}]})json");
  join("w", 900);
  stage.submit("p", {"a"});
  stage.advance(seconds(5));
  std::vector<std::string> told;
  for (const HistoryEntry& line : stage.records.history) {
    if (line.event == "policy-refused") told.push_back(line.reason);
  }
  EXPECT_EQ(told, std::vector<std::string>{"can-assign: a word (policy word, rule ask)"});
}

TEST_F(Admission, a_path_that_is_none_and_a_point_without_packets_are_refused_when_laid_down) {
  const auto faults = [&](const char* text) { return refusal(apply("p", text)); };
  EXPECT_EQ(faults(R"json({"target":"can-assign","rules":[{"decision":"allow",
      "obligations":[{"redact":["a..b"]}]}]})json"),
            ErrorKind::kInvalidRequest);
  EXPECT_EQ(faults(R"json({"target":"can-register","rules":[{"decision":"allow",
      "obligations":[{"redact":["a"]}]}]})json"),
            ErrorKind::kInvalidRequest);
  EXPECT_FALSE(faults(R"json({"target":"can-register","rules":[{"decision":"allow",
      "obligations":[{"log":true}]}]})json"));
}

// Whoever reads the answer may look for the approval that it names.
TEST_F(Admission, a_refusal_that_names_an_approval_leaves_when_that_is_durable) {
  lay_down("door", kDoor);
  const auto ask = [this] {
    return stage.ask(Stage::principal(), stage.registration({stranger()}, kSteady));
  };
  stage.store(StoreMode::kRefuse);
  EXPECT_EQ(refusal(knock(stranger())), ErrorKind::kStoreUnreachable);
  EXPECT_EQ(approval(), nullptr);
  stage.store(StoreMode::kHold);
  const RequestId first = ask();
  const RequestId second = ask();
  EXPECT_EQ(stage.answer(first), nullptr);
  EXPECT_EQ(stage.answer(second), nullptr);
  stage.store(StoreMode::kWell);
  ASSERT_NE(stage.answer(first), nullptr);
  ASSERT_NE(stage.answer(second), nullptr);
  EXPECT_EQ(error_of(stage.answer(first)->body).reason_code, "approval-required");
  EXPECT_EQ(error_of(stage.answer(second)->body).reason_code, "approval-required");
  ASSERT_NE(approval(), nullptr);
  EXPECT_EQ(refusal(knock(stranger())), ErrorKind::kPolicyDenied);
}

TEST_F(Admission, a_member_that_needs_a_word_comes_in_once_it_is_given_and_once_only) {
  lay_down("door", kDoor);
  join_human("ada", {"controller"});
  const ReplyBody waits = knock(stranger());
  ASSERT_EQ(refusal(waits), ErrorKind::kPolicyDenied);
  EXPECT_EQ(error_of(waits).reason_code, "approval-required");
  EXPECT_TRUE(error_of(waits).retry_after_ms);
  ASSERT_NE(approval(), nullptr);
  EXPECT_NE(error_of(waits).detail.find(approval()->key.name), std::string::npos);
  EXPECT_NE(approval()->text.find(R"("member":"default/x")"), std::string::npos);
  EXPECT_NE(approval()->text.find("trustScore 0.5"), std::string::npos) << approval()->text;
  EXPECT_EQ(refusal(knock(stranger())), ErrorKind::kPolicyDenied);
  EXPECT_EQ(approvals(), 1U) << "asked for once";
  EXPECT_EQ(refusal(decide(true, "ada", true, "tester")), ErrorKind::kForbidden)
      << "it is the one who asked";
  EXPECT_FALSE(refusal(decide(true)));
  Worker x = Stage::joined("x", knock(stranger()));
  EXPECT_NE(approval()->text.find(R"("state":"used")"), std::string::npos);
  stage.call(Stage::token(x), Retire{Stage::ref(x)});
  EXPECT_EQ(refusal(knock(stranger())), ErrorKind::kPolicyDenied) << "it was good for one call";
  EXPECT_NE(approval()->text.find(R"("state":"pending")"), std::string::npos);
}

TEST_F(Admission, a_word_is_for_what_was_asked_and_nothing_else) {
  lay_down("door", kDoor);
  join_human("ada", {"controller"});
  knock(stranger(500));
  EXPECT_FALSE(refusal(decide(true)));
  EXPECT_EQ(refusal(knock(stranger(600))), ErrorKind::kPolicyDenied);
  EXPECT_EQ(approvals(), 2U);
}

TEST_F(Admission, who_is_refused_stays_out_and_who_is_not_decided_on_expires) {
  lay_down("door", kDoor);
  join_human("ada", {"controller"});
  knock(stranger());
  EXPECT_FALSE(refusal(decide(false)));
  EXPECT_EQ(error_of(knock(stranger())).reason_code, "approval-refused");
  knock(stranger(600));
  stage.advance(seconds(62));
  size_t expired = 0;
  for (const auto& one : stage.node().documents(DocumentKind::kApproval, "default")) {
    expired += one->text.find(R"("state":"expired")") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(expired, 1U);
  EXPECT_EQ(error_of(knock(stranger(600))).reason_code, "approval-refused");
}

TEST_F(Admission, who_may_not_leave_without_a_word_stays_until_it_is_given) {
  lay_down("exit", kExit);
  join_human("ada", {"controller"});
  Worker w = join("w", 900);
  EXPECT_EQ(error_of(stage.call(Stage::token(w), Retire{Stage::ref(w)})).reason_code,
            "approval-required");
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kActive);
  EXPECT_FALSE(refusal(decide(true)));
  EXPECT_FALSE(refusal(stage.call(Stage::token(w), Retire{Stage::ref(w)})));
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kRetired);
}

TEST_F(Admission, a_queue_that_one_asker_fills_ends_at_a_hundred) {
  lay_down("door", kDoor);
  for (uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(refusal(knock(stranger(100 + i))), ErrorKind::kPolicyDenied);
  }
  EXPECT_EQ(refusal(knock(stranger(300))), ErrorKind::kTooManyRequests);
  EXPECT_EQ(approvals(), 100U);
}

TEST(PayloadShelf, keeps_the_newest_within_its_bound_and_asks_once) {
  PayloadShelf shelf;
  const auto of = [](size_t size) {
    return std::make_shared<const Content>(Content{true, "", std::string(size, ' ')});
  };
  const auto key = [](int i) { return PacketKey("default", "p" + std::to_string(i)); };
  const auto large = of(size_t{1} << 20);
  for (int i = 0; i < 100; ++i) shelf.put(key(i), large);
  EXPECT_EQ(shelf.bytes(), PayloadShelf::kMostBytes);
  EXPECT_EQ(shelf.find(key(0)), nullptr);
  EXPECT_NE(shelf.find(key(99)), nullptr);
  shelf.put(key(99), of(1));
  EXPECT_EQ(shelf.bytes(), PayloadShelf::kMostBytes - (size_t{1} << 20) + 1);
  for (int i = 0; i < 1'000; ++i) shelf.ask(key(i), false);
  shelf.ask(key(0), true);
  shelf.ask(key(2'000), true);
  EXPECT_EQ(shelf.take_asked().size(), PayloadShelf::kMostAsked + 1);
  EXPECT_FALSE(shelf.has_asked());
  shelf.answered(key(0));
  shelf.ask(key(0), true);
  EXPECT_TRUE(shelf.has_asked());
}

}  // namespace
}  // namespace phoenix
