// Handoffs that both sides sign: what is asked, what is taken, and that the giver keeps the packet
// whatever else happens.
#include <gtest/gtest.h>

#include "node/signed/test_signers.h"

namespace phoenix {
namespace {

using testing_node::code;
using testing_node::json;
using testing_node::key_of;
using testing_node::kPool;
using testing_node::SignedStage;
using testing_node::Stage;
using testing_node::Worker;

class OffersTest : public ::testing::Test, protected SignedStage {
 protected:
  OffersTest() {
    giver = join("giver", key_of("giver"));
    stage.submit("p", {"a"});
    receiver = join("receiver", key_of("receiver"));
  }

  lineage::HandoffOffer offer(const std::string& to = "receiver") {
    lineage::HandoffOffer said;
    said.pool = kPool;
    said.ns = "default";
    said.packet = "p";
    said.epoch = 1;
    said.offer = "offer-1";
    said.giver = {"giver", giver.incarnation};
    said.receiver = to;
    said.expires_at = stage.now().wall + 60'000;
    said.context = lineage::sha256("7");
    return said;
  }
  static OwnerCall handoff(const lineage::HandoffOffer& said, std::string envelope) {
    OwnerCall call = Stage::owner_call(Call::kHandoff, "p", said.epoch, said.receiver);
    call.to = said.receiver;
    call.content = json("7");
    call.statement = std::move(envelope);
    return call;
  }
  RequestId ask(const lineage::HandoffOffer& said) {
    return stage.ask(Stage::token(giver),
                     OwnerCalls{{handoff(said, lineage::sign(key_of("giver"), said))}, true});
  }
  std::string try_offer(const lineage::HandoffOffer& said, const lineage::KeyPair& by) {
    return code(stage.own(Stage::token(giver), handoff(said, lineage::sign(by, said))));
  }
  lineage::HandoffAcceptance acceptance(const lineage::HandoffOffer& said) {
    return {kPool,
            "default",
            said.packet,
            said.epoch,
            lineage::sha256(lineage::encode(said)),
            {"receiver", receiver.incarnation},
            said.context,
            stage.now().wall};
  }
  ReplyBody accept(const lineage::HandoffAcceptance& said, const lineage::KeyPair& by,
                   const Worker& who) {
    OwnerCall call = Stage::owner_call(Call::kAccept, "p", said.epoch, "");
    call.statement = lineage::sign(by, said);
    return stage.own(Stage::token(who), std::move(call));
  }
  std::string given(RequestId id) {
    const Reply* reply = stage.answer(id);
    return reply == nullptr ? "waits" : code(reply->body);
  }

  // Both get room for many, and the giver has many: `mine`.
  void give_more() {
    giver = join("giver", key_of("giver"), {.max_load = 1000, .replace = true});
    receiver = join("receiver", key_of("receiver"), {.max_load = 1000, .replace = true});
    for (int i = 0; mine.size() < 259; ++i) {
      const std::string id = "q" + std::to_string(i);
      stage.submit(id, {"a"});
      if (stage.owner(id) == "giver") mine.push_back(id);
    }
    stage.poll(receiver);
  }
  lineage::HandoffOffer offer_of(const std::string& id) {
    lineage::HandoffOffer said = offer();
    said.packet = id;
    said.context = digest;
    return said;
  }
  void set_context(const std::string& text) {
    context = json(text);
    digest = lineage::sha256(text);
  }
  RequestId ask_for(const std::string& id) {
    const lineage::HandoffOffer said = offer_of(id);
    OwnerCall call = handoff(said, lineage::sign(key_of("giver"), said));
    call.key = Stage::packet(id);
    call.content = context;
    return stage.ask(Stage::token(giver), OwnerCalls{{call}, true});
  }

