// What the conformance suite cannot say: fencing, races of two hosts, outcomes that nobody knows.
#include "store/postgres/postgres_store.h"

#include <gtest/gtest.h>

#include <barrier>
#include <map>
#include <thread>

#include "store/postgres/schema.h"
#include "store/postgres/test_cluster.h"
#include "store/postgres/test_proxy.h"
#include "store/testing.h"

namespace phoenix::postgres {
namespace {

using namespace testing_store;  // NOLINT: the words of the tests
using phoenix::Outcome;
using testing_postgres::TestCluster;
using testing_postgres::TestProxy;

class PostgresStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    PHOENIX_NEED_POSTGRES();
    ASSERT_NE(TestCluster::shared(), nullptr);
    options_.url = TestCluster::shared()->url();
    options_.schema = TestCluster::fresh_schema();
    options_.create = true;
    options_.deadline = seconds(20);
    sql_ = Connection::open_schema(options_, "test").value();
  }
  std::unique_ptr<Store> open(const HostLife& life = {}) {
    PostgresOptions options = options_;
    options.self = life;
    auto store = open_postgres(options);
    EXPECT_TRUE(store) << store.error().detail;
    return store ? std::move(*store) : nullptr;
  }
  void run(const std::string& sql) {
    const auto done = sql_->execute(sql, seconds(20));
    ASSERT_TRUE(done) << done.error().message;
  }
  int64_t number(const std::string& sql) {
    const auto rows = sql_->execute(sql, seconds(20));
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && rows->size() == 1 ? rows->integer(0, 0) : -1;
  }
  void enter(const HostLife& life) {
    run("INSERT INTO host_log(host, life) VALUES ('" + life.host + "', " +
        std::to_string(static_cast<int64_t>(life.life)) + ")");
  }
  CommitResult commit(Store& store, const std::vector<Group>& groups) {
    return store.commit(++batch_, groups);
  }
  Outcome commit_one(Store& store, std::vector<Op> ops) {
    const std::vector<Group> groups = {{1, std::move(ops)}};
    const CommitResult result = commit(store, groups);
    why_ = result.why;
    return result.outcomes.at(0);
  }
  bool has(const std::string& id) {
    return number("SELECT count(*) FROM packet WHERE key = 'ns/" + id + "'") == 1;
  }

  PostgresOptions options_;
  std::unique_ptr<Connection> sql_;
  std::string why_;
  uint64_t batch_ = 0;
};

