// What only the memory store can do: go wrong on purpose.
#include "store/memory/memory_store.h"

#include <gtest/gtest.h>

#include "store/testing.h"

namespace phoenix {
namespace {

using namespace testing_store;  // NOLINT: the words of the tests

std::vector<Group> creates(const std::string& id) { return {{1, {create(head(id))}}}; }

bool durable(MemoryStore& store, const std::string& id) {
  return (*store.reader())->get(PacketKey("ns", id))->head.has_value();
}

TEST(MemoryStore, what_is_not_synced_is_seen_by_commits_but_lost_at_a_crash) {
  MemoryStore store;
  store.commit(1, creates("a"));
  store.plan = [](uint64_t, std::span<const Group>) { return CommitPlan{.hold_sync = true}; };
  EXPECT_EQ(store.commit(2, creates("b")).outcomes[0], Outcome::kCommitted);
  EXPECT_EQ(store.commit(3, creates("b")).outcomes[0], Outcome::kConflict);
  EXPECT_FALSE(store.synced());
  EXPECT_FALSE(durable(store, "b")) << "readers see nothing that may be lost";
  store.crash();
  EXPECT_TRUE(store.synced());
  EXPECT_EQ(store.commit(4, creates("b")).outcomes[0], Outcome::kCommitted);
  store.sync();
  store.crash();
  EXPECT_TRUE(durable(store, "a"));
  EXPECT_TRUE(durable(store, "b"));
  EXPECT_EQ(store.resolve(2), Resolution::kNotApplied) << "its id was lost with it";
  EXPECT_EQ(store.resolve(4), Resolution::kApplied);
}

TEST(MemoryStore, a_refusal_changes_nothing) {
  MemoryStore store;
  const CommitResult result = store.apply(1, creates("a"), {.fault = CommitFault::kRefuse});
  EXPECT_EQ(result.outcomes[0], Outcome::kRefused);
  EXPECT_FALSE(result.why.empty());
  store.sync();
  EXPECT_FALSE(durable(store, "a"));
  EXPECT_EQ(store.commit(1, creates("a")).outcomes[0], Outcome::kCommitted) << "the id is free";
}

TEST(MemoryStore, an_unknown_batch_is_settled_either_way) {
  MemoryStore store;
  store.plan = [](uint64_t id, std::span<const Group>) {
    return CommitPlan{.fault = id == 1 ? CommitFault::kUnknownApplied : CommitFault::kUnknownLost};
  };
  EXPECT_EQ(store.commit(1, creates("a")).outcomes[0], Outcome::kUnknown);
  EXPECT_EQ(store.commit(2, creates("b")).outcomes[0], Outcome::kUnknown);
  EXPECT_EQ(store.resolve(1), Resolution::kApplied);
  EXPECT_EQ(store.resolve(2), Resolution::kNotApplied);
  EXPECT_TRUE(durable(store, "a"));
  EXPECT_FALSE(durable(store, "b"));
  store.plan = nullptr;
  EXPECT_EQ(store.commit(2, creates("b")).outcomes[0], Outcome::kRefused) << "too late";
}

TEST(MemoryStore, conflicts_strike_the_groups_that_were_chosen) {
  MemoryStore store;
  const std::vector<Group> groups = {{1, {create(head("a"))}}, {2, {create(head("b"))}}};
  const CommitResult result = store.apply(1, groups, {.conflicts = {0}});
  store.sync();
  EXPECT_EQ(result.outcomes, (std::vector<Outcome>{Outcome::kConflict, Outcome::kCommitted}));
  EXPECT_FALSE(durable(store, "a"));
  EXPECT_TRUE(durable(store, "b"));
}

TEST(MemoryStore, a_snapshot_can_be_gone_back_to) {
  MemoryStore store;
  store.commit(1, creates("a"));
  const MemoryImage before = store.snapshot();
  store.commit(2, creates("b"));
  store.restore(before);
  EXPECT_FALSE(durable(store, "b"));
  const CommitResult again = store.commit(2, creates("c"));
  EXPECT_EQ(again.outcomes[0], Outcome::kCommitted);
  EXPECT_EQ(again.last_event, EventCursor(2));
}

TEST(MemoryStore, a_batch_that_never_came_is_settled_and_comes_no_more) {
  MemoryStore store;
  store.commit(1, creates("a"));
  EXPECT_EQ(store.resolve(1), Resolution::kApplied);
  EXPECT_EQ(store.resolve(2), Resolution::kNotApplied);
  EXPECT_EQ(store.resolve(2), Resolution::kNotApplied) << "as often as it is asked";
  EXPECT_EQ(store.commit(2, creates("b")).outcomes[0], Outcome::kRefused);
  EXPECT_FALSE(durable(store, "b"));
}

TEST(MemoryStore, reads_can_fail) {
  MemoryStore store;
  store.commit(1, creates("a"));
  auto reader = store.reader();
  store.fail_reads("the disk is away");
  const auto lookup = (*reader)->get(PacketKey("ns", "a"));
  ASSERT_FALSE(lookup);
  EXPECT_EQ(lookup.error().detail, "the disk is away");
  store.fail_reads("");
  EXPECT_TRUE((*reader)->get(PacketKey("ns", "a"))->head);
}

}  // namespace
}  // namespace phoenix
