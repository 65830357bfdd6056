// What a host knows of members and sessions is compared with the store, whenever news may have been
// missed.
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "cluster/cluster.h"

namespace phoenix {
namespace {

MemberRecord member(const std::string& id, uint64_t revision) {
  MemberRecord record;
  record.key = MemberKey("ns", id);
  record.revision = revision;
  record.manual = true;
  return record;
}

std::shared_ptr<const MemberRecord> shared(const std::string& id, uint64_t revision) {
  return std::make_shared<const MemberRecord>(member(id, revision));
}

class ClusterCompare : public testing::Test {
 protected:
  ClusterCompare() {
    ClusterConfig config;
    config.node.self = kSelf;
    config.records_in_page = 2;
    cluster = std::make_unique<Cluster>(config);
    cluster->recover(member("a", 1));
    cluster->recover(member("gone", 1));
    cluster->ready(now);
  }
  // The store has a, b, c at these revisions; in pages of two. Answers what is asked by name then.
  PoolRequests compare_all() {
    RecordPage page;
    page.members = {{MemberKey("ns", "a"), 1}, {MemberKey("ns", "b"), 3}};
    cluster->compared(now, page);
    const PoolRequests first = cluster->take_output().pool;
    EXPECT_TRUE(first.compare);
    if (first.compare) EXPECT_EQ(first.compare->after.member, MemberKey("ns", "b"));
    EXPECT_EQ(first.members, std::vector<MemberKey>{MemberKey("ns", "b")});
    EXPECT_TRUE(first.claim.empty());
    PoolStore::HomeRecords found;
    found.members = {shared("b", 3)};
    cluster->records(now, std::move(found));
    EXPECT_TRUE(cluster->take_output().pool.claim.empty()) << "there are more pages";
    page.members = {{MemberKey("ns", "c"), 1}};
    cluster->compared(now, page);
    return cluster->take_output().pool;
  }
  uint64_t revision(const std::string& id) const {
    const auto known = cluster->node().find_member(MemberKey("ns", id));
    return known ? known->record->revision : 0;
  }

  static inline const HostLife kSelf{"a", 1};
  static inline const HostLife kOther{"b", 2};
  const ClusterHost self_{.life = kSelf, .weight = 100};
  const ClusterHost other_{.life = kOther, .weight = 100};
  Now now = {.mono = Instant{} + seconds(1), .wall = 1'700'000'000'000};
  std::unique_ptr<Cluster> cluster;
};

TEST_F(ClusterCompare, WhoEntersTheViewClaimsOnceItKnowsWhatOthersHaveWritten) {
  EXPECT_FALSE(cluster->take_output().pool.compare) << "it has not entered";
  cluster->view(now, {.number = 1, .hosts = {self_}});
  PoolRequests asked = cluster->take_output().pool;
  ASSERT_TRUE(asked.compare);
  EXPECT_EQ(asked.compare->most, 2U);
  EXPECT_TRUE(asked.compare->after.member.empty());
  EXPECT_TRUE(asked.read_slots);
  cluster->slots(now, std::vector<HeldSlot>{});
  EXPECT_TRUE(cluster->take_output().pool.claim.empty());

  asked = compare_all();
  EXPECT_FALSE(asked.compare);
  EXPECT_EQ(asked.members, (std::vector<MemberKey>{MemberKey("ns", "c"), MemberKey("ns", "gone")}))
      << "unknown, and not in the store";
  EXPECT_TRUE(asked.claim.empty()) << "these are not read yet";
  PoolStore::HomeRecords found;
  found.members = {shared("c", 1)};
  cluster->records(now, std::move(found));
  EXPECT_EQ(cluster->take_output().pool.claim.size(), size_t{kSlots});
  EXPECT_EQ(revision("b"), 3U);
  EXPECT_EQ(revision("c"), 1U);
  EXPECT_EQ(revision("gone"), 0U);
}

TEST_F(ClusterCompare, WhatWasUnknownWhenTheStoreWasAskedIsNotGoneForItsAbsence) {
  cluster->view(now, {.number = 1, .hosts = {self_}});
  (void)cluster->take_output();
  RecordPage page;
  page.members = {{MemberKey("ns", "a"), 2}};
  cluster->compared(now, page);
  const PoolRequests asked = cluster->take_output().pool;
  ASSERT_EQ(asked.members, (std::vector<MemberKey>{MemberKey("ns", "a"), MemberKey("ns", "gone")}));
  // The answer is older than what a host tells meanwhile.
  Records news;
  news.members = {shared("gone", 2)};
  cluster->received(now, kOther, NodeMessage{std::move(news)});
  PoolStore::HomeRecords found;
  found.members = {shared("a", 2)};
  cluster->records(now, std::move(found));
  EXPECT_EQ(revision("gone"), 2U);
}

TEST_F(ClusterCompare, ItIsComparedAgainWhenNewsMayHaveBeenMissed) {
  cluster->view(now, {.number = 1, .hosts = {self_, other_}});
  (void)cluster->take_output();
  (void)compare_all();
  const auto compares = [this] {
    now.mono = now.mono + seconds(1);
    cluster->tick(now);
    return cluster->take_output().pool.compare.has_value();
  };
  EXPECT_FALSE(compares());
  cluster->link_up(now, kOther);
  EXPECT_FALSE(compares()) << "it may have more to tell";
  DeliverAll all;
  all.last = false;
  cluster->received(now, kOther, NodeMessage{all});
  EXPECT_FALSE(compares());
  all.last = true;
  cluster->received(now, kOther, NodeMessage{all});
  EXPECT_TRUE(compares());
  cluster->compared(now, fail(ErrorKind::kStoreUnreachable, "it is down"));
  EXPECT_TRUE(compares()) << "until the store answers";
  cluster->compared(now, RecordPage{});
  EXPECT_FALSE(compares());
  cluster->view(now, {.number = 2, .hosts = {self_}});
  EXPECT_TRUE(compares()) << "it may not have told all that it wrote";
}

TEST_F(ClusterCompare, APassOfManyRecordsIsFollowedByALongPause) {
  cluster->view(now, {.number = 1, .hosts = {self_, other_}});
  (void)cluster->take_output();
  RecordPage page;
  for (int i = 0; i < 50'000; ++i) page.members.emplace_back(MemberKey("ns", "x"), 1);
  cluster->compared(now, page);
  cluster->compared(now, RecordPage{});
  DeliverAll all;
  all.last = true;
  cluster->received(now, kOther, NodeMessage{all});
  EXPECT_FALSE(cluster->take_output().pool.compare);
  now.mono = now.mono + milliseconds(1'100);
  cluster->tick(now);
  EXPECT_FALSE(cluster->take_output().pool.compare) << "10,000 in each 200 ms";
  now.mono = now.mono + milliseconds(100);
  cluster->tick(now);
  EXPECT_TRUE(cluster->take_output().pool.compare);
}

}  // namespace
}  // namespace phoenix