const HostLife kA = {"a", 11};
const HostLife kB = {"b", 0xf000'0000'0000'0001};

TEST_F(PostgresStoreTest, a_life_that_is_not_in_the_view_commits_nothing) {
  const auto store = open(kA);
  const std::vector<Group> groups = {{1, {create(head("x"))}}, {2, {create(head("y"))}}};
  CommitResult result = commit(*store, groups);
  EXPECT_TRUE(result.fenced) << "it has not entered yet";
  enter(kA);
  result = commit(*store, groups);
  EXPECT_FALSE(result.fenced);
  EXPECT_EQ(result.outcomes, (std::vector<Outcome>{Outcome::kCommitted, Outcome::kCommitted}));
  run("UPDATE host_log SET fenced = clock_timestamp() WHERE host = 'a'");
  const Packet y = head("y");
  result = commit(*store, {{1, {create(head("z"))}}, {2, {replace(y, assigned(y, "m"))}}});
  EXPECT_TRUE(result.fenced);
  EXPECT_EQ(result.outcomes, (std::vector<Outcome>{Outcome::kRefused, Outcome::kRefused}));
  EXPECT_NE(result.why.find("not in the view"), std::string::npos);
  EXPECT_FALSE(has("z"));
  EXPECT_EQ(number("SELECT epoch FROM packet WHERE key = 'ns/y'"), 0);
  EXPECT_EQ(number("SELECT size FROM host_log WHERE host = 'a'"), 2);
  // What it did not commit, it never will; and a batch that stands still does.
  EXPECT_EQ(store->resolve(batch_), Resolution::kNotApplied);
  EXPECT_EQ(store->resolve(batch_ - 1), Resolution::kApplied);
  const auto another = open({"a", 12});
  EXPECT_TRUE(commit(*another, groups).fenced) << "another life of the host";
}

TEST_F(PostgresStoreTest, a_commit_waits_for_the_fence_that_is_under_way) {
  const auto store = open(kA);
  enter(kA);
  run("BEGIN; UPDATE host_log SET fenced = clock_timestamp() WHERE host = 'a'");
  std::optional<CommitResult> result;
  std::thread committer([&] { result = commit(*store, {{1, {create(head("x"))}}}); });
  // It is there, and it waits.
  while (number("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"
                " AND database IS NOT NULL OR (NOT granted AND locktype = 'transactionid')") == 0) {
    std::this_thread::yield();
  }
  run("COMMIT");
  committer.join();
  EXPECT_TRUE(result->fenced);
  EXPECT_FALSE(has("x"));
}

TEST_F(PostgresStoreTest, lives_number_their_batches_and_events_by_themselves) {
  enter(kA);
  enter(kB);
  const auto a = open(kA);
  const auto b = open(kB);
  const std::vector<Group> one = {{1, {create(head("x"))}}};
  const std::vector<Group> two = {{1, {create(head("y"))}}};
  EXPECT_EQ(a->commit(7, one).outcomes[0], Outcome::kCommitted);
  EXPECT_EQ(b->commit(7, two).outcomes[0], Outcome::kCommitted) << "its own 7";
  EXPECT_EQ(a->resolve(8), Resolution::kNotApplied);
  EXPECT_EQ(b->resolve(8), Resolution::kNotApplied);
  EXPECT_EQ(b->resolve(7), Resolution::kApplied);
  EXPECT_EQ(number("SELECT count(DISTINCT log) FROM event WHERE position = 1"), 2);
}

// Host a makes packets and b changes them, so that each has events in both logs.
TEST_F(PostgresStoreTest, events_of_a_packet_come_in_order_whatever_logs_they_are_in) {
  enter(kA);
  enter(kB);
  const auto a = open(kA);
  const auto b = open(kB);
  for (int i = 0; i < 10; ++i) {
    const Packet first = head("p" + std::to_string(i));
    const Packet second = next(assigned(first, "m"));
    ASSERT_EQ(commit_one(*a, {create(first)}), Outcome::kCommitted);
    ASSERT_EQ(commit_one(*b, {replace(first, second, "taken")}), Outcome::kCommitted);
    ASSERT_EQ(commit_one(*a, {replace(second, next(second), "back")}), Outcome::kCommitted);
  }
  const auto reader = std::move(*a->reader());
  const EventCursor all = reader->newest_event().value();
  EXPECT_EQ(all.positions().size(), 2u);
  EXPECT_EQ(reader->list({}, true, std::nullopt, 1)->as_of, all);
  for (const uint32_t limit : {1u, 4u, 7u, 100u}) {
    std::map<std::string, std::vector<std::string>> seen;
    EventCursor cursor;
    for (bool more = true; more;) {
      EventCursor dropped;
      const auto rows = reader->events(cursor, limit, &dropped).value();
      EXPECT_EQ(dropped, EventCursor());
      EXPECT_LE(rows.size(), limit);
      for (const EventRow& row : rows) {
        EXPECT_EQ(row.seq, cursor.position(row.log) + 1);
        cursor.raise(row.log, row.seq);
        seen[row.key].push_back(row.entry.event);
      }
      more = !rows.empty();
    }
    EXPECT_EQ(cursor, all);
    EXPECT_EQ(seen.size(), 10u);
    for (const auto& [key, events] : seen) {
      EXPECT_EQ(events, (std::vector<std::string>{"created", "taken", "back"})) << key;
    }
  }
  const auto history = reader->history(PacketKey("ns", "p3")).value();
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history[1].entry.event, "taken");
  EXPECT_NE(history[1].log, history[2].log);
  // What is dropped is told for each log; a closed log of which nothing is left is not.
  run("DELETE FROM event WHERE log = (SELECT log FROM host_log WHERE host = 'b');"
      "INSERT INTO event_floor SELECT log, 10 FROM host_log WHERE host = 'b'");
  EventCursor dropped;
  EXPECT_EQ(reader->events({}, 100, &dropped)->size(), 20u);
  EXPECT_EQ(dropped, EventCursor(10, history[1].log));
  run("UPDATE host_log SET fenced = clock_timestamp() WHERE host = 'b'");
  EXPECT_TRUE(reader->events({}, 100, &dropped));
  EXPECT_EQ(dropped, EventCursor());
  EXPECT_EQ(reader->newest_event()->positions().size(), 1u);
}

