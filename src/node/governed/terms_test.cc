// What is refused at a handoff, each with its own code, and that nothing of it is committed.
#include <gtest/gtest.h>

#include "node/signed/test_signers.h"

namespace phoenix {
namespace {

using testing_node::code;
using testing_node::json;
using testing_node::key_of;
using testing_node::kPool;
using testing_node::packet_reply;
using testing_node::SignedStage;
using testing_node::Stage;
using testing_node::Worker;

class TermsTest : public ::testing::Test, protected SignedStage {
 protected:
  TermsTest() {
    giver = stage.join("giver", {"a"});
    receiver = stage.join("receiver", {"a"}, {.max_load = 10});
  }

  ReplyBody apply(const std::string& name, const std::string& text) {
    ApplyDocuments wanted;
    wanted.ns = "default";
    wanted.items.push_back({DocumentKind::kContract, name, text, std::nullopt});
    return stage.call(Stage::op(), wanted);
  }
  static Governed under(const char* contract) {
    Governed governed;
    governed.contract = contract;
    return governed;
  }
  static Governed within(std::vector<std::string> scopes) {
    Governed governed;
    governed.scopes = std::move(scopes);
    return governed;
  }
  static Governed meaning(std::string semantic) {
    Governed governed;
    governed.semantic = std::move(semantic);
    return governed;
  }
  std::string submit(Governed governed, const std::string& id = "p") {
    SubmitItem item = Stage::item(id, {"a"}, [](PacketSpec& spec) { spec.load = 1; });
    item.governed = std::make_shared<const Governed>(std::move(governed));
    const ReplyBody reply = stage.call(Stage::principal(), Stage::single(std::move(item)));
    if (code(reply) != "done") return code(reply);
    if (stage.owner(id) != "giver") stage.order(Order::kAssign, id, "giver");
    return stage.owner(id);
  }
  OwnerCall handoff(const std::string& context = "{}", const std::string& to = "receiver") {
    OwnerCall call = Stage::owner_call(Call::kHandoff, "p", stage.epoch("p"), context + to);
    call.to = to;
    call.content = json(context);
    return call;
  }
  std::string give(OwnerCall call) {
    const uint64_t epoch = stage.epoch("p");
    const std::string answer = code(stage.own(Stage::token(giver), std::move(call)));
    if (answer == "done") return answer;
    EXPECT_EQ(stage.epoch("p"), epoch) << answer;
    EXPECT_EQ(stage.owner("p"), "giver") << answer;
    return answer;
  }