  Worker giver;
  Worker receiver;
  std::vector<std::string> mine;
  std::shared_ptr<const Content> context = json("7");
  Digest digest = lineage::sha256("7");
};

TEST_F(OffersTest, TheReceiverIsAskedAndTheCommitCarriesBothSignatures) {
  const lineage::HandoffOffer said = offer();
  const RequestId asked = ask(said);
  EXPECT_EQ(given(asked), "waits");
  EXPECT_EQ(stage.owner("p"), "giver") << "an offer moves nothing";
  const DeliveriesReply told = stage.poll(receiver);
  ASSERT_EQ(told.offers.size(), 1u);
  EXPECT_EQ(told.offers[0].member, "receiver");
  EXPECT_EQ(told.offers[0].packet, Stage::packet("p"));
  EXPECT_EQ(told.offers[0].context->data, "7");
  EXPECT_TRUE(told.deliveries.empty());
  EXPECT_EQ(code(accept(acceptance(said), key_of("receiver"), receiver)), "done");
  EXPECT_EQ(given(asked), "done");
  EXPECT_EQ(stage.owner("p"), "receiver");
  EXPECT_EQ(stage.epoch("p"), 2u);
  EXPECT_EQ(stage.poll(receiver).deliveries.size(), 1u);
  EXPECT_EQ(code(accept(acceptance(said), key_of("receiver"), receiver)), "done") << "repeated";
  EXPECT_EQ(try_offer(said, key_of("giver")), "done") << "the kept answer";
  const lineage::AuditReport report = audit();
  EXPECT_EQ(report.signatures.handoffs, 1u);
  EXPECT_EQ(report.signatures.unsigned_handoffs, 0u);
}

// Without a clock of the driver's, only what lies between inputs is measured.
TEST_F(OffersTest, OfAHandoffTheWayAndTheCommitAreMeasured) {
  const lineage::HandoffOffer said = offer();
  ask(said);
  stage.advance(milliseconds(40));
  EXPECT_EQ(code(accept(acceptance(said), key_of("receiver"), receiver)), "done");
  const auto phase = [this](HandoffPhase of) -> const Samples& {
    return stage.node().stats().handoff_phases[static_cast<size_t>(of)];
  };
  EXPECT_EQ(stage.node().stats().handoff.max(), milliseconds(40));
  EXPECT_EQ(phase(HandoffPhase::kTransmit).max(), milliseconds(40));
  EXPECT_EQ(phase(HandoffPhase::kCommit).count(), 1u);
  for (const HandoffPhase absent : {HandoffPhase::kPolicy, HandoffPhase::kSign,
                                    HandoffPhase::kSerialize, HandoffPhase::kVerify}) {
    EXPECT_EQ(phase(absent).count(), 0u);
  }
}

// Each look at it takes a millisecond.
TEST(HandoffPhases, AClockThatIsLentMeasuresTheRest) {
  NodeConfig config = SignedStage::config();
  config.work_clock = [at = Instant{}]() mutable { return at = at + milliseconds(1); };
  Stage stage(config);
  const Worker giver = stage.join("giver", {"a"});
  stage.submit("p", {"a"});
  stage.join("receiver", {"a"});
  OwnerCall call = Stage::owner_call(Call::kHandoff, "p", 1, "7");
  call.to = "receiver";
  EXPECT_EQ(code(stage.own(Stage::token(giver), call)), "done");
  const auto& phases = stage.node().stats().handoff_phases;
  const auto count = [&](HandoffPhase of) { return phases[static_cast<size_t>(of)].count(); };
  EXPECT_EQ(count(HandoffPhase::kPolicy), 1u);
  EXPECT_EQ(count(HandoffPhase::kSerialize), 1u);
  EXPECT_EQ(count(HandoffPhase::kCommit), 1u);
  EXPECT_EQ(count(HandoffPhase::kVerify), 0u) << "nobody has signed";
  EXPECT_EQ(count(HandoffPhase::kTransmit), 0u) << "nobody was asked";
  EXPECT_EQ(phases[static_cast<size_t>(HandoffPhase::kPolicy)].max(), milliseconds(1));
}

TEST_F(OffersTest, AnOfferSaysWhatTheCallSays) {
  const lineage::KeyPair mine = key_of("giver");
  OwnerCall bare = handoff(offer(), "");
  EXPECT_EQ(code(stage.own(Stage::token(giver), bare)), "signature-required");
  EXPECT_EQ(try_offer(offer(), key_of("other")), "unknown-key");
  const auto changed = [&](auto change) {
    lineage::HandoffOffer said = offer();
    change(said);
    return code(stage.own(Stage::token(giver), handoff(offer(), lineage::sign(mine, said))));
  };
  EXPECT_EQ(changed([](auto& said) { said.packet = "q"; }), "wrong-packet");
  EXPECT_EQ(changed([](auto& said) { said.ns = "other"; }), "wrong-packet");
  EXPECT_EQ(changed([](auto& said) { said.pool = "other"; }), "wrong-packet");
  EXPECT_EQ(changed([](auto& said) { said.epoch = 2; }), "stale-offer");
  EXPECT_EQ(changed([](auto& said) { ++said.giver.incarnation; }), "wrong-giver");
  EXPECT_EQ(changed([](auto& said) { said.giver.id = "receiver"; }), "wrong-giver");
  EXPECT_EQ(changed([](auto& said) { said.receiver = "giver"; }), "wrong-receiver");
  EXPECT_EQ(changed([](auto& said) { said.selector = {"a"}; }), "wrong-receiver");
  EXPECT_EQ(changed([](auto& said) { said.context = lineage::sha256("8"); }), "altered-context");
  EXPECT_EQ(changed([](auto& said) { said.contract = lineage::sha256("c"); }), "unknown-contract");
  EXPECT_EQ(changed([&](auto& said) { said.expires_at = stage.now().wall; }), "offer-expired");
  EXPECT_TRUE(stage.poll(receiver).offers.empty()) << "nobody was asked";
  EXPECT_EQ(stage.owner("p"), "giver");
}

TEST_F(OffersTest, AnAcceptanceIsOfThisOfferByItsReceiver) {
  const lineage::HandoffOffer said = offer();
  const RequestId asked = ask(said);
  const lineage::KeyPair mine = key_of("receiver");
  const auto changed = [&](auto change) {
    lineage::HandoffAcceptance accepted = acceptance(said);
    change(accepted);
    return code(accept(accepted, mine, receiver));
  };
  EXPECT_EQ(code(accept(acceptance(said), key_of("giver"), receiver)), "unknown-key");
  EXPECT_EQ(code(accept(acceptance(said), mine, giver)), "no-offer");
  EXPECT_EQ(changed([](auto& accepted) { accepted.packet = "q"; }), "wrong-packet");
  EXPECT_EQ(changed([](auto& accepted) { accepted.offer = lineage::sha256("x"); }), "wrong-offer");
  EXPECT_EQ(changed([](auto& accepted) { accepted.receiver.incarnation = 9; }), "wrong-receiver");
  EXPECT_EQ(changed([](auto& accepted) { accepted.context.reset(); }), "altered-context");
  EXPECT_EQ(given(asked), "waits");
  EXPECT_EQ(stage.owner("p"), "giver");
  EXPECT_EQ(changed([](auto&) {}), "done");
}

TEST_F(OffersTest, NobodyAnswersAndTheGiverKeepsIt) {
  const RequestId asked = ask(offer());
  for (int i = 0; i < 4; ++i) {
    stage.advance(seconds(1));
    stage.heartbeat(giver);
    stage.heartbeat(receiver);
  }
  EXPECT_EQ(given(asked), "offer-expired");
  EXPECT_EQ(code(accept(acceptance(offer()), key_of("receiver"), receiver)), "no-offer");
  EXPECT_EQ(stage.owner("p"), "giver");
  const std::string envelope = lineage::sign(
      key_of("giver"), lineage::Completion{kPool, "default", "p", 1, "giver",
                                           lineage::End::kCompleted, lineage::sha256("1")});
  EXPECT_EQ(code(complete(giver, "p", 1, "1", envelope)), "done");
}

TEST_F(OffersTest, TheReceiverMayDecline) {
  const RequestId asked = ask(offer());
  OwnerCall no = Stage::owner_call(Call::kAccept, "p", 1, "");
  no.declines = true;
  no.reason = "I am busy";
  EXPECT_EQ(code(stage.own(Stage::token(receiver), no)), "done");
  EXPECT_EQ(given(asked), "offer-declined");
  EXPECT_EQ(stage.owner("p"), "giver");
}

TEST_F(OffersTest, TheGiverMayEndThePacketMeanwhile) {
  const RequestId asked = ask(offer());
  const std::string envelope = lineage::sign(
      key_of("giver"), lineage::Completion{kPool, "default", "p", 1, "giver",
                                           lineage::End::kCompleted, lineage::sha256("1")});
  EXPECT_EQ(code(complete(giver, "p", 1, "1", envelope)), "done");
  const ReplyBody late = accept(acceptance(offer()), key_of("receiver"), receiver);
  EXPECT_NE(code(late), "done");
  EXPECT_NE(given(asked), "done");
  EXPECT_EQ(stage.status("p"), Status::kCompleted);
  audit();
}

TEST_F(OffersTest, AGiverThatIsLostTakesItsOfferAlong) {
  const lineage::HandoffOffer said = offer();
  const RequestId asked = ask(said);
  stage.advance(milliseconds(2900));
  stage.heartbeat(receiver);
  stage.advance(milliseconds(500));
  EXPECT_NE(given(asked), "waits");
  EXPECT_NE(given(asked), "done");
  EXPECT_EQ(stage.epoch("p"), 2u) << "it was lost to the receiver, by eviction";
  EXPECT_NE(code(accept(acceptance(said), key_of("receiver"), receiver)), "no-receiver");
  audit();
}

TEST_F(OffersTest, AReceiverInItsNextLifeWasNotAsked) {
  const lineage::HandoffOffer said = offer();
  const RequestId asked = ask(said);
  const Worker again = join("receiver", key_of("receiver"), {.replace = true});
  EXPECT_EQ(code(accept(acceptance(said), key_of("receiver"), again)), "receiver-gone");
  EXPECT_EQ(given(asked), "receiver-gone");
  EXPECT_EQ(stage.owner("p"), "giver");
}

TEST_F(OffersTest, AReceiverThatIsLostIsNotWaitedFor) {
  stage.advance(milliseconds(2000));
  stage.heartbeat(giver);
  const RequestId asked = ask(offer());
  stage.advance(milliseconds(1200));
  EXPECT_EQ(given(asked), "receiver-gone") << "its lease ran out; the offer would be open still";
  EXPECT_EQ(stage.owner("p"), "giver");
}

TEST_F(OffersTest, TheCommitDecides) {
  const lineage::HandoffOffer said = offer();
  const RequestId asked = ask(said);
  stage.store(testing_node::StoreMode::kRefuse);
  const ReplyBody reply = accept(acceptance(said), key_of("receiver"), receiver);
  ASSERT_TRUE(std::holds_alternative<Error>(reply));
  EXPECT_EQ(std::get<Error>(reply).kind, ErrorKind::kStoreUnreachable);
  EXPECT_EQ(std::get<Error>(stage.answer(asked)->body).kind, ErrorKind::kStoreUnreachable);
  stage.store(testing_node::StoreMode::kWell);
  EXPECT_EQ(stage.owner("p"), "giver");
  const RequestId anew = ask(said);
  EXPECT_EQ(code(accept(acceptance(said), key_of("receiver"), receiver)), "done");
  EXPECT_EQ(given(anew), "done");
  EXPECT_EQ(audit().signatures.handoffs, 1u);
}

TEST_F(OffersTest, AHostThatStopsEndsWhatWaits) {
  const RequestId asked = ask(offer());
  stage.shut_down();
  ASSERT_NE(stage.answer(asked), nullptr);
  EXPECT_EQ(std::get<Error>(stage.answer(asked)->body).kind, ErrorKind::kDraining);
}

TEST_F(OffersTest, ARestartForgetsWhatWasOffered) {
  ask(offer());
  stage.restart();
  stage.heartbeat(giver);
  stage.heartbeat(receiver);
  EXPECT_EQ(code(accept(acceptance(offer()), key_of("receiver"), receiver)), "no-offer");
  EXPECT_EQ(stage.owner("p"), "giver");
}

TEST_F(OffersTest, AChainOfHandoffsAndBackAgainIsOneLineage) {
  std::vector<std::string> names = {"giver", "receiver", "c", "d", "e", "giver"};
  std::map<std::string, Worker> workers = {{"giver", giver}, {"receiver", receiver}};
  for (const std::string name : {"c", "d", "e"}) workers[name] = join(name, key_of(name));
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    lineage::HandoffOffer said = offer(names[i + 1]);
    said.epoch = i + 1;
    said.giver = {names[i], workers[names[i]].incarnation};
    const RequestId asked =
        stage.ask(Stage::token(workers[names[i]]),
                  OwnerCalls{{handoff(said, lineage::sign(key_of(names[i]), said))}, true});
    lineage::HandoffAcceptance yes = acceptance(said);
    yes.receiver = {names[i + 1], workers[names[i + 1]].incarnation};
    EXPECT_EQ(code(accept(yes, key_of(names[i + 1]), workers[names[i + 1]])), "done");
    EXPECT_EQ(given(asked), "done");
    EXPECT_EQ(stage.owner("p"), names[i + 1]);
  }
  EXPECT_EQ(audit().signatures.handoffs, 5u);
}

TEST_F(OffersTest, AReceiverWithoutAKeyIsSpokenForByTheHost) {
  stage.join("plain", {"a"});
  const lineage::HandoffOffer said = offer("plain");
  const RequestId asked = ask(said);
  EXPECT_EQ(given(asked), "done");
  EXPECT_EQ(stage.owner("p"), "plain");
  const lineage::AuditReport report = audit();
  EXPECT_EQ(report.signatures.handoffs, 1u);
  EXPECT_EQ(report.signatures.attested, 1u);
}

TEST_F(OffersTest, WhomTheCapabilitiesLeadToIsAsked) {
  lineage::HandoffOffer said = offer("");
  said.selector = {"a"};
  OwnerCall call = handoff(said, lineage::sign(key_of("giver"), said));
  call.required = {{"a"}};
  const RequestId asked = stage.ask(Stage::token(giver), OwnerCalls{{call}, true});
  ASSERT_EQ(stage.poll(receiver).offers.size(), 1u);
  EXPECT_EQ(code(accept(acceptance(said), key_of("receiver"), receiver)), "done");
  EXPECT_EQ(given(asked), "done");
  EXPECT_EQ(audit().signatures.handoffs, 1u);
}

TEST_F(OffersTest, WhatNobodyCanTakeIsParkedOnTheOfferAlone) {
  lineage::HandoffOffer said = offer("");
  said.selector = {"z"};
  OwnerCall call = handoff(said, lineage::sign(key_of("giver"), said));
  call.required = {{"z"}};
  EXPECT_EQ(code(stage.own(Stage::token(giver), call)), "done");
  EXPECT_EQ(stage.status("p"), Status::kPending);
  audit();
}

TEST_F(OffersTest, AnOpenStreamIsAskedAndANewOneAgain) {
  const RequestId stream = stage.ask(Stage::token(receiver), OpenStream{Stage::ref(receiver), {}});
  stage.portions.clear();
  ask(offer());
  ASSERT_EQ(stage.portions.size(), 1u);
  EXPECT_EQ(stage.portions[0].stream, stream);
  EXPECT_EQ(stage.portions[0].portion.offers.size(), 1u);
  stage.portions.clear();
  stage.ask(Stage::token(receiver), OpenStream{Stage::ref(receiver), {}});
  ASSERT_EQ(stage.portions.size(), 1u);
  EXPECT_EQ(stage.portions[0].portion.offers.size(), 1u);
}

// What was told is not told again with each that comes after it: a thousand open ones would travel
// a thousand times.
TEST_F(OffersTest, AStreamIsToldEachOfThemOnce) {
  give_more();
  const RequestId first = stage.ask(Stage::token(receiver), OpenStream{Stage::ref(receiver), {}});
  stage.portions.clear();
  for (const std::string& id : {mine[0], mine[1], mine[2]}) {
    ask_for(id);
    ASSERT_EQ(stage.portions.size(), 1u);
    ASSERT_EQ(stage.portions[0].portion.offers.size(), 1u);
    EXPECT_EQ(stage.portions[0].stream, first);
    EXPECT_EQ(stage.portions[0].portion.offers[0].packet, Stage::packet(id));
    stage.portions.clear();
  }
  // A delivery has nothing to do with them.
  for (int i = 0; stage.portions.empty(); ++i) stage.submit("more" + std::to_string(i), {"a"});
  for (const auto& told : stage.portions) EXPECT_TRUE(told.portion.offers.empty());
  stage.portions.clear();
  const RequestId second = stage.ask(Stage::token(receiver), OpenStream{Stage::ref(receiver), {}});
  ASSERT_EQ(stage.portions.size(), 1u);
  EXPECT_EQ(stage.portions[0].stream, second);
  EXPECT_EQ(stage.portions[0].portion.offers.size(), 3u);
}

// Nothing acknowledges what a poll has carried of them, and its answer may be lost.
TEST_F(OffersTest, APollIsToldThemAgainAfterAWhile) {
  give_more();
  ask_for(mine[0]);
  EXPECT_EQ(stage.poll(receiver).offers.size(), 1u);
  EXPECT_EQ(stage.poll(receiver).offers.size(), 0u);
  ask_for(mine[1]);
  const DeliveriesReply told = stage.poll(receiver);
  ASSERT_EQ(told.offers.size(), 1u);
  EXPECT_EQ(told.offers[0].packet, Stage::packet(mine[1]));
  stage.advance(milliseconds(1'100));
  EXPECT_EQ(stage.poll(receiver).offers.size(), 2u);
}

// Large contexts are taken up to 256 MiB together; what is over gives its part back.
TEST_F(OffersTest, WhatWaitsHasABound) {
  give_more();
  set_context("\"" + std::string((size_t{1} << 20) - 2, 'c') + "\"");
  RequestId first = 0;
  for (size_t i = 0; i < 257; ++i) {
    const RequestId asked = ask_for(mine[i]);
    if (i == 0) first = asked;
    ASSERT_EQ(given(asked), "waits") << i;
  }
  const Reply* refused = stage.answer(ask_for(mine[257]));
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(std::get<Error>(refused->body).kind, ErrorKind::kTooManyRequests);
  const lineage::HandoffAcceptance yes = acceptance(offer_of(mine[0]));
  OwnerCall call = Stage::owner_call(Call::kAccept, mine[0], 1, "");
  call.statement = lineage::sign(key_of("receiver"), yes);
  EXPECT_EQ(code(stage.own(Stage::token(receiver), call)), "done");
  EXPECT_EQ(given(first), "done");
  EXPECT_EQ(given(ask_for(mine[258])), "waits");
}

TEST_F(OffersTest, WhatWasTakenIsNotAskedForAgain) {
  const lineage::HandoffOffer said = offer();
  ask(said);
  EXPECT_EQ(code(accept(acceptance(said), key_of("receiver"), receiver)), "done");
  stage.portions.clear();
  stage.ask(Stage::token(receiver), OpenStream{Stage::ref(receiver), {}});
  ASSERT_FALSE(stage.portions.empty());
  for (const auto& told : stage.portions) EXPECT_TRUE(told.portion.offers.empty());
}

}  // namespace
}  // namespace phoenix