TEST_F(PostgresStoreTest, a_session_that_another_host_takes_is_left_to_be_told) {
  enter(kA);
  enter(kB);
  const auto a = open(kA);
  const auto b = open(kB);
  auto at_a = session("s", 1);
  at_a->home = kA;
  auto again = session("s", 2);
  again->home = kA;
  auto at_b = session("s", 3);
  at_b->home = kB;
  EXPECT_EQ(commit_one(*a, {PutSession{at_a, 0}}), Outcome::kCommitted);
  EXPECT_EQ(commit_one(*a, {PutSession{again, 1}}), Outcome::kCommitted);
  EXPECT_EQ(number("SELECT count(*) FROM session_left"), 0);
  EXPECT_EQ(commit_one(*b, {PutSession{at_b, 1}}), Outcome::kConflict);
  EXPECT_EQ(number("SELECT count(*) FROM session_left"), 0);
  EXPECT_EQ(commit_one(*b, {PutSession{at_b, 2}}), Outcome::kCommitted);
  EXPECT_EQ(number("SELECT revision FROM session_left WHERE host = 'a' AND life = 11"
                   " AND session = 's'"),
            3);
  EXPECT_EQ(number("SELECT home_life FROM session WHERE id = 's'"), static_cast<int64_t>(kB.life));
  // Ended by another one than its home: told as well, with the newest revision.
  auto ended_elsewhere = session("s", 4);
  ended_elsewhere->home = kB;
  ended_elsewhere->state = SessionState::kLapsed;
  EXPECT_EQ(commit_one(*a, {PutSession{ended_elsewhere, 3}}), Outcome::kCommitted);
  EXPECT_EQ(number("SELECT revision FROM session_left WHERE host = 'b'"), 4);
}

// Each round both hosts want to change the same rows from the same revision, in opposite orders.
TEST_F(PostgresStoreTest, of_two_hosts_that_race_for_a_row_one_wins) {
  constexpr int kRounds = 260;
  constexpr int kRows = 6;
  const HostLife lives[2] = {kA, kB};
  std::unique_ptr<Store> stores[2];
  for (int i = 0; i < 2; ++i) {
    enter(lives[i]);
    stores[i] = open(lives[i]);
  }
  std::vector<std::vector<Outcome>> outcomes[2];
  std::barrier start(2);
  const auto race = [&](int me) {
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Group> groups;
      for (int i = 0; i < kRows; ++i) {
        const int row = me == 0 ? i : kRows - 1 - i;
        const std::string id = "r" + std::to_string(row);
        const auto revision = static_cast<uint64_t>(round);
        if (row % 2 == 0) {
          Packet was = head(id);
          was.revision = revision;
          was.epoch = revision;
          Packet now = head(id);
          now.epoch = revision + 1;
          Op op = replace(was, now);
          if (round == 0) std::get<PutPacket>(op).expect_epoch = 0;
          groups.push_back({1, {op}});
        } else {
          groups.push_back({1, {PutMember{member(id, revision + 1), revision, "changed"}}});
        }
      }
      // A row that nobody else wants stands whatever becomes of the others.
      groups.push_back({1, {create(head(std::to_string(me) + "-" + std::to_string(round)))}});
      start.arrive_and_wait();
      outcomes[me].push_back(stores[me]->commit(static_cast<uint64_t>(round) + 1, groups).outcomes);
      start.arrive_and_wait();
    }
  };
  std::thread other([&] { race(1); });
  race(0);
  other.join();
  int wins[2] = {0, 0};
  for (size_t round = 0; round < kRounds; ++round) {
    for (size_t row = 0; row < kRows; ++row) {
      const bool a = outcomes[0][round][row] == Outcome::kCommitted;
      const bool b = outcomes[1][round][kRows - 1 - row] == Outcome::kCommitted;
      EXPECT_NE(a, b) << "round " << round << " row " << row;
      wins[0] += a ? 1 : 0;
      wins[1] += b ? 1 : 0;
    }
    EXPECT_EQ(outcomes[0][round][kRows], Outcome::kCommitted);
    EXPECT_EQ(outcomes[1][round][kRows], Outcome::kCommitted);
  }
  RecordProperty("wins_of_a", wins[0]);
  RecordProperty("wins_of_b", wins[1]);
  EXPECT_GE(wins[0] + wins[1], 1500);
  EXPECT_EQ(number("SELECT min(revision) FROM packet WHERE key LIKE 'ns/r%'"), kRounds);
}

