// Drain certificates: a member that was drained owns nothing, and every keeper has said so before
// the heads are read that the certificate names.
#include <gtest/gtest.h>

#include "node/remote/test_hosts.h"
#include "node/signed/test_signers.h"

namespace phoenix {
namespace {

using testing_node::audit_of;
using testing_node::Hosts;
using testing_node::key_of;
using testing_node::SignedStage;
using testing_node::Stage;
using testing_node::Worker;

std::vector<lineage::Entry> certified(const testing_node::Records& records) {
  std::vector<lineage::Entry> found;
  for (const std::string& bytes : records.log) {
    auto entry = lineage::decode<lineage::Entry>(bytes);
    if (entry && !entry->certificate.empty()) found.push_back(std::move(*entry));
  }
  return found;
}

lineage::DrainCertificate read(const lineage::Entry& entry) {
  const lineage::PublicKey key = key_of("host").public_key();
  const auto find = [&key](std::string_view id) { return id == key.id() ? &key : nullptr; };
  const auto opened = lineage::open<lineage::DrainCertificate>(entry.certificate, find);
  EXPECT_TRUE(opened);
  return opened ? opened->statement : lineage::DrainCertificate{};
}

TEST(Certificates, OfADrainedMemberNameTheLogsHead) {
  SignedStage signed_stage;
  Stage& stage = signed_stage.stage;
  Worker owner = stage.join("owner", {"a"}, {.max_load = 10});
  stage.submit("p", {"a"});
  stage.poll(owner);
  stage.call(Stage::token(owner), Drain{Stage::ref(owner), {}});
  EXPECT_TRUE(certified(stage.records).empty());
  const size_t before = stage.records.log.size();
  stage.own(owner, Call::kComplete, "p", 1);
  const auto found = certified(stage.records);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].event, "certified");
  const lineage::DrainCertificate said = read(found[0]);
  EXPECT_EQ(said.id, "owner");
  EXPECT_EQ(said.incarnation, owner.incarnation);
  ASSERT_EQ(said.heads.size(), 1U);
  EXPECT_GT(said.heads[0].size, before);
  EXPECT_EQ(signed_stage.audit().certificates, 1U);
}

TEST(Certificates, AreNotMadeForWhoIsLost) {
  SignedStage signed_stage;
  Worker owner = signed_stage.stage.join("owner", {"a"});
  signed_stage.stage.call(Stage::token(owner), Retire{Stage::ref(owner)});
  signed_stage.stage.advance(seconds(5));
  EXPECT_TRUE(certified(signed_stage.stage.records).empty());
}

// That one is owed stands in the member's record, and the certificate takes that away. Until the
// store answers it how long the logs are, a host makes none.
TEST(Certificates, OutlastTheHostThatOwesThem) {
  Hosts hosts({"home"}, key_of("host"));
  Worker owner = hosts.join("home", "owner", {.max_load = 10});
  hosts.without_store.insert("home");
  hosts.call("home", Stage::token(owner), Drain{Stage::ref(owner), {}});
  const MemberRecord& record = hosts.records.members.at(Stage::member("owner"));
  EXPECT_EQ(record.status, MemberStatus::kRetired);
  EXPECT_TRUE(record.uncertified);
  EXPECT_TRUE(certified(hosts.records).empty());
  hosts.without_store.clear();
  for (int life = 0; life < 2; ++life) {
    hosts.kill("home");
    hosts.fence_dead();
    hosts.join_again("home");
    hosts.drop_dead("home");
    hosts.advance(milliseconds(500));
    EXPECT_EQ(certified(hosts.records).size(), 1U) << "it is made once";
    EXPECT_FALSE(record.uncertified);
  }
  EXPECT_EQ(audit_of(hosts.records).certificates, 1U);
}

// A host that shares its store with nobody begins where its last life ended.
TEST(Certificates, AreMadeAfterARestart) {
  SignedStage signed_stage;
  Stage& stage = signed_stage.stage;
  Worker owner = stage.join("owner", {"a"});
  stage.call(Stage::token(owner), Drain{Stage::ref(owner), {}});
  ASSERT_EQ(certified(stage.records).size(), 1U);
  // As it would stand, had the host been killed in between.
  MemberRecord& record = stage.records.members.at(Stage::member("owner"));
  EXPECT_FALSE(record.uncertified);
  record.uncertified = true;
  stage.records.log.pop_back();
  stage.restart();
  EXPECT_EQ(certified(stage.records).size(), 1U);
  EXPECT_FALSE(record.uncertified);
  EXPECT_EQ(signed_stage.audit().certificates, 1U);
}

TEST(Certificates, OfALifeWhoseIdIsTakenAgainStandBesideItsRecord) {
  Hosts hosts({"home", "keeper"}, key_of("host"));
  Worker owner = hosts.join("home", "owner", {.max_load = 10});
  hosts.hold("keeper", "home");
  hosts.call("home", Stage::token(owner), Drain{Stage::ref(owner), {}});
  Worker next = hosts.join("home", "owner", {.max_load = 10});
  ASSERT_GT(next.incarnation, owner.incarnation);
  hosts.let_go();
  hosts.advance(seconds(1));
  const auto found = certified(hosts.records);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(read(found[0]).incarnation, owner.incarnation);
  EXPECT_EQ(audit_of(hosts.records).certificates, 1U);
}

