// What only a pool's rows in PostgreSQL can meet: locks that others hold, a server that restarts,
// freezes, or cannot be reached. The meaning is in pool_conformance_test.cc.
#include "store/postgres/pool/pool_store.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <thread>

#include "store/postgres/test_cluster.h"

namespace phoenix {
namespace {

using testing_postgres::TestCluster;

const HostLife kA{"a", 1};
const HostLife kB{"b", 2};

class PostgresPoolTest : public testing::Test {
 protected:
  void SetUp() override {
    PHOENIX_NEED_POSTGRES();
    ASSERT_NE(TestCluster::shared(), nullptr);
    use(*TestCluster::shared());
    options_.deadline = seconds(20);
  }
  void use(const TestCluster& cluster) {
    options_.url = cluster.url();
    options_.schema = TestCluster::fresh_schema();
    options_.create = true;
  }
  std::unique_ptr<PoolStore> open() {
    auto pool = open_postgres_pool(options_);
    EXPECT_TRUE(pool) << pool.error().detail;
    return pool ? std::move(*pool) : nullptr;
  }
  std::unique_ptr<PoolStore> open_with_both() {
    auto pool = open();
    const auto entered = pool->swap_view({kA, 0, "one", {kA, kB}, {}});
    EXPECT_TRUE(entered && entered->outcome == SwapOutcome::kDone);
    return pool;
  }
  // A session of its own that holds `life`'s row until it is let go of, as a commit does that waits
  // for a standby.
  std::unique_ptr<postgres::Connection> hold(const HostLife& life) {
    auto connection = postgres::Connection::open_schema(options_, "holder");
    EXPECT_TRUE(connection) << connection.error().detail;
    // The server lets nobody else keep a transaction open for longer than a second.
    const std::string lock =
        "SET idle_in_transaction_session_timeout = 0; BEGIN;"
        " SELECT FROM host_log WHERE host = '" +
        life.host + "' FOR UPDATE";
    const auto held = (*connection)->execute(lock, seconds(20));
    EXPECT_TRUE(held) << held.error().message;
    return std::move(*connection);
  }
  template <class Call>
  static Duration length(Call call) {
    const auto from = std::chrono::steady_clock::now();
    call();
    return Duration{std::chrono::nanoseconds(std::chrono::steady_clock::now() - from).count()};
  }
  PostgresOptions options_;
};

TEST_F(PostgresPoolTest, a_fence_waits_for_a_commit_under_way_but_not_for_ever) {
  auto pool = open_with_both();
  const auto holder = hold(kB);
  options_.deadline = milliseconds(1200);
  auto hasty = open();
  Result<SwapAnswer> fenced = fail(ErrorKind::kInternal, "");
  const Duration took = length([&] { fenced = hasty->swap_view({kA, 1, "two", {}, {kB}}); });
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error().kind, ErrorKind::kStoreUnreachable);
  EXPECT_GE(took, milliseconds(1000)) << "it was tried again after each half second";
  EXPECT_LT(took, seconds(15));
  // Nobody else has to wait for what that one waited for.
  EXPECT_EQ(pool->beat(kA, 0)->newest.number, 1u);
  EXPECT_TRUE(pool->claim_slots(kA, std::vector<SlotId>{1})->slots.size() == 1);
  ASSERT_TRUE(holder->execute("COMMIT", seconds(20)));
  EXPECT_EQ(pool->swap_view({kA, 1, "two", {}, {kB}})->outcome, SwapOutcome::kDone);
}

TEST_F(PostgresPoolTest, a_fence_that_waits_is_done_once_the_commit_ends) {
  auto pool = open_with_both();
  const auto holder = hold(kB);
  SwapAnswer answer;
  std::thread fencer([&] {
    const auto swapped = pool->swap_view({kA, 1, "two", {}, {kB}});
    if (swapped) answer = *swapped;
  });
  auto watcher = postgres::Connection::open_schema(options_, "watcher");
  ASSERT_TRUE(watcher);
  // Until somebody waits for the row.
  for (bool waits = false; !waits;) {
    const auto rows = (*watcher)->execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", seconds(20));
    ASSERT_TRUE(rows);
    waits = rows->integer(0, 0) > 0;
  }
  ASSERT_TRUE(holder->execute("COMMIT", seconds(20)));
  fencer.join();
  EXPECT_EQ(answer.outcome, SwapOutcome::kDone);
  EXPECT_TRUE(pool->beat(kB, 2)->fenced);
}

// Frozen after a part of a batch: the server has locked its row and waits for the rest.
TEST_F(PostgresPoolTest, a_host_that_froze_in_the_middle_of_a_batch_is_fenced) {
  auto pool = open_with_both();
  PostgresOptions of_b = options_;
  of_b.self = kB;
  auto witness = postgres::Connection::open_schema(of_b, "idle");
  ASSERT_TRUE(witness);
  PGconn* frozen = PQconnectdb(
      (options_.url + "&application_name=phoenix%20" + "0000000000000002%20writer").c_str());
  const std::unique_ptr<PGconn, decltype(&PQfinish)> guard(frozen, &PQfinish);
  ASSERT_EQ(PQstatus(frozen), CONNECTION_OK) << PQerrorMessage(frozen);
  const std::string lock =
      "UPDATE " + options_.schema + ".host_log SET size = size WHERE life = 2 RETURNING size";
  ASSERT_EQ(PQenterPipelineMode(frozen), 1);
  ASSERT_EQ(PQsendQueryParams(frozen, lock.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1), 1);
  ASSERT_EQ(PQsendFlushRequest(frozen), 1);
  ASSERT_EQ(PQflush(frozen), 0);
  PGresult* locked = PQgetResult(frozen);  // it holds the row from now on
  ASSERT_EQ(PQresultStatus(locked), PGRES_TUPLES_OK) << PQerrorMessage(frozen);
  PQclear(locked);
  const auto fenced = pool->swap_view({kA, 1, "two", {}, {kB}});
  ASSERT_TRUE(fenced) << fenced.error().detail;
  EXPECT_EQ(fenced->outcome, SwapOutcome::kDone);
  EXPECT_TRUE(pool->beat(kB, 2)->fenced);
  EXPECT_TRUE((*witness)->execute("SELECT 1", seconds(20))) << "a session that holds nothing stays";
}

TEST_F(PostgresPoolTest, of_two_that_claim_all_slots_at_once_each_slot_has_one) {
  auto one = open_with_both();
  auto two = open();
  std::vector<SlotId> up(kSlots);
  std::iota(up.begin(), up.end(), SlotId{0});
  const std::vector<SlotId> down(up.rbegin(), up.rend());
  for (int round = 0; round < 5; ++round) {
    std::vector<SlotId> of_b;
    std::thread other([&] {
      const auto claimed = two->claim_slots(kB, down);
      if (claimed) of_b = claimed->slots;
    });
    const auto claimed = one->claim_slots(kA, up);
    other.join();
    ASSERT_TRUE(claimed) << claimed.error().detail;
    ASSERT_EQ(claimed->slots.size() + of_b.size(), kSlots);
    std::vector<bool> seen(kSlots);
    for (const SlotId slot : claimed->slots) seen[slot] = true;
    for (const SlotId slot : of_b) EXPECT_FALSE(seen[slot]) << slot;
    // Both give up at once what the other wants by then.
    std::thread giver([&] { two->release_slots(kB, down); });
    ASSERT_TRUE(one->release_slots(kA, up));
    giver.join();
    EXPECT_TRUE(one->held_slots()->empty());
  }
}

TEST_F(PostgresPoolTest, a_session_that_the_server_ended_is_begun_anew) {
  auto pool = open_with_both();
  ASSERT_EQ(pool->claim_slots(kA, std::vector<SlotId>{1, 2})->slots.size(), 2u);
  const std::string ended =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%pool%'";
  ASSERT_TRUE(TestCluster::shared()->run_sql(ended));
  const auto beat = pool->beat(kA, 1);
  ASSERT_TRUE(beat) << beat.error().detail;
  EXPECT_FALSE(beat->fenced);
  ASSERT_TRUE(TestCluster::shared()->run_sql(ended));
  // Whether such a call happened may be unknown; asked again it is answered.
  if (!pool->release_slots(kA, std::vector<SlotId>{2})) {
    ASSERT_TRUE(pool->release_slots(kA, std::vector<SlotId>{2}));
  }
  EXPECT_EQ(pool->held_slots()->size(), 1u);
}

TEST_F(PostgresPoolTest, a_frozen_or_dead_server_is_told_within_the_deadline) {
  TestCluster cluster;
  ASSERT_TRUE(cluster.create());
  use(cluster);
  auto pool = open_with_both();
  options_.deadline = milliseconds(800);
  auto hasty = open();
  cluster.freeze();
  const Duration took = length([&] {
    const auto beat = hasty->beat(kA, 1);
    ASSERT_FALSE(beat);
    EXPECT_EQ(beat.error().kind, ErrorKind::kStoreUnreachable);
  });
  EXPECT_LT(took, seconds(10));
  cluster.thaw();
  EXPECT_FALSE(pool->beat(kA, 1)->fenced);
  cluster.kill_all();
  EXPECT_FALSE(hasty->claim_slots(kA, std::vector<SlotId>{1}));
  EXPECT_FALSE(hasty->scan(std::vector<SlotId>{1}));
  ASSERT_TRUE(cluster.start());
  const auto beat = pool->beat(kA, 0);
  ASSERT_TRUE(beat) << beat.error().detail;
  EXPECT_EQ(beat->newest.bytes, "one");
}

// With its process that syncs by and by held up, the server syncs for nobody who does not wait.
class HeldWalWriter {
 public:
  explicit HeldWalWriter(postgres::Connection& connection) {
    const auto rows = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'", seconds(20));
    if (rows && rows->size() == 1) pid_ = static_cast<pid_t>(rows->integer(0, 0));
    held_ = pid_ > 0 && ::kill(pid_, SIGSTOP) == 0;
  }
  ~HeldWalWriter() {
    if (held_) ::kill(pid_, SIGCONT);
  }
  HeldWalWriter(const HeldWalWriter&) = delete;
  HeldWalWriter& operator=(const HeldWalWriter&) = delete;
  bool held() const { return held_; }
  void gone() { held_ = false; }

