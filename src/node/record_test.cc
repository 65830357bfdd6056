// What the flight recorder is given: an entry with every change, and for each packet a chain of
// legs.
#include <gtest/gtest.h>

#include "lineage/crypto/sha256.h"
#include "lineage/form/entry.h"
#include "lineage/tree/frontier.h"
#include "node/test_stage.h"

namespace phoenix {
namespace {

using lineage::Cause;
using lineage::Entry;
using testing_node::Stage;
using testing_node::Worker;

// The entries of a packet, oldest first; checks that its legs are one chain.
std::vector<Entry> lineage_of(const Stage& stage, const std::string& id) {
  std::vector<Entry> entries;
  uint64_t legs = 0;
  Digest last{};
  for (const HistoryEntry& row : stage.records.history) {
    const auto entry = lineage::decode<Entry>(row.recorded);
    EXPECT_TRUE(entry) << row.event << ": " << entry.error().detail;
    if (!entry || entry->subject != id || entry->kind != lineage::EntryKind::kPacket) continue;
    EXPECT_EQ(lineage::encode(*entry), row.recorded);
    EXPECT_EQ(entry->event, row.event);
    EXPECT_EQ(entry->epoch, row.epoch);
    if (entry->leg) {
      EXPECT_EQ(entry->leg->number, ++legs);
      EXPECT_EQ(entry->leg->previous, last);
      last = lineage::leaf_hash(row.recorded);
    }
    entries.push_back(*entry);
  }
  const Packet& head = stage.records.packets.at(Stage::packet(id));
  EXPECT_EQ(head.legs, legs);
  EXPECT_EQ(head.last_leg, last);
  return entries;
}

std::vector<Cause> causes(const std::vector<Entry>& entries) {
  std::vector<Cause> causes;
  for (const Entry& entry : entries) {
    if (entry.leg) causes.push_back(entry.leg->cause);
  }
  return causes;
}

TEST(Record, APacketsLifeIsAChainOfLegs) {
  Stage stage;
  stage.submit("p", {"a"});
  Worker w = stage.join("w", {"a"});
  stage.own(w, Call::kComplete, "p", 1, "42");
  const auto entries = lineage_of(stage, "p");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_FALSE(entries[0].leg) << "parked: nobody has it";
  EXPECT_EQ(entries[0].inputs, Stage::item("p", {"a"}).spec->create_digest);
  ASSERT_TRUE(entries[1].leg);
  EXPECT_EQ(entries[1].leg->to->id, "w");
  EXPECT_EQ(entries[1].leg->to->incarnation, w.incarnation);
  EXPECT_EQ(entries[1].actor.kind, lineage::ActorKind::kHost);
  ASSERT_TRUE(entries[2].leg && entries[2].leg->terminal);
  EXPECT_EQ(entries[2].leg->terminal->result, lineage::sha256("42"));
  EXPECT_EQ(entries[2].leg->from->id, "w");
  EXPECT_EQ(entries[2].actor.kind, lineage::ActorKind::kMember);
  EXPECT_EQ(entries[2].actor.name, "w");
  EXPECT_EQ(causes(entries), (std::vector<Cause>{Cause::kAssign, Cause::kTerminal}));
}

TEST(Record, WhoCreatedItAndWhoHasItAtOnceStandInOneEntry) {
  Stage stage;
  stage.join("w", {"a"});
  stage.submit("p", {"a"});
  const auto entries = lineage_of(stage, "p");
  ASSERT_EQ(entries.size(), 1u);
  ASSERT_TRUE(entries[0].leg);
  EXPECT_EQ(entries[0].epoch, 1u);
  EXPECT_FALSE(entries[0].leg->from);
  EXPECT_EQ(entries[0].actor.kind, lineage::ActorKind::kToken);
  EXPECT_EQ(entries[0].actor.name, "tester");
}

TEST(Record, LossAndHandoffSayWhyItMoved) {
  Stage stage;
  Worker w = stage.join("w", {"a"});
  stage.submit("p", {"a"});
  stage.join("x", {"a"});
  stage.hand_to(w, "p", 1, "x");
  stage.restart();  // and nobody comes back
  stage.advance(seconds(20));
  const auto entries = lineage_of(stage, "p");
  const auto why = causes(entries);
  ASSERT_GE(why.size(), 3u);
  EXPECT_EQ(why[0], Cause::kAssign);
  EXPECT_EQ(why[1], Cause::kHandoff);
  EXPECT_EQ(entries[1].leg->from->id, "w");
  EXPECT_EQ(entries[1].leg->to->id, "x");
  EXPECT_EQ(why[2], Cause::kEviction);
  EXPECT_FALSE(entries[2].leg->to);
  EXPECT_EQ(entries[2].epoch, 2u);
}

TEST(Record, ARefusedChangeLeavesNoLegBehind) {
  Stage stage;
  Worker w = stage.join("w", {"a"});
  stage.submit("p", {"a"});
  stage.store(testing_node::StoreMode::kRefuse);
  stage.own(w, Call::kComplete, "p", 1, "1");
  stage.store(testing_node::StoreMode::kWell);
  stage.own(w, Call::kComplete, "p", 1, "2");
  const auto entries = lineage_of(stage, "p");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[1].leg->terminal->result, lineage::sha256("2"));
}

TEST(Record, MembersAreRecordedToo) {
  Stage stage;
  const Worker w = stage.join("w", {"a"});
  const auto* put = std::get_if<PutMember>(&stage.written.at(0).ops.at(0));
  ASSERT_NE(put, nullptr);
  const auto entry = lineage::decode<Entry>(put->recorded);
  ASSERT_TRUE(entry) << entry.error().detail;
  EXPECT_EQ(entry->kind, lineage::EntryKind::kMember);
  EXPECT_EQ(entry->subject, "w");
  EXPECT_EQ(entry->event, "registered");
  EXPECT_EQ(entry->epoch, w.incarnation);
  EXPECT_TRUE(entry->inputs);
}

}  // namespace
}  // namespace phoenix