TEST_F(PostgresStoreTest, an_answer_that_is_lost_is_settled_by_writing) {
  TestProxy proxy(TestCluster::shared()->socket_path());
  options_.url = proxy.url();
  options_.deadline = milliseconds(1500);
  const auto store = open();
  EXPECT_EQ(commit_one(*store, {create(head("a"))}), Outcome::kCommitted);

  proxy.set(TestProxy::Mode::kDropAnswers);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(commit_one(*store, {create(head("b"))}), Outcome::kUnknown);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(2500));
  EXPECT_NE(why_.find("in time"), std::string::npos) << why_;
  EXPECT_EQ(store->resolve(batch_), Resolution::kUnknown) << "it cannot be asked now";
  proxy.set(TestProxy::Mode::kPass);
  EXPECT_EQ(store->resolve(batch_), Resolution::kApplied);
  EXPECT_EQ(store->resolve(batch_), Resolution::kApplied);
  EXPECT_TRUE(has("b"));

  EXPECT_EQ(commit_one(*store, {create(head("c"))}), Outcome::kCommitted);
  proxy.set(TestProxy::Mode::kDropRequests);
  EXPECT_EQ(commit_one(*store, {create(head("d"))}), Outcome::kUnknown);
  proxy.set(TestProxy::Mode::kPass);
  EXPECT_EQ(store->resolve(batch_), Resolution::kNotApplied);
  EXPECT_EQ(store->resolve(batch_), Resolution::kNotApplied);
  EXPECT_FALSE(has("d"));
  EXPECT_EQ(commit_one(*store, {create(head("d"))}), Outcome::kCommitted);
}

TEST_F(PostgresStoreTest, a_request_that_arrives_after_it_was_settled_does_nothing) {
  TestProxy proxy(TestCluster::shared()->socket_path());
  options_.url = proxy.url();
  options_.deadline = milliseconds(1500);
  const auto store = open();
  // Its statements are prepared, so that a batch goes out in one piece.
  EXPECT_EQ(commit_one(*store, {create(head("a"))}), Outcome::kCommitted);
  proxy.set(TestProxy::Mode::kHoldRequests);
  EXPECT_EQ(commit_one(*store, {create(head("late"))}), Outcome::kUnknown);
  proxy.set(TestProxy::Mode::kPass);
  EXPECT_EQ(store->resolve(batch_), Resolution::kNotApplied);
  proxy.release();
  EXPECT_FALSE(has("late"));
  EXPECT_EQ(number("SELECT kind FROM batch WHERE id = " + std::to_string(batch_)), 1);
  // The same without the settlement does happen: the test tells one from the other.
  EXPECT_EQ(commit_one(*store, {create(head("b"))}), Outcome::kCommitted);
  proxy.set(TestProxy::Mode::kHoldRequests);
  EXPECT_EQ(commit_one(*store, {create(head("late"))}), Outcome::kUnknown);
  proxy.release();
  EXPECT_TRUE(has("late"));
  EXPECT_EQ(store->resolve(batch_), Resolution::kApplied);
}

TEST_F(PostgresStoreTest, a_pooler_is_refused) {
  TestProxy proxy(TestCluster::shared()->socket_path());
  proxy.fake_session_numbers();
  options_.url = proxy.url();
  const auto store = open_postgres(options_);
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().detail.find("pooler"), std::string::npos) << store.error().detail;
}

TEST_F(PostgresStoreTest, nobodys_text_spoils_a_batch) {
  const auto store = open();
  Packet packet = head("a");
  Op op = create(packet);
  auto& put = std::get<PutPacket>(op);
  put.entry.reason = std::string("zero \0 and \xff\xfe broken", 20);
  put.contents = {
      {ContentKind::kPayload,
       std::make_shared<Content>(Content{false, std::string("a\0b", 3), std::string(3, '\0')})}};
  const std::vector<Group> groups = {{1, {op}}, {2, {create(head("b"))}}};
  EXPECT_EQ(commit(*store, groups).outcomes,
            (std::vector<Outcome>{Outcome::kCommitted, Outcome::kCommitted}));
  const auto reader = std::move(*store->reader());
  EXPECT_EQ(reader->history(packet.key)->at(0).entry.reason, "zero ? and ?? broken");
  const Content content = reader->content(packet.key, ContentKind::kPayload)->value();
  EXPECT_EQ(content.type, "a?b");
  EXPECT_EQ(content.data, std::string(3, '\0'));
  EXPECT_TRUE(reader->list({.owner = std::string("\0", 1)}, true, std::nullopt, 10));
}

