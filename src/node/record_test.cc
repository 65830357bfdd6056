// What the flight recorder is given: an entry with every change, and for each packet a chain of
// legs.
#include <gtest/gtest.h>

#include "base/msgpack.h"
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

// What entry.h says of the digest, made by hand.
Digest weighed(const std::vector<std::pair<std::string, std::vector<uint64_t>>>& candidates) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(3);
  out.uint(1);
  out.uint(1);
  out.array(static_cast<uint32_t>(candidates.size()));
  for (const auto& [id, figures] : candidates) {
    out.array(5);
    out.str(id);
    for (const uint64_t figure : figures) out.uint(figure);
  }
  return lineage::sha256(bytes);
}

TEST(Record, ALegSaysWhoWasToBeConsidered) {
  Stage stage;
  Worker w = stage.join("w", {"a", "b"}, {.max_load = 10});
  stage.join("other", {"c"}, {.max_load = 10});
  stage.submit("p", {"a"});
  stage.submit("q", {"a"});
  const auto first = lineage_of(stage, "p")[0].leg->placement;
  ASSERT_TRUE(first);
  EXPECT_EQ(first->point, stage.records.packets.at(Stage::packet("p")).point);
  EXPECT_EQ(first->inputs, weighed({{"w", {1, 10, 1'000'000'000, 1100}}}));
  EXPECT_EQ(lineage_of(stage, "q")[0].leg->placement->inputs,
            weighed({{"w", {2, 10, 1'000'000'000, 1200}}}));
  // Handed to whom other capabilities lead, from another point; the end has none.
  stage.join("x", {"b"}, {.max_load = 1});
  OwnerCall call = Stage::owner_call(Call::kHandoff, "p", 1);
  call.required = {"b"};
  stage.own(Stage::token(w), std::move(call));
  const auto handed = lineage_of(stage, "p")[1].leg->placement;
  ASSERT_TRUE(handed);
  EXPECT_EQ(handed->point, stage.records.packets.at(Stage::packet("p")).placement_point);
  EXPECT_NE(handed->point, first->point);
  const std::vector<std::pair<std::string, std::vector<uint64_t>>> both = {
      {"w", {2, 10, 1'000'000'000, 1200}}, {"x", {1, 1, 1'000'000'000, 2000}}};
  const bool w_first = handed->inputs == weighed(both);
  EXPECT_TRUE(w_first || handed->inputs == weighed({both[1], both[0]}));
  stage.own(w, Call::kComplete, "q", 1);
  EXPECT_FALSE(lineage_of(stage, "q")[1].leg->placement);
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
