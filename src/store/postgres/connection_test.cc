// What a connection does and refuses, over a PostgreSQL of the test's own.
#include "store/postgres/connection.h"

#include <gtest/gtest.h>

#include "store/postgres/schema.h"
#include "store/postgres/server_check.h"
#include "store/postgres/test_cluster.h"

namespace phoenix::postgres {
namespace {

using testing_postgres::TestCluster;

TEST(ServerCheck, counts_the_standbys_that_have_a_commit) {
  EXPECT_EQ(standbys_of(""), 0);
  EXPECT_EQ(standbys_of("  "), 0);
  EXPECT_EQ(standbys_of("*"), 1);
  EXPECT_EQ(standbys_of("s1, s2"), 1);
  EXPECT_EQ(standbys_of("ANY 2 (s1, s2, s3)"), 2);
  EXPECT_EQ(standbys_of("FIRST 1 (s9)"), 1);
  EXPECT_EQ(standbys_of("3 (a, b, c)"), 3);
  EXPECT_EQ(standbys_of("FIRST 0 (x)"), 1);
}

ServerFacts good() {
  return {.version = 150'018,
          .fsync = "on",
          .full_page_writes = "on",
          .synchronous_commit = "on",
          .synchronous_standby_names = "ANY 1 (*)",
          .identity = {7, 3}};
}

std::string why(const ServerFacts& facts, const EngineIdentity& minimum = {}) {
  const auto promise = judge_server(facts, minimum);
  return promise ? "" : promise.error().detail;
}

TEST(ServerCheck, refuses_what_may_lose_an_acknowledged_commit) {
  EXPECT_EQ(why(good()), "");
  EXPECT_EQ(judge_server(good(), {})->survives, "the loss of one machine (ANY 1 (*))");
  ServerFacts facts = good();
  facts.synchronous_standby_names = "";
  EXPECT_EQ(judge_server(facts, {})->survives, "a crash of the database's machine, not its loss");
  facts.fsync = "off";
  EXPECT_NE(why(facts).find("fsync is off"), std::string::npos);
  facts = good();
  facts.full_page_writes = "off";
  EXPECT_NE(why(facts).find("full_page_writes is off"), std::string::npos);
  for (const char* weak : {"off", "local", "remote_write"}) {
    facts = good();
    facts.synchronous_commit = weak;
    EXPECT_NE(why(facts).find(std::string("synchronous_commit is ") + weak), std::string::npos);
  }
  facts.synchronous_commit = "remote_apply";
  EXPECT_EQ(why(facts), "");
  facts.version = 120'022;
  EXPECT_NE(why(facts).find("PostgreSQL 12.22"), std::string::npos);
  facts = good();
  facts.standby = true;
  EXPECT_NE(why(facts).find("standby"), std::string::npos);
}

TEST(ServerCheck, refuses_another_system_and_a_lower_timeline) {
  EXPECT_EQ(why(good(), {7, 3}), "");
  EXPECT_EQ(why(good(), {7, 2}), "");
  EXPECT_NE(why(good(), {7, 4}).find("timeline 3, the pool on 4"), std::string::npos);
  EXPECT_NE(why(good(), {255, 3}).find("not ff"), std::string::npos);
}

class PostgresConnection : public testing::Test {
 protected:
  void SetUp() override {
    PHOENIX_NEED_POSTGRES();
    ASSERT_NE(TestCluster::shared(), nullptr);
    options_.url = TestCluster::shared()->url();
    options_.schema = TestCluster::fresh_schema();
  }
  std::unique_ptr<Connection> open() {
    auto connection = Connection::open(options_, "test");
    EXPECT_TRUE(connection) << connection.error().detail;
    return connection ? std::move(*connection) : nullptr;
  }
  std::string why_not_open() {
    const auto connection = Connection::open_schema(options_, "test");
    return connection ? "" : connection.error().detail;
  }
  PostgresOptions options_;
};

TEST_F(PostgresConnection, says_whom_it_speaks_to) {
  const auto connection = open();
  ASSERT_NE(connection, nullptr);
  EXPECT_GT(connection->promise().identity.system_id, 0u);
  EXPECT_EQ(connection->promise().identity.timeline, 1u);
  EXPECT_EQ(connection->promise().survives, "a crash of the database's machine, not its loss");
  options_.minimum = connection->promise().identity;
  EXPECT_NE(open(), nullptr);
  ++options_.minimum.timeline;
  EXPECT_NE(why_not_open().find("timeline"), std::string::npos);
}

TEST_F(PostgresConnection, makes_its_schema_once_and_refuses_a_newer_one) {
  EXPECT_NE(why_not_open().find("no schema"), std::string::npos);
  const auto connection = open();
  EXPECT_FALSE(read_versions(*connection, seconds(20))->exists());
  EXPECT_FALSE(migrate(*connection)) << "nothing to migrate";
  EXPECT_TRUE(create_schema(*connection).value());
  EXPECT_FALSE(create_schema(*connection).value());
  EXPECT_FALSE(migrate(*connection).value());
  EXPECT_EQ(read_versions(*connection, seconds(20))->maximum, kSchemaVersion);
  EXPECT_EQ(why_not_open(), "");
  // A later version that this program can still work on, then one that it cannot.
  const std::string update = "UPDATE " + options_.schema + ".version SET ";
  ASSERT_TRUE(connection->execute(update + "maximum = 9", seconds(5)));
  EXPECT_EQ(why_not_open(), "");
  EXPECT_FALSE(create_schema(*connection).value());
  ASSERT_TRUE(connection->execute(update + "minimum = 8", seconds(5)));
  EXPECT_NE(why_not_open().find("newer"), std::string::npos);
  EXPECT_FALSE(create_schema(*connection));
}

TEST_F(PostgresConnection, makes_the_schema_when_it_is_told_to) {
  options_.create = true;
  EXPECT_EQ(why_not_open(), "");
}

TEST_F(PostgresConnection, a_transaction_happens_whole_or_not_at_all) {
  static constexpr Statement kInsert = {"t_insert", "INSERT INTO t(n) SELECT unnest($1::bigint[])"};
  static constexpr Statement kCount = {"t_count", "SELECT count(*), max(n), null FROM t"};
  static constexpr Statement kFail = {"t_fail", "SELECT 1 / (count(*) - 2) FROM t"};
  options_.create = true;
  auto connection = Connection::open_schema(options_, "test");
  ASSERT_TRUE(connection);
  ASSERT_TRUE((*connection)->execute("CREATE TABLE t(n bigint)", seconds(5)));
  const Deadline deadline(seconds(20));
  Column numbers(ElementType::kInteger);
  numbers.integer(-5);
  numbers.integer(INT64_MAX);
  Arguments two;
  two.column(numbers);
  const std::vector<Call> fails = {{&kInsert, two}, {&kFail, {}}, {&kInsert, two}};
  for (int i = 0; i < 2; ++i) {
    // A refusal during the first use of statements ends the session; it is cheap to make anew.
    if ((*connection)->broken()) connection = Connection::open_schema(options_, "test");
    const auto failed = (*connection)->transact(fails, deadline);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().state, "22012");
    EXPECT_TRUE(failed.error().certain);
  }
  if ((*connection)->broken()) connection = Connection::open_schema(options_, "test");
  const std::vector<Call> works = {{&kInsert, two}, {&kCount, {}}};
  for (int64_t i = 1; i <= 2; ++i) {
    const auto done = (*connection)->transact(works, deadline);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->at(1).integer(0, 0), 2 * i);
    EXPECT_EQ(done->at(1).integer(0, 1), INT64_MAX);
    EXPECT_TRUE(done->at(1).null(0, 2));
  }
  const std::vector<Call> reads = {{&kCount, {}}};
  EXPECT_EQ((*connection)->transact(reads, deadline, Isolation::kSnapshot)->at(0).integer(0, 0), 4);
  const auto refused = (*connection)->transact(works, deadline, Isolation::kSnapshot);
  ASSERT_FALSE(refused) << "a snapshot only reads";
}

TEST_F(PostgresConnection, bad_urls_and_absent_servers_are_told_in_one_line_without_secrets) {
  options_.deadline = milliseconds(1500);
  for (const char* url :
       {"", "mysql://x", "postgresql://u:sesame@[bad", "postgresql://u:sesame@/x?nonsense=1",
        "postgresql://u:sesame@/db?host=/nowhere/at/all", "postgresql://u:sesame@127.0.0.1:1/db"}) {
    options_.url = url;
    const std::string told = why_not_open();
    EXPECT_NE(told, "") << url;
    EXPECT_EQ(told.find("sesame"), std::string::npos) << told;
    EXPECT_EQ(told.find('\n'), std::string::npos) << told;
  }
  options_.url = TestCluster::shared()->url();
  options_.schema = "x; drop table y";
  EXPECT_NE(why_not_open().find("schema"), std::string::npos);
}

}  // namespace
}  // namespace phoenix::postgres
