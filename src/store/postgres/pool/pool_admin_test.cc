// The operator's work on a pool's store, over a PostgreSQL of the test's own.
#include "store/postgres/pool/pool_admin.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "store/postgres/pool/pool_store.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/test_cluster.h"
#include "store/testing.h"

namespace phoenix {
namespace {

using testing_postgres::TestCluster;
using namespace testing_store;  // NOLINT: the words of the tests

const HostLife kA{"a", 1};

class PoolAdmin : public testing::Test {
 protected:
  void SetUp() override {
    PHOENIX_NEED_POSTGRES();
    ASSERT_NE(TestCluster::shared(), nullptr);
    options_.url = TestCluster::shared()->url();
    options_.schema = TestCluster::fresh_schema();
    options_.deadline = seconds(20);
  }
  void sql(const std::string& change) {
    ASSERT_TRUE(
        TestCluster::shared()->run_sql("SET search_path = " + options_.schema + "; " + change));
  }
  PoolCheck check() {
    auto found = check_pool(options_);
    EXPECT_TRUE(found) << found.error().detail;
    return found ? std::move(*found) : PoolCheck{};
  }
  std::unique_ptr<Store> store(const HostLife& self) {
    PostgresOptions options = options_;
    options.self = self;
    auto opened = open_postgres(options);
    EXPECT_TRUE(opened) << opened.error().detail;
    return opened ? std::move(*opened) : nullptr;
  }
  void enter() {
    pool_ = std::move(*open_postgres_pool(options_));
    ASSERT_EQ(pool_->swap_view({kA, 0, "one", {kA}, {}})->outcome, SwapOutcome::kDone);
  }
  static bool tells(const PoolCheck& check, const std::string& what) {
    return std::any_of(check.problems.begin(), check.problems.end(), [&](const std::string& told) {
      return told.find(what) != std::string::npos;
    });
  }
  PostgresOptions options_;
  std::unique_ptr<PoolStore> pool_;
};

TEST_F(PoolAdmin, init_fixes_names_and_keys_once) {
  const auto first = init_pool(options_);
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_TRUE(first->made);
  EXPECT_EQ(first->facts.pool.size(), 16u);
  EXPECT_NE(first->facts.pool, first->facts.store);
  EXPECT_NE(first->facts.token_key, PoolFacts().token_key);
  EXPECT_NE(first->facts.ring_key.bytes, RingKey().bytes);
  const auto again = init_pool(options_);
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_FALSE(again->made);
  EXPECT_EQ(again->facts, first->facts);
  EXPECT_EQ(*take_pool_facts(options_), first->facts);
}

TEST_F(PoolAdmin, hosts_that_come_first_together_take_the_same_keys) {
  options_.create = true;
  std::vector<PoolFacts> taken(4);
  std::vector<std::thread> hosts;
  for (PoolFacts& into : taken) {
    hosts.emplace_back([&into, this] {
      const auto facts = take_pool_facts(options_);
      EXPECT_TRUE(facts) << facts.error().detail;
      if (facts) into = *facts;
    });
  }
  for (std::thread& host : hosts) host.join();
  EXPECT_FALSE(taken[0].pool.empty());
  for (const PoolFacts& facts : taken) EXPECT_EQ(facts, taken[0]);
}

TEST_F(PoolAdmin, damaged_keys_are_told_not_replaced) {
  ASSERT_TRUE(init_pool(options_));
  sql("UPDATE fact SET value = 'short' WHERE name = 'pool.token-key'");
  const auto facts = take_pool_facts(options_);
  ASSERT_FALSE(facts);
  EXPECT_NE(facts.error().detail.find("damaged"), std::string::npos);
}

TEST_F(PoolAdmin, check_says_what_is_missing_and_then_who_holds_what) {
  EXPECT_EQ(check().problems.size(), 1u);
  EXPECT_FALSE(check().versions.exists());
  ASSERT_TRUE(init_pool(options_));
  PoolCheck found = check();
  EXPECT_TRUE(found.problems.empty());
  EXPECT_EQ(found.pool.size(), 16u);
  EXPECT_EQ(found.slots_without_holder, kSlots);
  EXPECT_GT(found.promise.identity.system_id, 0u);
  EXPECT_FALSE(found.promise.survives.empty());
  enter();
  ASSERT_EQ(pool_->claim_slots(kA, std::vector<SlotId>{1, 2})->slots.size(), 2u);
  ASSERT_EQ(store(kA)->commit(1, std::vector<Group>{{1, {create(head("p"))}}}).outcomes[0],
            Outcome::kCommitted);
  found = check();
  EXPECT_EQ(found.view_number, 1u);
  EXPECT_EQ(found.slots_held, 2u);
  EXPECT_EQ(found.live_packets, 1u);
  ASSERT_EQ(found.hosts.size(), 1u);
  EXPECT_EQ(found.hosts[0].who, kA);
  EXPECT_TRUE(tells(found, "4094 slots")) << found.problems.size();
  sql("UPDATE host_log SET renewed = renewed - interval '1 hour'");
  found = check();
  EXPECT_TRUE(tells(found, "4094 slots"));
  EXPECT_TRUE(tells(found, "host a has not been heard of for 36"));
}

TEST_F(PoolAdmin, migrate_needs_a_schema_and_refuses_a_newer_one) {
  EXPECT_FALSE(migrate_pool(options_));
  ASSERT_TRUE(init_pool(options_));
  const auto done = migrate_pool(options_);
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(done->before.maximum, done->after.maximum);
  sql("UPDATE version SET minimum = 90, maximum = 99");
  const auto newer = migrate_pool(options_);
  ASSERT_FALSE(newer);
  EXPECT_NE(newer.error().detail.find("newer"), std::string::npos);
  EXPECT_EQ(check().problems.size(), 1u);
}

TEST_F(PoolAdmin, adopting_a_backup_raises_every_live_epoch_and_fences_all) {
  ASSERT_TRUE(init_pool(options_));
  enter();
  const Packet owned = assigned(head("owned"), "m");
  std::vector<Group> groups = {{0, {create(owned)}},
                               {1, {create(ended(head("over"), Status::kCompleted, 5))}},
                               {2, {PutMember{member("m"), 0, "registered"}}}};
  for (uint64_t i = 3; i < 1203; ++i) {
    groups.push_back({i, {create(head("p" + std::to_string(i)))}});
  }
  const CommitResult made = store(kA)->commit(1, groups);
  ASSERT_EQ(std::count(made.outcomes.begin(), made.outcomes.end(), Outcome::kCommitted), 1203);
  const auto refused = adopt_restored(options_, nullptr);
  ASSERT_FALSE(refused) << "a host beats";
  EXPECT_EQ(refused.error().kind, ErrorKind::kWrongState);
  EXPECT_NE(refused.error().detail.find("among them a"), std::string::npos);
  EXPECT_FALSE(pool_->beat(kA, 0)->fenced) << "nothing was changed";

  sql("UPDATE host_log SET renewed = renewed - interval '1 hour'");
  uint64_t told = 0;
  const auto adopted = adopt_restored(options_, [&](uint64_t packets) {
    EXPECT_GE(packets, told);
    told = packets;
  });
  ASSERT_TRUE(adopted) << adopted.error().detail;
  EXPECT_EQ(adopted->packets, 1201u);
  EXPECT_EQ(told, 1201u);
  EXPECT_EQ(adopted->fenced, 1u);
  EXPECT_TRUE(pool_->beat(kA, 0)->fenced);
  auto reader = *store({})->reader();
  const auto now = reader->get(PacketKey("ns", "owned"));
  EXPECT_EQ(now->head->epoch, owned.epoch + kAdoptedEpochs);
  EXPECT_EQ(now->head->revision, owned.revision + 1);
  EXPECT_EQ(now->head->owner, owned.owner);
  EXPECT_EQ(reader->get(PacketKey("ns", "over"))->head->epoch, 0u);
  EXPECT_EQ(reader->history(PacketKey("ns", "p77"))->back().entry.event, "adopted");
  // The owner's late word comes under an epoch that is over.
  EXPECT_EQ(store({})->commit(9, std::vector<Group>{{1, {replace(owned, owned)}}}).outcomes[0],
            Outcome::kConflict);
  uint64_t floor = 0;
  RecoverSink sink;
  sink.incarnation_floor = [&](uint64_t found) { floor = found; };
  ASSERT_TRUE(store({})->recover(sink));
  EXPECT_EQ(floor, 1 + kAdoptedEpochs);
}

}  // namespace
}  // namespace phoenix
