// What is acknowledged stays, whatever happens to the servers: clusters of the tests' own, which
// are killed and frozen. kill -9 keeps what the kernel has, so this cannot tell a synced commit
// from an unsynced one; that the server syncs is its setting's affair, which a connection checks.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/prng.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/test_cluster.h"
#include "store/testing.h"

namespace phoenix::postgres {
namespace {

using namespace testing_store;  // NOLINT: the words of the tests
using phoenix::Outcome;
using testing_postgres::TestCluster;

class PostgresDurability : public testing::Test {
 protected:
  void SetUp() override {
    PHOENIX_NEED_POSTGRES();
    ASSERT_TRUE(primary_.create());
    options_.url = primary_.url();
    options_.create = true;
  }
  std::unique_ptr<Store> open() {
    auto store = open_postgres(options_);
    EXPECT_TRUE(store) << store.error().detail;
    return store ? std::move(*store) : nullptr;
  }

  TestCluster primary_;
  PostgresOptions options_;
};

constexpr int kPacketsPerBatch = 5;

std::string id_of(uint64_t batch, int i) { return std::to_string(batch) + "-" + std::to_string(i); }

std::vector<Group> groups_of(uint64_t batch) {
  Group group{1, {}};
  for (int i = 0; i < kPacketsPerBatch; ++i) {
    group.ops.push_back(create(head(id_of(batch, i))));
  }
  return {group};
}

int present(Reader& reader, uint64_t batch) {
  int found = 0;
  for (int i = 0; i < kPacketsPerBatch; ++i) {
    const auto lookup = reader.get(PacketKey("ns", id_of(batch, i)));
    EXPECT_TRUE(lookup) << lookup.error().detail;
    found += lookup && lookup->head ? 1 : 0;
  }
  return found;
}

TEST_F(PostgresDurability, what_was_acknowledged_survives_25_kills) {
  options_.deadline = seconds(10);
  Prng chance(20261128);
  uint64_t batch = 0;
  int unknown = 0;
  auto store = open();
  ASSERT_NE(store, nullptr);
  for (int kill = 0; kill < 25; ++kill) {
    const uint64_t first = batch + 1;
    const uint64_t enough = 1 + chance.below(40);
    std::atomic<uint64_t> acked = 0;
    Outcome last = Outcome::kCommitted;
    std::thread writer([&] {
      while (last == Outcome::kCommitted) {
        ++batch;
        last = store->commit(batch, groups_of(batch)).outcomes[0];
        if (last == Outcome::kCommitted) ++acked;
        acked.notify_all();
      }
    });
    for (uint64_t seen = 0; seen < enough; seen = acked) acked.wait(seen);
    primary_.kill_all();
    writer.join();
    ASSERT_TRUE(primary_.start());
    const auto reader = std::move(*store->reader());
    for (uint64_t i = first; i < batch; ++i) ASSERT_EQ(present(*reader, i), kPacketsPerBatch);
    // The last one is there whole or not at all, as the store says; and what it says stays.
    const Resolution resolution = store->resolve(batch);
    ASSERT_NE(resolution, Resolution::kUnknown);
    if (last == Outcome::kRefused) {
      ASSERT_EQ(resolution, Resolution::kNotApplied);
    } else {
      ++unknown;
    }
    ASSERT_EQ(present(*reader, batch), resolution == Resolution::kApplied ? kPacketsPerBatch : 0);
    ASSERT_EQ(store->resolve(batch), resolution);
  }
  RecordProperty("unknown_outcomes", unknown);
  EXPECT_GT(unknown, 0) << "no kill hit a batch that was on its way";
}

TEST_F(PostgresDurability, a_frozen_standby_makes_a_commit_unknown_in_time) {
  TestCluster standby;
  ASSERT_TRUE(standby.follow(primary_, "s1"));
  ASSERT_TRUE(primary_.run_sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'"));
  ASSERT_TRUE(primary_.run_sql("SELECT pg_reload_conf()"));
  options_.deadline = seconds(20);
  {
    ASSERT_NE(open(), nullptr);
  }  // makes the schema
  options_.deadline = milliseconds(1500);
  const auto store = open();
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->capabilities().survives, "the loss of one machine (ANY 1 (*))");
  ASSERT_EQ(store->commit(1, groups_of(1)).outcomes[0], Outcome::kCommitted);
  const auto reader = std::move(*store->reader());

  standby.freeze();
  const auto began = std::chrono::steady_clock::now();
  const CommitResult result = store->commit(2, groups_of(2));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(2500));
  EXPECT_EQ(result.outcomes[0], Outcome::kUnknown) << result.why;
  EXPECT_FALSE(result.fenced);
  EXPECT_EQ(present(*reader, 2), 0) << "nobody sees what a standby does not have";
  EXPECT_EQ(store->resolve(2), Resolution::kUnknown);
  EXPECT_NE(store->commit(3, groups_of(3)).outcomes[0], Outcome::kCommitted);
  EXPECT_FALSE(store->reader()) << "what would be read could still be lost";