  Worker giver;
  Worker receiver;
};

TEST_F(TermsTest, APacketGoesByTheContractThatItNames) {
  EXPECT_EQ(submit(under("c")), "unknown-contract");
  ASSERT_EQ(code(apply("c", R"({"context":{"require":["id"]}})")), "done");
  ASSERT_EQ(submit(under("c")), "giver");
  EXPECT_EQ(give(handoff()), "missing-context-key");
  EXPECT_EQ(give(handoff(R"({"id":1})")), "done");
  EXPECT_EQ(stage.owner("p"), "receiver");
  const auto digest = lineage::sha256(R"({"context":{"require":["id"]}})");
  EXPECT_EQ(stage.show("p").head->governed->handoffs, 1u);
  EXPECT_EQ(stage.node().find(Stage::packet("p"))->contract, digest);
  const ReplyBody moved = stage.order(Order::kAssign, "p", "giver");
  EXPECT_EQ(packet_reply(moved).packet.contract, digest) << "every answer shows it";
  audit();
}

TEST_F(TermsTest, WhatIsBoundCountsWithoutBeingNamed) {
  ASSERT_EQ(code(apply("bound", R"({"appliesTo":{"capabilities":["a"]},"minimumTrustScore":1})")),
            "done");
  ASSERT_EQ(
      code(apply("pair", R"({"source":"giver","target":"receiver","context":{"maxBytes":9}})")),
      "done");
  ASSERT_EQ(submit({}), "giver");
  EXPECT_EQ(give(handoff(R"({"long":"context"})")), "context-too-large");
  ASSERT_EQ(
      code(apply("bound", R"({"appliesTo":{"capabilities":["a"]},"requiredCompliance":["X"]})")),
      "done");
  EXPECT_EQ(give(handoff()), "missing-compliance");
  ASSERT_EQ(code(apply("bound", "")), "done") << "deleted";
  EXPECT_EQ(give(handoff()), "done");
}

TEST_F(TermsTest, AContractThatIsGoneIsNotForgotten) {
  ASSERT_EQ(code(apply("c", "{}")), "done");
  ASSERT_EQ(submit(under("c")), "giver");
  ASSERT_EQ(code(apply("c", "")), "done");
  EXPECT_EQ(give(handoff()), "unknown-contract");
}

TEST_F(TermsTest, ScopesOnlyNarrow) {
  ASSERT_EQ(submit(within({"read", "write"})), "giver");
  OwnerCall call = handoff();
  call.scopes = {"pay", "read"};
  EXPECT_EQ(give(call), "widened-scope");
  call.scopes = {"read"};
  EXPECT_EQ(give(call), "done");
  EXPECT_EQ(stage.show("p").head->governed->scopes, std::vector<std::string>{"read"});
}

TEST_F(TermsTest, MeaningIsKept) {
  const std::string before =
      R"({"authority":{"amount":5},"constraints":{"eur":true},"intent":"i"})";
  ASSERT_EQ(submit(meaning(before)), "giver");
  const auto with = [this](const char* semantic) {
    OwnerCall call = handoff();
    call.semantic = semantic;
    return give(call);
  };
  EXPECT_EQ(with(R"({"authority":{"amount":5},"intent":"i"})"), "dropped-constraint");
  EXPECT_EQ(with(R"({"authority":{"amount":6},"constraints":{"eur":true},"intent":"i"})"),
            "widened-authority");
  EXPECT_EQ(with(R"({"authority":{"amount":5},"constraints":{"eur":true},"intent":"j"})"),
            "changed-protected-field");
  EXPECT_EQ(with(R"({"authority":{"amount":4},"constraints":{"eur":true},"intent":"i"})"), "done");
  EXPECT_EQ(stage.show("p").head->governed->semantic,
            R"({"authority":{"amount":4},"constraints":{"eur":true},"intent":"i"})");
}

TEST_F(TermsTest, CompletionShowsItsEvidence) {
  ASSERT_EQ(submit(meaning(R"({"evidenceRequirements":["receipt"]})")), "giver");
  const uint64_t epoch = stage.epoch("p");
  EXPECT_EQ(code(stage.own(giver, Call::kComplete, "p", epoch, R"({"paid":true})")),
            "missing-evidence");
  EXPECT_EQ(code(stage.own(giver, Call::kComplete, "p", epoch, R"({"evidence":["receipt"]})")),
            "done");
}

TEST_F(TermsTest, ChainsEnd) {
  ASSERT_EQ(code(apply("c", R"({"maxChainLength":1})")), "done");
  ASSERT_EQ(submit(under("c")), "giver");
  ASSERT_EQ(give(handoff()), "done");
  OwnerCall back = handoff("{}", "giver");
  EXPECT_EQ(code(stage.own(Stage::token(receiver), back)), "chain-too-long");
  EXPECT_EQ(stage.owner("p"), "receiver");
}

TEST_F(TermsTest, OtherNamespacesAreOutOfReach) {
  ASSERT_EQ(submit({}), "giver");
  EXPECT_EQ(give(handoff("{}", "other/receiver")), "cross-namespace");
  EXPECT_EQ(give(handoff("{}", "default/receiver")), "done");
}

TEST_F(TermsTest, NobodyIsAskedForOnceTheyWait) {
  ASSERT_EQ(code(apply("c", R"({"minimumTrustScore":0.1})")), "done");
  ASSERT_EQ(submit(under("c")), "giver");
  OwnerCall call = handoff("{}", "");
  call.required = {"nobody-has-this"};
  EXPECT_EQ(give(call), "no-receiver");
}

TEST_F(TermsTest, ARefusalHoldsNoRoom) {
  ASSERT_EQ(code(apply("c", R"({"context":{"require":["id"]}})")), "done");
  ASSERT_EQ(submit(under("c")), "giver");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(give(handoff()), "missing-context-key");
  EXPECT_EQ(give(handoff(R"({"id":1})")), "done") << "the receiver holds ten at most";
}

TEST_F(TermsTest, TheSignedOfferNamesItsContractAndScopes) {
  const Worker signer = join("signer", key_of("signer"));
  ASSERT_EQ(code(apply("c", R"({"scopes":["read"]})")), "done");
  ASSERT_EQ(submit(under("c")), "giver");
  stage.order(Order::kAssign, "p", "signer");
  ASSERT_EQ(stage.owner("p"), "signer");
  lineage::HandoffOffer said;
  said.pool = kPool;
  said.ns = "default";
  said.packet = "p";
  said.epoch = stage.epoch("p");
  said.offer = "o";
  said.giver = {"signer", signer.incarnation};
  said.receiver = "receiver";
  said.expires_at = stage.now().wall + 60'000;
  said.context = lineage::sha256("{}");
  const auto give_signed = [&] {
    OwnerCall call = handoff();
    call.statement = lineage::sign(key_of("signer"), said);
    return code(stage.own(Stage::token(signer), call));
  };
  EXPECT_EQ(give_signed(), "unknown-contract");
  said.contract = lineage::sha256("another");
  EXPECT_EQ(give_signed(), "unknown-contract");
  said.contract = stage.node().find(Stage::packet("p"))->contract;
  EXPECT_EQ(give_signed(), "unlisted-scope");
  said.scopes = {"write"};
  EXPECT_EQ(give_signed(), "unlisted-scope");
  said.scopes = {"read"};
  OwnerCall other = handoff();
  other.scopes = {"write"};
  other.statement = lineage::sign(key_of("signer"), said);
  EXPECT_EQ(code(stage.own(Stage::token(signer), other)), "widened-scope");
  EXPECT_EQ(give_signed(), "done");
  EXPECT_EQ(stage.owner("p"), "receiver");
  EXPECT_EQ(audit().signatures.handoffs, 1u) << "offer and leg name the same contract";
}

// An offer waits for its receiver; what is in force when that accepts is what counts.
TEST_F(TermsTest, WhatHasChangedMeanwhileCounts) {
  const Worker signer = join("signer", key_of("signer"));
  const Worker taker = join("taker", key_of("taker"));
  ASSERT_EQ(code(apply("c", "{}")), "done");
  ASSERT_EQ(submit(under("c")), "giver");
  stage.order(Order::kAssign, "p", "signer");
  lineage::HandoffOffer said;
  said.pool = kPool;
  said.ns = "default";
  said.packet = "p";
  said.epoch = stage.epoch("p");
  said.offer = "o";
  said.giver = {"signer", signer.incarnation};
  said.receiver = "taker";
  said.expires_at = stage.now().wall + 60'000;
  said.context = lineage::sha256("{}");
  said.contract = lineage::sha256("{}");
  OwnerCall call = handoff("{}", "taker");
  call.statement = lineage::sign(key_of("signer"), said);
  const RequestId asked = stage.ask(Stage::token(signer), OwnerCalls{{call}, true});
  ASSERT_EQ(stage.answer(asked), nullptr) << "its receiver is asked";
  ASSERT_EQ(code(apply("c", R"({"requiredCompliance":["X"]})")), "done");
  OwnerCall yes = Stage::owner_call(Call::kAccept, "p", said.epoch, "");
  yes.statement = lineage::sign(key_of("taker"),
                                lineage::HandoffAcceptance{kPool,
                                                           "default",
                                                           "p",
                                                           said.epoch,
                                                           lineage::sha256(lineage::encode(said)),
                                                           {"taker", taker.incarnation},
                                                           said.context,
                                                           stage.now().wall});
  EXPECT_EQ(code(stage.own(Stage::token(taker), yes)), "unknown-contract");
  ASSERT_NE(stage.answer(asked), nullptr);
  EXPECT_EQ(code(stage.answer(asked)->body), "unknown-contract") << "the giver is told, too";
  EXPECT_EQ(stage.owner("p"), "signer");
  EXPECT_EQ(stage.epoch("p"), said.epoch);
}

TEST_F(TermsTest, AnApprovalIsAskedForAndCounts) {
  ASSERT_EQ(code(apply("c", R"({"approval":{"field":"amount","above":10}})")), "done");
  ASSERT_EQ(submit(under("c")), "giver");
  EXPECT_EQ(give(handoff(R"({"amount":11})")), "approval-required");
  const auto asked = stage.node().documents(DocumentKind::kApproval, "default");
  ASSERT_EQ(asked.size(), 1u);
  MemberRecord ann = Stage::record("ann", {});
  ann.kind = MemberKind::kHuman;
  ann.manual = true;
  ASSERT_EQ(code(stage.call(Stage::principal(), stage.registration({ann}))), "done");
  Caller human = Stage::principal("ann's token");
  human.is_approver = true;
  human.human = "ann";
  DecideApproval yes;
  yes.ns = "default";
  yes.name = asked[0]->key.name;
  yes.approve = true;
  ASSERT_EQ(code(stage.call(human, yes)), "done");
  EXPECT_EQ(give(handoff(R"({"amount":11})")), "done");
}

}  // namespace
}  // namespace phoenix