TEST_F(PostgresStoreTest, large_contents_go_in_portions) {
  const auto store = open();
  std::vector<Group> groups;
  for (int i = 0; i < 6; ++i) {
    Op op = create(head("p" + std::to_string(i)));
    std::get<PutPacket>(op).contents = {
        json(ContentKind::kPayload, std::string(size_t{3} << 20, static_cast<char>('a' + i)))};
    groups.push_back({1, {op}});
  }
  const CommitResult result = commit(*store, groups);
  EXPECT_EQ(result.outcomes.back(), Outcome::kCommitted) << result.why;
  const auto reader = std::move(*store->reader());
  const auto last = reader->content(PacketKey("ns", "p5"), ContentKind::kPayload);
  EXPECT_EQ(last->value().data, std::string(size_t{3} << 20, 'f'));
}

TEST_F(PostgresStoreTest, with_a_life_packets_are_left_to_scans) {
  enter(kA);
  const auto store = open(kA);
  ASSERT_EQ(commit_one(*store, {create(head("x")), PutMember{member("m"), 0, "registered"}}),
            Outcome::kCommitted);
  int packets = 0;
  int members = 0;
  RecoverSink sink;
  sink.packet = [&](const Packet&) { ++packets; };
  sink.member = [&](const MemberRecord&) { ++members; };
  ASSERT_TRUE(store->recover(sink));
  EXPECT_EQ(packets, 0);
  EXPECT_EQ(members, 1);
}

TEST_F(PostgresStoreTest, one_host_sweeps_at_a_time) {
  const auto store = open();
  ASSERT_EQ(commit_one(*store, {PutAnswer{digest(1), digest(2), "x", 1}}), Outcome::kCommitted);
  SweepLimits limits;
  limits.now = 10;
  run("SELECT pg_advisory_lock(57842, 'fact'::regclass::oid::integer)");
  EXPECT_EQ(store->sweep(limits)->rows, 0u);
  run("SELECT pg_advisory_unlock(57842, 'fact'::regclass::oid::integer)");
  EXPECT_EQ(store->sweep(limits)->rows, 1u);
}

TEST_F(PostgresStoreTest, what_a_fenced_life_left_behind_is_swept) {
  enter(kA);
  const auto store = open(kA);
  ASSERT_EQ(commit_one(*store, {create(head("x"))}), Outcome::kCommitted);
  EXPECT_EQ(store->resolve(77), Resolution::kNotApplied);
  run("INSERT INTO session_left VALUES ('a', 11, 's', 1)");
  SweepLimits limits;
  EXPECT_EQ(store->sweep(limits)->rows, 0u);
  run("UPDATE host_log SET fenced = clock_timestamp() - interval '2 hours' WHERE host = 'a'");
  EXPECT_EQ(store->sweep(limits)->rows, 3u);
  EXPECT_EQ(number("SELECT count(*) FROM batch"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM host_log WHERE host = 'a'"), 1) << "rows of lives stay";
}

TEST_F(PostgresStoreTest, rows_of_lives_that_wrote_nothing_are_swept_a_week_after_their_end) {
  const HostLife silent{"c", 33};
  enter(kA);
  enter(kB);
  enter(silent);
  const auto store = open(kA);
  ASSERT_EQ(commit_one(*store, {create(head("x"))}), Outcome::kCommitted);
  run("UPDATE host_log SET fenced = clock_timestamp() - interval '8 days' WHERE life <> 0;"
      "UPDATE host_log SET fenced = clock_timestamp() - interval '6 days' WHERE host = 'c';"
      "DELETE FROM batch");
  EXPECT_EQ(store->sweep(SweepLimits())->rows, 1u);
  EXPECT_EQ(number("SELECT count(*) FROM host_log WHERE host = 'b'"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM host_log WHERE host IN ('a', 'c')"), 2)
      << "a log of events is named by its life's row";
}

TEST_F(PostgresStoreTest, a_wrong_password_is_told_without_it) {
  run("DO $$ BEGIN CREATE ROLE locked LOGIN PASSWORD 'right'; EXCEPTION WHEN duplicate_object THEN"
      " NULL; END $$");
  std::string url = options_.url;
  url.replace(url.find("phoenix@"), 8, "locked:guess-me@");
  options_.url = url;
  const auto store = open_postgres(options_);
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().detail.find("password authentication failed"), std::string::npos)
      << store.error().detail;
  EXPECT_EQ(store.error().detail.find("guess-me"), std::string::npos);
  EXPECT_EQ(store.error().detail.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace phoenix::postgres