  standby.thaw();
  Resolution resolution = Resolution::kUnknown;
  for (int i = 0; i < 10 && resolution == Resolution::kUnknown; ++i) resolution = store->resolve(2);
  EXPECT_EQ(resolution, Resolution::kApplied);
  EXPECT_EQ(present(*reader, 2), kPacketsPerBatch);
  EXPECT_EQ(store->commit(4, groups_of(4)).outcomes[0], Outcome::kCommitted);
}

TEST_F(PostgresDurability, a_standby_that_took_over_is_known_and_the_deposed_one_refused) {
  TestCluster standby;
  ASSERT_TRUE(standby.follow(primary_, "s1"));
  ASSERT_TRUE(primary_.run_sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'"));
  ASSERT_TRUE(primary_.run_sql("SELECT pg_reload_conf()"));
  options_.deadline = seconds(20);
  const auto old = open();
  ASSERT_NE(old, nullptr);
  ASSERT_EQ(old->commit(1, groups_of(1)).outcomes[0], Outcome::kCommitted);
  const auto before = Connection::open(options_, "test");
  ASSERT_TRUE(before);
  primary_.kill_all();
  ASSERT_TRUE(standby.run_sql("ALTER SYSTEM SET synchronous_standby_names = ''"));
  ASSERT_TRUE(standby.run_sql("SELECT pg_promote()"));
  PostgresOptions at_new = options_;
  at_new.url = standby.url();
  const auto after = Connection::open(at_new, "test");
  ASSERT_TRUE(after) << after.error().detail;
  const EngineIdentity& was = (*before)->promise().identity;
  const EngineIdentity& is = (*after)->promise().identity;
  EXPECT_EQ(is.system_id, was.system_id);
  EXPECT_EQ(is.timeline, was.timeline + 1);
  const auto store = open_postgres(at_new);
  ASSERT_TRUE(store) << store.error().detail;
  EXPECT_EQ(present(**(*store)->reader(), 1), kPacketsPerBatch);
  // The old primary comes back and would take writes.
  ASSERT_TRUE(primary_.start());
  options_.minimum = is;
  const auto deposed = open_postgres(options_);
  ASSERT_FALSE(deposed);
  EXPECT_NE(deposed.error().detail.find("deposed"), std::string::npos) << deposed.error().detail;
}

TEST_F(PostgresDurability, unsafe_servers_are_refused) {
  struct Case {
    const char* setting;
    const char* value;
  };
  primary_.stop();
  for (const Case& it : {Case{"fsync", "off"}, Case{"full_page_writes", "off"},
                         Case{"synchronous_commit", "off"}, Case{"synchronous_commit", "local"}}) {
    primary_.set(it.setting, it.value);
    ASSERT_TRUE(primary_.start());
    const auto store = open_postgres(options_);
    ASSERT_FALSE(store) << it.setting;
    EXPECT_NE(store.error().detail.find(it.setting), std::string::npos) << store.error().detail;
    primary_.stop();
    primary_.set(it.setting, "on");
  }
}

// Settings that a running server takes: what was acknowledged before stays what it was, and what
// cannot be kept to is refused within a sweep.
TEST_F(PostgresDurability, a_server_that_becomes_unsafe_is_noticed) {
  const auto session = Connection::open(options_, "test");
  ASSERT_TRUE(session) << session.error().detail;
  const auto store = open_postgres(options_);
  ASSERT_TRUE(store) << store.error().detail;
  const std::vector<Group> one = {{1, {PutMember{member("m"), 0, "registered"}}}};
  ASSERT_EQ((*store)->commit(1, one).outcomes.at(0), Outcome::kCommitted);
  ASSERT_TRUE(primary_.run_sql("ALTER SYSTEM SET synchronous_commit = 'off'"));
  ASSERT_TRUE(primary_.run_sql("ALTER SYSTEM SET fsync = 'off'"));
  ASSERT_TRUE(primary_.run_sql("SELECT pg_reload_conf()"));
  const auto setting = [&](const char* name) {
    const auto rows = (*session)->execute("SELECT current_setting('" + std::string(name) + "')",
                                          options_.deadline);
    return rows ? std::string(rows->bytes(0, 0)) : rows.error().message;
  };
  while (setting("fsync") == "on") std::this_thread::yield();
  EXPECT_EQ(setting("synchronous_commit"), "on") << "of sessions that are open";
  // Each session takes note of it in its own time.
  for (auto swept = (*store)->sweep({}); swept; swept = (*store)->sweep({})) {
    std::this_thread::yield();
  }
  const std::vector<Group> more = {{1, {PutMember{member("n"), 0, "registered"}}}};
  const CommitResult refused = (*store)->commit(2, more);
  EXPECT_EQ(refused.outcomes.at(0), Outcome::kRefused);
  EXPECT_NE(refused.why.find("fsync is off"), std::string::npos) << refused.why;
  ASSERT_TRUE(primary_.run_sql("ALTER SYSTEM RESET ALL"));
  ASSERT_TRUE(primary_.run_sql("SELECT pg_reload_conf()"));
  uint64_t batch = 3;
  while ((*store)->commit(batch, more).outcomes.at(0) != Outcome::kCommitted) ++batch;
}

}  // namespace
}  // namespace phoenix::postgres
