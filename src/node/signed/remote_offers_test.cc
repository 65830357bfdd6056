// Handoffs that both sides sign, where keeper, giver's home and receiver's home are three hosts:
// each of them is killed at every step, and always there is one owner, who can end the packet, and
// a lineage that convinces the verifier.
#include <gtest/gtest.h>

#include "node/remote/test_hosts.h"
#include "node/signed/test_signers.h"

namespace phoenix {
namespace {

using testing_node::audit_of;
using testing_node::code;
using testing_node::Hosts;
using testing_node::json;
using testing_node::key_of;
using testing_node::kPool;
using testing_node::proof_of;
using testing_node::Stage;
using testing_node::Worker;

constexpr const char* kKeeper = "keeper";
constexpr const char* kGiving = "giving";
constexpr const char* kTaking = "taking";

class RemoteOffersTest : public ::testing::Test {
 protected:
  RemoteOffersTest() {
    giver = join(kGiving, "giver");
    packet = hosts.submit(kKeeper);
    hosts.poll(kGiving, giver);
    receiver = join(kTaking, "receiver");
  }

  Worker join(const std::string& host, const std::string& id) {
    Register wanted;
    wanted.single = true;
    wanted.members = {Stage::record(id, {"a"}, {.max_load = 10})};
    wanted.members[0].public_key = testing_node::bytes(key_of(id));
    wanted.proofs = {proof_of(id, key_of(id))};
    wanted.session_id = "session-" + id;
    return Stage::joined(id, hosts.call(host, Stage::principal(), wanted));
  }
  std::string host_of(const Worker& worker) { return hosts.home(worker.session); }

  lineage::HandoffOffer offer() {
    lineage::HandoffOffer said;
    said.pool = kPool;
    said.ns = "default";
    said.packet = packet;
    said.epoch = hosts.epoch(packet);
    said.offer = "offer-1";
    said.giver = {giver.id, giver.incarnation};
    said.receiver = receiver.id;
    said.expires_at = hosts.now().wall + 60'000;
    said.context = lineage::sha256("7");
    return said;
  }
  RequestId ask(const std::string& keeper, const lineage::HandoffOffer& said) {
    return ask(keeper, said, key_of(giver.id));
  }
  RequestId ask(const std::string& keeper, const lineage::HandoffOffer& said,
                const lineage::KeyPair& by) {
    OwnerCall call = Stage::owner_call(Call::kHandoff, packet, said.epoch, said.receiver);
    call.to = said.receiver;
    call.content = json("7");
    call.statement = lineage::sign(by, said);
    return hosts.ask(keeper, Stage::token(giver), OwnerCalls{{call}, true});
  }
  RequestId accept(const std::string& keeper, const lineage::HandoffOffer& said) {
    OwnerCall call = Stage::owner_call(Call::kAccept, packet, said.epoch, "");
    call.statement = lineage::sign(
        key_of(receiver.id), lineage::HandoffAcceptance{kPool,
                                                        "default",
                                                        packet,
                                                        said.epoch,
                                                        lineage::sha256(lineage::encode(said)),
                                                        {receiver.id, receiver.incarnation},
                                                        said.context,
                                                        hosts.now().wall});
    return hosts.ask(keeper, Stage::token(receiver), OwnerCalls{{call}, true});
  }
  std::string given(RequestId id) {
    const ReplyBody* reply = hosts.answer(id);
    return reply == nullptr ? "waits" : code(*reply);
  }
  std::string complete(const Worker& worker, const std::string& keeper) {
    const uint64_t epoch = hosts.epoch(packet);
    OwnerCall call = Stage::owner_call(Call::kComplete, packet, epoch, "1");
    const lineage::Completion said{
        kPool, "default", packet, epoch, worker.id, lineage::End::kCompleted, lineage::sha256("1")};
    call.evidence = lineage::Evidence{lineage::sign(key_of(worker.id), said), 0, {}};
    return given(hosts.ask(keeper, Stage::token(worker), OwnerCalls{{call}, true}));
  }