 private:
  pid_t pid_ = 0;
  bool held_ = false;
};

TEST_F(PostgresPoolTest, a_release_may_be_lost_but_not_behind_a_claim_or_a_beat) {
  TestCluster cluster;
  cluster.set("bgwriter_lru_maxpages", "0");
  cluster.set("autovacuum", "off");
  ASSERT_TRUE(cluster.create());
  use(cluster);
  auto pool = open_with_both();
  const std::vector<SlotId> slots = {1, 2};
  // Lets `call` happen, then kills the server and starts it again; who holds the slots.
  const auto holders_after = [&](const std::function<void()>& call) {
    std::vector<std::string> holders;
    auto watcher = postgres::Connection::open_schema(options_, "watcher");
    if (!watcher) return holders;
    HeldWalWriter writer(**watcher);
    EXPECT_TRUE(writer.held());
    call();
    cluster.kill_all();
    writer.gone();
    EXPECT_TRUE(cluster.start());
    EXPECT_TRUE(pool->beat(kA, 0)) << "its connection is another one";
    const auto rows = pool->held_slots();
    if (!rows) return holders;
    for (const HeldSlot& row : *rows) holders.push_back(row.holder.host);
    return holders;
  };
  using Holders = std::vector<std::string>;
  ASSERT_EQ(pool->claim_slots(kA, slots)->slots, slots);
  EXPECT_EQ(holders_after([&] { ASSERT_TRUE(pool->release_slots(kA, slots)); }),
            (Holders{"a", "a"}))
      << "a release waits for no sync";
  EXPECT_TRUE(pool->claim_slots(kB, slots)->slots.empty());
  EXPECT_EQ(holders_after([&] {
              ASSERT_TRUE(pool->release_slots(kA, slots));
              ASSERT_EQ(pool->claim_slots(kB, std::vector<SlotId>{2})->slots.size(), 1u);
            }),
            Holders{"b"});
  EXPECT_EQ(holders_after([&] {
              ASSERT_TRUE(pool->release_slots(kB, std::vector<SlotId>{2}));
              ASSERT_TRUE(pool->beat(kB, 1));
            }),
            Holders{});
}

TEST_F(PostgresPoolTest, no_secret_is_told) {
  options_.url = "postgresql://u:sesame@127.0.0.1:1/db";
  const auto pool = open_postgres_pool(options_);
  ASSERT_FALSE(pool);
  EXPECT_EQ(pool.error().detail.find("sesame"), std::string::npos) << pool.error().detail;
}

}  // namespace
}  // namespace phoenix