TEST(Certificates, WaitForEveryKeeper) {
  Hosts hosts({"home", "keeper", "third"}, key_of("host"));
  Worker owner = hosts.join("home", "owner", {.max_load = 10});
  const std::string packet = hosts.submit("keeper");
  hosts.poll("home", owner);
  hosts.hold("third", "home");
  hosts.call("home", Stage::token(owner), Drain{Stage::ref(owner), {}});
  hosts.own("keeper", owner, Call::kComplete, packet, 1);
  EXPECT_EQ(hosts.node("home").find_member(Stage::member("owner"))->record->status,
            MemberStatus::kRetired);
  EXPECT_TRUE(certified(hosts.records).empty());
  hosts.advance(seconds(1));
  EXPECT_TRUE(certified(hosts.records).empty());
  hosts.let_go();
  hosts.advance(milliseconds(300));
  ASSERT_EQ(certified(hosts.records).size(), 1U);
  EXPECT_EQ(read(certified(hosts.records)[0]).id, "owner");
}

TEST(Certificates, WaitForAWriteThatIsOnItsWayToTheLeaver) {
  Hosts hosts({"home", "keeper"}, key_of("host"));
  Worker owner = hosts.join("home", "owner", {.max_load = 10});
  // The keeper has decided to give it a packet, and has not heard of the drain.
  hosts.hold("home", "keeper");
  hosts.hold_writes("keeper");
  const std::string id = hosts.id_at("keeper");
  hosts.ask("keeper", Stage::principal(), Stage::single(Stage::item(id, {"a"})));
  hosts.call("home", Stage::token(owner), Drain{Stage::ref(owner), {}});
  EXPECT_EQ(hosts.node("home").find_member(Stage::member("owner"))->record->status,
            MemberStatus::kRetired);
  hosts.let_go();
  EXPECT_TRUE(certified(hosts.records).empty());
  hosts.let_writes_go("keeper");
  hosts.advance(milliseconds(500));
  // It went to the leaver, was taken back, and only then was the certificate made.
  EXPECT_EQ(hosts.owner(id), "");
  const auto found = certified(hosts.records);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(audit_of(hosts.records).certificates, 1U);
}

TEST(Certificates, DoNotWaitForHostsThatAreGone) {
  Hosts hosts({"home", "keeper"}, key_of("host"));
  Worker owner = hosts.join("home", "owner", {.max_load = 10});
  hosts.hold("keeper", "home");
  hosts.call("home", Stage::token(owner), Drain{Stage::ref(owner), {}});
  EXPECT_TRUE(certified(hosts.records).empty());
  hosts.kill("keeper");
  // It may have committed something yet.
  hosts.advance(seconds(1));
  EXPECT_TRUE(certified(hosts.records).empty());
  hosts.drop_dead("home");
  hosts.advance(milliseconds(300));
  EXPECT_EQ(certified(hosts.records).size(), 1U);
}

TEST(Certificates, AreAskedForAgainWhenALinkComesUp) {
  Hosts hosts({"home", "keeper"}, key_of("host"));
  Worker owner = hosts.join("home", "owner", {.max_load = 10});
  hosts.cut("home", "keeper");
  hosts.call("home", Stage::token(owner), Drain{Stage::ref(owner), {}});
  EXPECT_TRUE(certified(hosts.records).empty());
  hosts.heal();
  hosts.advance(milliseconds(300));
  EXPECT_EQ(certified(hosts.records).size(), 1U);
}

// What a keeper has left when it died is the leaver's until somebody takes its slots over.
TEST(Certificates, WaitForWhatADeadKeeperHasLeft) {
  Hosts hosts({"home", "keeper"}, key_of("host"));
  Worker owner = hosts.join("home", "owner", {.max_load = 10});
  const std::string packet = hosts.submit("keeper");
  hosts.poll("home", owner);
  hosts.kill("keeper");
  hosts.call("home", Stage::token(owner), Drain{Stage::ref(owner), 1});
  hosts.fence_dead();
  for (int i = 0; i < 20; ++i) {
    hosts.call("home", Stage::token(owner), Heartbeat{Stage::ref(owner), owner.after});
    hosts.advance(milliseconds(100));
  }
  EXPECT_EQ(hosts.node("home").find_member(Stage::member("owner"))->record->status,
            MemberStatus::kRetired);
  EXPECT_EQ(hosts.owner(packet), "owner");
  EXPECT_TRUE(certified(hosts.records).empty());
  hosts.drop_dead("home");
  hosts.advance(milliseconds(500));
  EXPECT_EQ(hosts.owner(packet), "");
  EXPECT_EQ(certified(hosts.records).size(), 1U);
  EXPECT_EQ(audit_of(hosts.records).certificates, 1U);
}

