// What a store keeps for the flight recorder, over every engine.
#include <gtest/gtest.h>

#include "store/postgres/test_cluster.h"
#include "store/testing.h"
#include "store/testing_engines.h"

namespace phoenix {
namespace {

using namespace testing_store;  // NOLINT: the words of the tests

class RecordedEntries : public testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (GetParam().name == std::string("postgres")) PHOENIX_NEED_POSTGRES();
    store_ = GetParam().open(folder_.path());
    ASSERT_NE(store_, nullptr);
    reader_ = std::move(*store_->reader());
  }
  CommitResult commit(const std::vector<Group>& groups) { return store_->commit(++batch_, groups); }

  TempFolder folder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Reader> reader_;
  uint64_t batch_ = 100;
};

TEST_P(RecordedEntries, stand_at_the_positions_of_their_events_as_they_were_given) {
  const Packet a = head("a");
  const std::string bytes("\0\xff leaf", 7);
  const auto with = [](Op op, std::string recorded) {
    std::get<PutPacket>(op).entry.recorded = std::move(recorded);
    return op;
  };
  EXPECT_TRUE(reader_->logs()->empty());
  const PutMember enrol{member("m"), 0, "registered", "of a member"};
  commit({{1, {with(create(a), bytes)}},
          {2, {with(create(a), "of who came too late")}},
          {3, {with(create(head("b")), "")}},
          {4, {enrol, with(replace(a, assigned(a, "m"), "taken"), "third")}}});
  const auto entries = *reader_->recorded(kOwnLog, 0, 100);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].position, 1u);
  EXPECT_EQ(entries[0].bytes, bytes);
  EXPECT_EQ(entries[1].position, 3u);
  EXPECT_EQ(entries[1].bytes, "of a member");
  EXPECT_EQ(entries[2].bytes, "third");
  EXPECT_EQ(reader_->recorded(kOwnLog, 1, 1)->at(0).position, 3u);
  EXPECT_TRUE(reader_->recorded(kOwnLog, 4, 100)->empty());
  const auto events = *reader_->events({}, 100, nullptr);
  ASSERT_FALSE(events.empty());
  for (const EventRow& row : events) {
    EXPECT_TRUE(row.entry.recorded.empty()) << "they are read by themselves alone";
  }
  const auto logs = *reader_->logs();
  ASSERT_EQ(logs.size(), 1u);
  EXPECT_EQ(logs[0].size, 4u);
  EXPECT_EQ(logs[0].first, 1u);
  EXPECT_FALSE(logs[0].closed);
}

TEST_P(RecordedEntries, go_from_the_oldest_on_when_they_may) {
  std::vector<Group> groups;
  for (const char* id : {"a", "b", "c", "d"}) {
    Op op = create(head(id));
    std::get<PutPacket>(op).entry.recorded = id;
    groups.push_back({groups.size() + 1, {op}});
  }
  commit(groups);
  SweepLimits limits;
  limits.max_rows = 2;
  limits.recorded_until = {{kOwnLog, 3}};
  EXPECT_EQ(store_->sweep(limits)->rows, 2u);
  EXPECT_EQ(reader_->logs()->at(0).first, 3u);
  EXPECT_EQ(store_->sweep(limits)->rows, 1u);
  EXPECT_EQ(store_->sweep(limits)->rows, 0u);
  EXPECT_EQ(reader_->recorded(kOwnLog, 0, 10)->at(0).bytes, "d");
  EXPECT_EQ(reader_->events({}, 100, nullptr)->size(), 4u) << "the events go with their packets";
  EXPECT_EQ(reader_->logs()->at(0).size, 4u);
}

INSTANTIATE_TEST_SUITE_P(Engines, RecordedEntries, testing::ValuesIn(engines()),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace phoenix
