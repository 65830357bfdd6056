// Members' keys and what they sign: who may register under which key, which results are taken, and
// that what is recorded of it convinces the verifier.
#include "node/signed/test_signers.h"

namespace phoenix {
namespace {

using lineage::KeyPair;
using testing_node::bytes;
using testing_node::code;
using testing_node::json;
using testing_node::key_of;
using testing_node::kPool;
using testing_node::MemberOptions;
using testing_node::proof_of;
using testing_node::SignedStage;
using testing_node::Stage;
using testing_node::Worker;

class SignaturesTest : public ::testing::Test, protected SignedStage {};

TEST_F(SignaturesTest, AnIdIsBoundToItsKey) {
  const KeyPair mine = key_of("mine");
  const KeyPair other = key_of("other");
  join("w", mine);
  const MemberOptions again = {.replace = true};
  EXPECT_EQ(code(try_join("w", other, again)), "other-key");
  EXPECT_EQ(stage.member_status("w"), MemberStatus::kActive) << "nobody was replaced";
  EXPECT_EQ(
      code(stage.call(Stage::principal(), stage.registration({Stage::record("w", {"a"})}, again))),
      "key-required");
  EXPECT_EQ(code(try_join("w", mine, again)), "done");
  stage.restart();
  EXPECT_EQ(code(try_join("w", other, again)), "other-key") << "after a restart";
  audit();
}

TEST_F(SignaturesTest, AProofIsOfTheKeyAndTheMember) {
  const KeyPair mine = key_of("mine");
  const KeyPair other = key_of("other");
  Register stolen = registration("w", mine, {});
  stolen.proofs = {proof_of("w", other)};
  EXPECT_EQ(code(stage.call(Stage::principal(), stolen)), "bad-proof");
  stolen.proofs = {proof_of("x", mine)};
  EXPECT_EQ(code(stage.call(Stage::principal(), stolen)), "bad-proof");
  stolen.proofs = {};
  EXPECT_EQ(code(stage.call(Stage::principal(), stolen)), "bad-proof");
  EXPECT_FALSE(stage.node().find_member(Stage::member("w")));
}

TEST_F(SignaturesTest, WhoeverDemandsKeysTakesNobodyWithoutOne) {
  Stage strict(config(true));
  const ReplyBody reply =
      strict.call(Stage::principal(), strict.registration({Stage::record("w", {"a"})}));
  EXPECT_EQ(code(reply), "key-required");
}

TEST_F(SignaturesTest, AnOperatorLetsAnotherKeyIn) {
  const KeyPair mine = key_of("mine");
  const KeyPair next = key_of("next");
  Worker w = join("w", mine);
  EXPECT_EQ(code(patch("w", bytes(next), false, Stage::token(w))), "operator-only");
  EXPECT_EQ(code(patch("w", bytes(next), false)), "done");
  stage.submit("p", {"a"});
  EXPECT_EQ(code(complete(w, "p", 1, "1", lineage::sign(mine, completion("p", 1, "w", "1")))),
            "done")
      << "until then the old one is good";
  const MemberOptions again = {.replace = true};
  w = Stage::joined("w", try_join("w", next, again));
  EXPECT_EQ(code(try_join("w", mine, again)), "revoked-key");
  stage.submit("q", {"a"});
  EXPECT_EQ(code(complete(w, "q", 1, "1", lineage::sign(mine, completion("q", 1, "w", "1")))),
            "revoked-key");
  EXPECT_EQ(code(complete(w, "q", 1, "1", lineage::sign(next, completion("q", 1, "w", "1")))),
            "done");
  EXPECT_EQ(audit().signatures.results, 2u);
}

TEST_F(SignaturesTest, ARevokedKeyIsGoodForNothing) {
  const KeyPair mine = key_of("mine");
  Worker w = join("w", mine);
  stage.submit("p", {"a"});
  EXPECT_EQ(code(patch("w", std::nullopt, true)), "done");
  EXPECT_EQ(code(complete(w, "p", 1, "1", lineage::sign(mine, completion("p", 1, "w", "1")))),
            "revoked-key");
  EXPECT_EQ(code(complete(w, "p", 1, "1", "")), "signature-required");
  const MemberOptions again = {.replace = true};
  EXPECT_EQ(code(try_join("w", mine, again)), "revoked-key");
  EXPECT_EQ(code(try_join("w", key_of("other"), again)), "other-key");
  EXPECT_EQ(code(patch("w", bytes(key_of("other")), false)), "done");
  EXPECT_EQ(code(try_join("w", key_of("other"), again)), "done");
  audit();
}

TEST_F(SignaturesTest, AResultIsTakenAsItsOwnerSignedIt) {
  const KeyPair mine = key_of("mine");
  Worker w = join("w", mine);
  stage.submit("p", {"a"});
  const auto tried = [&](const KeyPair& by, const lineage::Completion& said) {
    return code(complete(w, "p", 1, "1", lineage::sign(by, said)));
  };
  EXPECT_EQ(code(complete(w, "p", 1, "1", "")), "signature-required");
  EXPECT_EQ(tried(key_of("other"), completion("p", 1, "w", "1")), "unknown-key");
  EXPECT_EQ(tried(mine, completion("p", 1, "w", "2")), "wrong-statement") << "another result";
  EXPECT_EQ(tried(mine, completion("p", 2, "w", "1")), "wrong-statement") << "another epoch";
  EXPECT_EQ(tried(mine, completion("q", 1, "w", "1")), "wrong-statement") << "another packet";
  EXPECT_EQ(tried(mine, completion("p", 1, "x", "1")), "wrong-statement") << "another member";
  auto elsewhere = completion("p", 1, "w", "1");
  elsewhere.pool = "another";
  EXPECT_EQ(tried(mine, elsewhere), "wrong-statement") << "another pool";
  std::string spoilt = lineage::sign(mine, completion("p", 1, "w", "1"));
  spoilt.back() = static_cast<char>(spoilt.back() ^ 1);
  EXPECT_EQ(code(complete(w, "p", 1, "1", spoilt)), "bad-signature");
  EXPECT_EQ(code(complete(w, "p", 1, "1", "noise")), "bad-envelope");
  EXPECT_EQ(code(complete(w, "p", 1, "1", proof_of("w", mine))), "wrong-type");
  EXPECT_EQ(stage.status("p"), Status::kAssigned) << "nothing of that was done";
  EXPECT_EQ(tried(mine, completion("p", 1, "w", "1")), "done");
  EXPECT_EQ(tried(mine, completion("p", 1, "w", "1")), "done") << "the kept answer";
  const lineage::AuditReport report = audit();
  EXPECT_EQ(report.signatures.results, 1u);
  EXPECT_EQ(report.signatures.unsigned_results, 0u);
}

// A failure is the owner's word as much as a result: nobody else may make one up.
TEST_F(SignaturesTest, AFailureIsSignedToo) {
  const KeyPair mine = key_of("mine");
  Worker w = join("w", mine);
  stage.submit("p", {"a"});
  const auto fail = [&](uint64_t epoch, bool retry,
                        const std::optional<lineage::Completion>& said) {
    OwnerCall call = Stage::owner_call(Call::kFail, "p", epoch);
    call.content = json("{\"message\":\"no ink\"}");
    call.retry = retry;
    if (said) call.evidence = lineage::Evidence{lineage::sign(mine, *said), 0, {}};
    return code(stage.own(Stage::token(w), call));
  };
  const auto said = [](uint64_t epoch, const std::string& error) {
    lineage::Completion completed = completion("p", epoch, "w", error);
    completed.end = lineage::End::kFailed;
    return completed;
  };
  const std::string error = "{\"message\":\"no ink\"}";
  EXPECT_EQ(fail(1, true, std::nullopt), "signature-required");
  EXPECT_EQ(fail(1, true, completion("p", 1, "w", error)), "wrong-statement") << "a result";
  EXPECT_EQ(fail(1, true, said(1, "{}")), "wrong-statement") << "another error";
  EXPECT_EQ(fail(1, true, said(1, error)), "done");
  for (int i = 0; i < 10 && stage.status("p") != Status::kAssigned; ++i) {
    stage.heartbeat(w);
    stage.advance(seconds(1));
  }
  ASSERT_EQ(stage.status("p"), Status::kAssigned) << "it is tried again";
  EXPECT_EQ(fail(2, false, said(1, error)), "wrong-statement") << "of the attempt before";
  EXPECT_EQ(fail(2, false, said(2, error)), "done");
  const lineage::AuditReport report = audit();
  EXPECT_EQ(report.signatures.results, 1u) << "the one that ended it";
  EXPECT_EQ(report.signatures.unsigned_results, 0u);
}

TEST_F(SignaturesTest, WhoHasNoKeyCannotSign) {
  Worker w = stage.join("w", {"a"});
  stage.submit("p", {"a"});
  EXPECT_EQ(
      code(complete(w, "p", 1, "1", lineage::sign(key_of("mine"), completion("p", 1, "w", "1")))),
      "unknown-key");
  EXPECT_EQ(code(complete(w, "p", 1, "1", "")), "done");
  EXPECT_EQ(audit().signatures.unsigned_results, 1u);
}

TEST_F(SignaturesTest, OneSignatureStandsForABatch) {
  const KeyPair mine = key_of("mine");
  Worker w = join("w", mine, {.max_load = 10});
  std::vector<std::string> payloads;
  OwnerCalls calls;
  for (const std::string id : {"p", "q", "r"}) {
    stage.submit(id, {"a"});
    payloads.push_back(lineage::encode(completion(id, 1, "w", "1")));
    calls.items.emplace_back(Stage::owner_call(Call::kComplete, id, 1, "1"));
  }
  const auto all = lineage::sign_batch(mine, kPool, lineage::Completion::kType, payloads);
  for (size_t i = 0; i < all.size(); ++i) calls.items[i]->evidence = all[i];
  calls.items[1]->content = json("2");  // not what was signed
  const ReplyBody reply = stage.call(Stage::token(w), calls);
  const auto& items = std::get<BatchReply>(reply).items;
  EXPECT_TRUE(std::holds_alternative<OwnerReply>(items[0]));
  ASSERT_TRUE(std::holds_alternative<Error>(items[1]));
  EXPECT_EQ(std::get<Error>(items[1]).reason_code, "wrong-statement");
  EXPECT_TRUE(std::holds_alternative<OwnerReply>(items[2]));
  EXPECT_EQ(audit().signatures.results, 2u);
}

TEST_F(SignaturesTest, AnIdThatIsForgottenIsNobodysAnyMore) {
  const KeyPair mine = key_of("mine");
  Worker w = join("w", mine);
  stage.call(Stage::token(w), Retire{Stage::ref(w)});
  EXPECT_EQ(code(try_join("w", key_of("other"))), "other-key") << "not by leaving alone";
  stage.jump(seconds(2 * 3600));
  stage.advance(seconds(20));
  EXPECT_EQ(code(try_join("w", key_of("other"))), "other-key");
  stage.jump(seconds(31 * 24 * 3600));
  stage.advance(seconds(20));
  EXPECT_EQ(code(try_join("w", key_of("other"))), "done");
  audit();
}

}  // namespace
}  // namespace phoenix