// It was not asked, and may have heard of nothing.
TEST(Certificates, WaitForWhoEntersTheViewMeanwhile) {
  Hosts hosts({"home", "keeper"}, key_of("host"));
  Worker owner = hosts.join("home", "owner", {.max_load = 10});
  hosts.hold("keeper", "home");
  hosts.call("home", Stage::token(owner), Drain{Stage::ref(owner), {}});
  hosts.hold("third", "home");
  hosts.join_again("third");
  hosts.let_go("keeper", "home");
  hosts.advance(seconds(1));
  EXPECT_TRUE(certified(hosts.records).empty());
  hosts.let_go();
  hosts.advance(milliseconds(300));
  EXPECT_EQ(certified(hosts.records).size(), 1U);
}

// Its home dies between the end and the certificate: the host that the view chooses makes it.
TEST(Certificates, AreMadeByAnotherHostWhereTheLastHomeHasDied) {
  Hosts hosts({"home", "keeper", "third"}, key_of("host"));
  Worker owner = hosts.join("home", "owner", {.max_load = 10});
  hosts.hold("third", "home");
  hosts.call("home", Stage::token(owner), Drain{Stage::ref(owner), {}});
  EXPECT_EQ(hosts.records.members.at(Stage::member("owner")).status, MemberStatus::kRetired);
  hosts.kill("home");
  hosts.advance(seconds(1));
  EXPECT_TRUE(certified(hosts.records).empty());
  hosts.drop_dead("keeper");
  hosts.let_go();
  hosts.advance(milliseconds(500));
  EXPECT_EQ(certified(hosts.records).size(), 1U);
  EXPECT_FALSE(hosts.records.members.at(Stage::member("owner")).uncertified);
  EXPECT_EQ(audit_of(hosts.records).certificates, 1U);
  hosts.join_again("home");
  hosts.advance(milliseconds(500));
  EXPECT_EQ(certified(hosts.records).size(), 1U) << "its next life has nothing to add";
}

// Two hosts that are at it at once: the second finds that it is done.
TEST(Certificates, OfTwoHostsThatMakeOneTheFirstCounts) {
  Hosts hosts({"home", "keeper"}, key_of("host"));
  Worker owner = hosts.join("home", "owner", {.max_load = 10});
  hosts.hold("keeper", "home");
  hosts.call("home", Stage::token(owner), Drain{Stage::ref(owner), {}});
  MemberRecord by_another = hosts.records.members.at(Stage::member("owner"));
  ASSERT_TRUE(by_another.uncertified);
  by_another.uncertified = false;
  ++by_another.revision;
  hosts.records.members.at(by_another.key) = by_another;
  hosts.let_go();
  hosts.advance(seconds(2));
  EXPECT_TRUE(certified(hosts.records).empty());
  EXPECT_TRUE(hosts.node("home").certified()) << "nothing is left to be done";
}

// Its own log, in place of a life of a member.
TEST(Certificates, OfAHostThatWorksNoMoreNameItsLog) {
  Hosts hosts({"home", "keeper"}, key_of("host"));
  hosts.own_log = 1;
  hosts.join("home", "owner", {.max_load = 10});
  EXPECT_TRUE(hosts.node("keeper").certified());
  hosts.node("keeper").end_work(hosts.now());
  hosts.node("keeper").end_work(hosts.now());
  hosts.pump();
  const auto found = certified(hosts.records);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kind, lineage::EntryKind::kHost);
  const lineage::DrainCertificate said = read(found[0]);
  EXPECT_EQ(said.ns, "");
  EXPECT_EQ(said.id, "keeper");
  EXPECT_EQ(said.incarnation, 1U);
  EXPECT_TRUE(hosts.node("keeper").certified());
}

TEST(Certificates, OfAHostWaitForItsWrites) {
  Hosts hosts({"home", "keeper"}, key_of("host"));
  hosts.own_log = 1;
  hosts.join("home", "owner", {.max_load = 10});
  hosts.hold_writes("keeper");
  hosts.ask("keeper", Stage::principal(), Stage::single(Stage::item(hosts.id_at("keeper"), {"a"})));
  hosts.node("keeper").end_work(hosts.now());
  hosts.pump();
  EXPECT_FALSE(hosts.node("keeper").certified());
  EXPECT_TRUE(certified(hosts.records).empty());
  hosts.let_writes_go("keeper");
  EXPECT_TRUE(hosts.node("keeper").certified());
  EXPECT_EQ(certified(hosts.records).size(), 1U);
}

// One that has written nothing has no log that could say so.
TEST(Certificates, AreNotMadeForAHostWithoutALog) {
  Hosts hosts({"home", "keeper"}, key_of("host"));
  hosts.node("keeper").end_work(hosts.now());
  hosts.pump();
  EXPECT_TRUE(hosts.node("keeper").certified());
  EXPECT_TRUE(certified(hosts.records).empty());
}

}  // namespace
}  // namespace phoenix