  Hosts hosts{{kKeeper, kGiving, kTaking}};
  Worker giver;
  Worker receiver;
  std::string packet;
};

TEST_F(RemoteOffersTest, TheQuestionGoesToTheReceiversHome) {
  const lineage::HandoffOffer said = offer();
  const RequestId asked = ask(kKeeper, said);
  EXPECT_EQ(given(asked), "waits");
  const DeliveriesReply told = hosts.poll(kTaking, receiver);
  ASSERT_EQ(told.offers.size(), 1u);
  EXPECT_EQ(told.offers[0].packet, Stage::packet(packet));
  EXPECT_EQ(told.offers[0].context->data, "7");
  EXPECT_EQ(given(accept(kKeeper, said)), "done");
  EXPECT_EQ(given(asked), "done");
  EXPECT_EQ(hosts.owner(packet), "receiver");
  EXPECT_EQ(hosts.poll(kTaking, receiver).deliveries.size(), 1u);
  EXPECT_EQ(complete(receiver, kKeeper), "done");
  const lineage::AuditReport report = audit_of(hosts.records);
  EXPECT_EQ(report.signatures.handoffs, 1u);
  EXPECT_EQ(report.signatures.results, 1u);
}

TEST_F(RemoteOffersTest, WhatWasTakenIsNotAskedForAgain) {
  const lineage::HandoffOffer said = offer();
  ask(kKeeper, said);
  EXPECT_EQ(given(accept(kKeeper, said)), "done");
  const DeliveriesReply told = hosts.poll(kTaking, receiver);
  EXPECT_EQ(told.deliveries.size(), 1u);
  EXPECT_TRUE(told.offers.empty());
}

TEST_F(RemoteOffersTest, AnOfferThatHasLeftIsCheckedAndMayBeOver) {
  const lineage::HandoffOffer said = offer();
  const RequestId asked = ask(kKeeper, said, key_of("somebody else"));
  EXPECT_EQ(hosts.said<Offered>(kKeeper, kTaking), 1u) << "its receiver was asked at once";
  EXPECT_EQ(given(asked), "unknown-key");
  EXPECT_EQ(given(accept(kKeeper, said)), "no-offer");
  EXPECT_EQ(hosts.owner(packet), "giver");
  lineage::HandoffOffer other = said;
  other.context = lineage::sha256("8");
  EXPECT_EQ(given(ask(kKeeper, other)), "altered-context");
  other = said;
  other.contract = lineage::sha256("c");
  EXPECT_EQ(given(ask(kKeeper, other)), "unknown-contract");
  other = said;
  other.expires_at = hosts.now().wall;
  EXPECT_EQ(given(ask(kKeeper, other)), "offer-expired");
  EXPECT_EQ(hosts.owner(packet), "giver");
}

TEST_F(RemoteOffersTest, NothingIsCommittedBeforeItsOfferWasChecked) {
  hosts.checks_soon = false;
  const lineage::HandoffOffer said = offer();
  const RequestId forged = ask(kKeeper, said, key_of("somebody else"));
  EXPECT_EQ(given(forged), "waits");
  EXPECT_EQ(given(accept(kKeeper, said)), "no-offer");
  EXPECT_EQ(given(forged), "unknown-key");
  EXPECT_EQ(hosts.owner(packet), "giver");
  const RequestId good = ask(kKeeper, said);
  EXPECT_EQ(given(accept(kKeeper, said)), "done") << "checked when the acceptance came";
  EXPECT_EQ(given(good), "done");
  EXPECT_EQ(hosts.owner(packet), "receiver");
  EXPECT_EQ(audit_of(hosts.records).signatures.handoffs, 1u);
}

TEST_F(RemoteOffersTest, AnUncheckedOfferEndsWithItsPacket) {
  hosts.checks_soon = false;
  const RequestId asked = ask(kKeeper, offer());
  EXPECT_EQ(complete(giver, kKeeper), "done");
  hosts.advance(milliseconds(50));
  ASSERT_NE(hosts.answer(asked), nullptr);
  EXPECT_EQ(std::get<Error>(*hosts.answer(asked)).kind, ErrorKind::kMisdirected)
      << "the same call finds what became of it";
}

TEST_F(RemoteOffersTest, AQuestionThatIsLostIsAskedAgain) {
  hosts.cut(kKeeper, kTaking);
  const RequestId asked = ask(kKeeper, offer());
  EXPECT_TRUE(hosts.poll(kTaking, receiver).offers.empty());
  for (int i = 0; i < 8; ++i) {
    hosts.advance(milliseconds(500));
    hosts.poll(kGiving, giver);
    hosts.poll(kTaking, receiver);
  }
  EXPECT_EQ(given(asked), "offer-expired");
  EXPECT_EQ(hosts.owner(packet), "giver");
  hosts.heal();
  const lineage::HandoffOffer said = offer();
  const RequestId again = ask(kKeeper, said);
  ASSERT_EQ(hosts.poll(kTaking, receiver).offers.size(), 1u);
  EXPECT_EQ(given(accept(kKeeper, said)), "done");
  EXPECT_EQ(given(again), "done");
}

TEST_F(RemoteOffersTest, ASlotThatMovesTakesNoOfferAlong) {
  const lineage::HandoffOffer said = offer();
  const RequestId asked = ask(kKeeper, said);
  hosts.move({Hosts::slot(packet)}, kKeeper, kGiving);
  hosts.advance(milliseconds(50));
  ASSERT_NE(hosts.answer(asked), nullptr);
  EXPECT_EQ(std::get<Error>(*hosts.answer(asked)).kind, ErrorKind::kMisdirected)
      << "the same call finds its new keeper";
  const RequestId again = ask(kGiving, said);
  EXPECT_EQ(given(accept(kGiving, said)), "done");
  EXPECT_EQ(given(again), "done");
  EXPECT_EQ(audit_of(hosts.records).signatures.handoffs, 1u);
}

// The steps of a handoff, one after the other; kills that host after so many of them.
class KilledTest : public RemoteOffersTest,
                   public ::testing::WithParamInterface<std::tuple<const char*, int>> {
 protected:
  bool alive(const std::string& host) {
    const auto all = hosts.alive();
    return std::find(all.begin(), all.end(), host) != all.end();
  }
  // Back to some host that lives, as a worker does.
  void come_back(Worker& worker) {
    const std::string home = host_of(worker);
    if (!alive(home)) hosts.attach(hosts.alive()[0], worker);
    hosts.poll(host_of(worker), worker);
  }
};

TEST_P(KilledTest, OneOwnerWhoCanEndIt) {
  const auto [victim, after] = GetParam();
  const lineage::HandoffOffer said = offer();
  const std::vector<std::function<void()>> steps = {[&] { hosts.hold(kKeeper, kTaking); },
                                                    [&] { ask(kKeeper, said); },
                                                    [&] { hosts.let_go(); },
                                                    [&] {
                                                      if (alive(kTaking))
                                                        hosts.poll(kTaking, receiver);
                                                    },
                                                    [&] { hosts.hold_writes(kKeeper); },
                                                    [&] { accept(kKeeper, said); },
                                                    [&] { hosts.let_writes_go(kKeeper); },
                                                    [&] {
                                                      if (alive(kTaking))
                                                        hosts.poll(kTaking, receiver);
                                                    }};
  for (int step = 0; step < after; ++step) steps[static_cast<size_t>(step)]();
  hosts.kill(victim);
  hosts.let_go();
  // What is left of the steps goes on where its hosts live.
  for (size_t step = static_cast<size_t>(after); step < steps.size(); ++step) {
    if (alive(kKeeper)) steps[step]();
  }
  if (alive(kKeeper)) hosts.let_writes_go(kKeeper);
  hosts.drop_dead(hosts.alive()[0]);
  for (int i = 0; i < 10; ++i) {
    hosts.advance(milliseconds(100));
    come_back(giver);
    come_back(receiver);
  }
  const std::string keeper = hosts.driver(Hosts::slot(packet));
  const std::string owner = hosts.owner(packet);
  ASSERT_TRUE(owner == "giver" || owner == "receiver") << owner;
  const Worker& holder = owner == "giver" ? giver : receiver;
  const Worker& other = owner == "giver" ? receiver : giver;
  EXPECT_NE(complete(other, keeper), "done");
  EXPECT_EQ(complete(holder, keeper), "done");
  EXPECT_EQ(hosts.status(packet), Status::kCompleted);
  EXPECT_EQ(audit_of(hosts.records).signatures.results, 1u);
}

INSTANTIATE_TEST_SUITE_P(EveryStep, KilledTest,
                         ::testing::Combine(::testing::Values(kKeeper, kGiving, kTaking),
                                            ::testing::Range(0, 9)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) + "_after_" +
                                  std::to_string(std::get<1>(info.param));
                         });

}  // namespace
}  // namespace phoenix
