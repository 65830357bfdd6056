// That the entries of a commit get the positions at which the store has them, and that nothing is
// taken for known that is not.
#include "runtime/recorder/own_rows.h"

#include <gtest/gtest.h>

#include "lineage/tree/frontier.h"
#include "store/memory/memory_store.h"

namespace phoenix {
namespace {

using Texts = std::vector<std::string>;
using Leaves = std::vector<Digest>;

Leaves leaves(const Texts& entries) {
  Leaves all;
  for (const std::string& entry : entries) all.push_back(lineage::leaf_hash(entry));
  return all;
}

Op note(const std::string& entry) {
  PutNote row{false, "host//a", {}};
  row.entry.event = "told";
  row.entry.recorded = entry;
  return row;
}

OwnRows rows(uint64_t last, const Texts& entries) {
  return {.log = 1, .last = last, .leaves = leaves(entries)};
}

CommitResult committed(uint64_t last, std::vector<Outcome> outcomes) {
  CommitResult result;
  result.outcomes = std::move(outcomes);
  result.last_event = EventCursor(last, 1);
  return result;
}

TEST(OwnRowsOf, StandWhereTheStoreHasThem) {
  MemoryStore store;
  store.commit(1, {{{1, {note("before")}}}});
  auto member = std::make_shared<MemberRecord>();
  member->key = MemberKey("default", "m");
  member->revision = 1;
  const PutMember enrol{member, 0, "registered", "of a member"};
  std::vector<Group> groups = {
      {1, {note("a"), enrol}}, {2, {note("lost"), enrol}}, {3, {note("b"), note("c")}}};
  const CommitResult result = store.commit(2, groups);
  ASSERT_EQ(result.outcomes[1], Outcome::kConflict);
  const OwnRows taken = own_rows(groups, result);
  const auto stored = *(*store.reader())->recorded(kOwnLog, 1, 100);
  EXPECT_EQ(taken.first(), stored.front().position);
  Texts entries;
  for (const RecordedEntry& row : stored) entries.push_back(row.bytes);
  EXPECT_EQ(taken.leaves, leaves(entries));
}

TEST(OwnRowsOf, NothingIsKnownOfAnUnknownOutcomeNorBesideARowWithoutAnEntry) {
  std::vector<Group> groups = {{1, {note("a")}}, {2, {note("b")}}};
  using enum Outcome;
  EXPECT_TRUE(own_rows(groups, committed(2, {kCommitted, kUnknown})).leaves.empty());
  EXPECT_TRUE(own_rows(groups, committed(2, {kRefused, kRefused})).leaves.empty());
  CommitResult nowhere;
  nowhere.outcomes = {kCommitted, kCommitted};
  EXPECT_TRUE(own_rows(groups, nowhere).leaves.empty());
  std::vector<Group> bare = {{1, {note("a"), note("")}}};
  EXPECT_TRUE(own_rows(bare, committed(2, {kCommitted})).leaves.empty());
}

TEST(OwnRowQueue, GivesWhatFollowsWithoutAGapAndSaysHowFarToRead) {
  OwnRowQueue queue;
  queue.add(rows(4, {"3", "4"}));
  queue.add(rows(5, {"5"}));
  queue.add(rows(9, {"8", "9"}));
  EXPECT_TRUE(queue.take(1, 1, 9).empty());
  EXPECT_EQ(queue.read_until(1, 1, 9), 2u);
  EXPECT_TRUE(queue.take(2, 3, 9).empty()) << "of another log";
  EXPECT_EQ(queue.read_until(2, 3, 9), 9u);
  EXPECT_EQ(queue.take(1, 3, 9), leaves({"3", "4", "5"}));
  EXPECT_TRUE(queue.take(1, 6, 9).empty());
  EXPECT_EQ(queue.read_until(1, 6, 9), 7u);
  EXPECT_TRUE(queue.take(1, 8, 8).empty()) << "the store does not tell of all of it yet";
  EXPECT_EQ(queue.read_until(1, 8, 8), 8u);
  EXPECT_EQ(queue.take(1, 9, 9), leaves({"9"})) << "one of them has been read";
  EXPECT_EQ(queue.read_until(1, 10, 12), 12u);
}

TEST(OwnRowQueue, IsBounded) {
  OwnRowQueue queue;
  constexpr size_t kHalf = OwnRowQueue::kMostLeaves / 2;
  const auto add = [&queue](uint64_t last, size_t count) {
    queue.add({.log = 1, .last = last, .leaves = Leaves(count)});
  };
  add(kHalf, kHalf);
  add(2 * kHalf - 1, kHalf - 1);
  add(3 * kHalf - 1, kHalf);
  add(3 * kHalf, 1);
  EXPECT_EQ(queue.take(1, 1, 3 * kHalf).size(), 2 * kHalf - 1);
  EXPECT_EQ(queue.read_until(1, 2 * kHalf, 3 * kHalf), 3 * kHalf - 1) << "to be read";
  add(4 * kHalf, kHalf);
  EXPECT_EQ(queue.take(1, 3 * kHalf, 4 * kHalf).size(), kHalf + 1) << "there is room again";
}

}  // namespace
}  // namespace phoenix
