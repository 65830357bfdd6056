// What only a file can do wrong: versions, damage, other programs' data, crashes of the process.
#include "store/sqlite/sqlite_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/prng.h"
#include "store/sqlite/open.h"
#include "store/sqlite/schema.h"
#include "store/testing.h"

namespace phoenix {
namespace {

using namespace testing_store;  // NOLINT: the words of the tests

std::unique_ptr<Store> open_or_die(const std::string& path, const SqliteOptions& options = {}) {
  auto store = open_sqlite_store(path, options);
  EXPECT_TRUE(store) << store.error().detail;
  return store ? std::move(*store) : nullptr;
}

Outcome commit_one(Store& store, uint64_t batch, std::vector<Op> ops) {
  const std::vector<Group> groups = {{1, std::move(ops)}};
  return store.commit(batch, groups).outcomes.at(0);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void run_sql(const std::string& path, const char* sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  sqlite3_close(db);
}

size_t live_packets(Store& store) {
  size_t count = 0;
  RecoverSink sink;
  sink.packet = [&](Packet) { ++count; };
  const auto done = store.recover(sink);
  EXPECT_TRUE(done) << done.error().detail;
  return count;
}

TEST(SqliteStore, everything_is_there_after_a_new_open) {
  const TempFolder folder;
  const std::string path = folder.file("phoenix.db");
  {
    auto store = open_or_die(path);
    ASSERT_EQ(commit_one(*store, 5, {create(head("a")), PutMember{member("m"), 0, "registered"}}),
              Outcome::kCommitted);
    ASSERT_TRUE(store->set_fact("run", "1"));
  }
  auto store = open_or_die(path);
  EXPECT_EQ(live_packets(*store), 1u);
  EXPECT_EQ(store->fact("run")->value(), "1");
  EXPECT_EQ(store->resolve(5), Resolution::kApplied);
  const std::vector<Group> more = {{1, {create(head("b"))}}};
  EXPECT_EQ(store->commit(6, more).last_event, EventCursor(3)) << "sequences go on";
}

TEST(SqliteStore, its_files_are_for_the_owner_alone) {
  const TempFolder folder;
  const std::string path = folder.file("phoenix.db");
  const mode_t before = ::umask(0);
  auto store = open_or_die(path);
  ASSERT_EQ(commit_one(*store, 1, {create(head("a"))}), Outcome::kCommitted);
  ::umask(before);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat info{};
    ASSERT_EQ(::stat((path + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << suffix;
  }
}

TEST(SqliteStore, files_that_are_taken_away_take_no_more_writes) {
  for (const char* suffix : {"", "-wal"}) {
    const TempFolder folder;
    const std::string path = folder.file("phoenix.db");
    const std::string file = path + suffix;
    auto store = open_or_die(path);
    ASSERT_EQ(commit_one(*store, 1, {create(head("a"))}), Outcome::kCommitted);
    ASSERT_EQ(::rename(file.c_str(), (file + ".away").c_str()), 0);
    const std::vector<Group> more = {{1, {create(head("b"))}}};
    const CommitResult refused = store->commit(2, more);
    EXPECT_EQ(refused.outcomes.at(0), Outcome::kRefused) << suffix;
    EXPECT_NE(refused.why.find(file + " was moved or deleted"), std::string::npos) << refused.why;
    EXPECT_FALSE(store->set_fact("run", "2")) << suffix;
    EXPECT_NE(::access(file.c_str(), F_OK), 0) << "nothing was made in its place";
    // Another one in its place is not it.
    std::ofstream(file) << read_file(file + ".away");
    EXPECT_EQ(store->commit(3, more).outcomes.at(0), Outcome::kRefused) << suffix;
    ASSERT_EQ(::rename((file + ".away").c_str(), file.c_str()), 0);
    EXPECT_EQ(store->commit(4, more).outcomes.at(0), Outcome::kCommitted) << suffix;
    store.reset();
    EXPECT_EQ(live_packets(*open_or_die(path)), 2u) << suffix;
  }
}

TEST(SqliteStore, a_newer_database_is_refused_and_left_as_it_is) {
  const TempFolder folder;
  const std::string path = folder.file("phoenix.db");
  {
    ASSERT_NE(open_or_die(path), nullptr);
  }
  const std::string newer = std::to_string(sqlite::kSchemaVersion + 1);
  run_sql(path, ("PRAGMA user_version=" + newer).c_str());
  const std::string before = read_file(path);
  const auto store = open_sqlite_store(path);
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().detail.find("newer version"), std::string::npos) << store.error().detail;
  EXPECT_NE(store.error().detail.find("schema " + newer), std::string::npos)
      << store.error().detail;
  EXPECT_EQ(read_file(path), before);
}

TEST(SqliteStore, what_is_not_ours_is_refused_and_left_as_it_is) {
  const TempFolder folder;
  const std::string text = folder.file("notes.txt");
  std::ofstream(text) << std::string(5000, 'x');
  const std::string cut = folder.file("cut.db");
  std::ofstream(cut) << "SQLite";
  const std::string short_text = folder.file("short.txt");
  std::ofstream(short_text) << std::string(511, 'x');
  const std::string foreign = folder.file("foreign.db");
  run_sql(foreign, "CREATE TABLE t(a)");
  for (const std::string& path : {text, foreign, cut, short_text}) {
    const std::string before = read_file(path);
    const auto store = open_sqlite_store(path);
    ASSERT_FALSE(store) << path;
    EXPECT_NE(store.error().detail.find(path), std::string::npos) << store.error().detail;
    EXPECT_EQ(read_file(path), before) << path;
  }
  const auto nowhere = open_sqlite_store(folder.file("none/phoenix.db"));
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().detail.find("No such file"), std::string::npos);
  EXPECT_FALSE(open_sqlite_store(folder.path())) << "a folder";
}

TEST(SqliteStore, a_database_of_the_first_layout_is_brought_up_and_goes_on) {
  const TempFolder folder;
  const std::string path = folder.file("phoenix.db");
  {
    auto store = open_or_die(path);
    ASSERT_EQ(commit_one(*store, 1, {create(head("a"))}), Outcome::kCommitted);
  }
  run_sql(path, "DROP TABLE entry; DROP TABLE document; PRAGMA user_version=1");
  auto store = open_or_die(path);
  Op op = create(head("b"));
  std::get<PutPacket>(op).entry.recorded = "its entry";
  ASSERT_EQ(commit_one(*store, 2, {op}), Outcome::kCommitted);
  const auto entries = *(*store->reader())->recorded(kOwnLog, 0, 10);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].position, 2u) << "what was before has an event and no entry";
}

TEST(SqliteStore, migrations_run_from_where_a_database_stands) {
  const TempFolder folder;
  const std::string path = folder.file("phoenix.db");
  {
    auto store = open_or_die(path);
    ASSERT_EQ(commit_one(*store, 1, {create(head("a"))}), Outcome::kCommitted);
  }
  auto db = sqlite::open_writer(path, {});
  ASSERT_TRUE(db);
  std::array<const char*, sqlite::kSchemaVersion + 2> steps{};
  steps.fill("this would fail");
  steps[sqlite::kSchemaVersion] = "ALTER TABLE packet ADD COLUMN extra INTEGER DEFAULT 7";
  steps.back() = "CREATE TABLE later(x); UPDATE packet SET extra = extra + 1";
  auto done = sqlite::migrate(*db, steps);
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_TRUE(*done);
  EXPECT_EQ(*db->pragma("SELECT extra FROM packet"), 8);
  EXPECT_EQ(*db->pragma("PRAGMA user_version"), steps.size());
  EXPECT_FALSE(*sqlite::migrate(*db, steps)) << "nothing left to do";
  std::array<const char*, steps.size() + 1> broken{};
  broken.fill("");
  broken.back() = "CREATE TABLE fourth(x); nonsense";
  EXPECT_FALSE(sqlite::migrate(*db, broken));
  EXPECT_EQ(*db->pragma("PRAGMA user_version"), steps.size());
  EXPECT_EQ(*db->pragma("SELECT count(*) FROM sqlite_master WHERE name = 'fourth'"), 0);
}

TEST(SqliteStore, readers_beside_the_writer_see_whole_batches_only) {
  const TempFolder folder;
  auto store = open_or_die(folder.file("phoenix.db"));
  constexpr int kBatches = 200;
  constexpr int kEach = 10;
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::atomic<int> failed{0};
  std::thread other([&] {
    auto reader = store->reader();
    uint64_t seen = 0;
    do {
      auto page = (*reader)->list({}, false, std::nullopt, 1000);
      if (!page) {
        ++failed;
        continue;
      }
      const uint64_t as_of = page->as_of.position(kOwnLog);
      if (as_of % kEach != 0 || as_of < seen) ++torn;
      if (page->items.size() != std::min<uint64_t>(as_of, 1000)) ++torn;
      seen = as_of;
    } while (!done);
  });
  for (int batch = 0; batch < kBatches; ++batch) {
    std::vector<Group> groups;
    for (int i = 0; i < kEach; ++i) {
      groups.push_back({1, {create(head("p" + std::to_string(batch * kEach + i), batch))}});
    }
    const CommitResult result = store->commit(static_cast<uint64_t>(batch) + 1, groups);
    ASSERT_EQ(result.outcomes.back(), Outcome::kCommitted) << result.why;
    store->maintain();
  }
  done = true;
  other.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(failed, 0);
}

TEST(SqliteStore, the_log_stays_bounded) {
  const TempFolder folder;
  const std::string path = folder.file("phoenix.db");
  auto store = open_or_die(path);
  const std::string payload(100'000, 'x');
  uint64_t written = 0;
  for (uint64_t batch = 1; written < 300'000'000; ++batch) {
    std::vector<Group> groups;
    for (int i = 0; i < 20; ++i) {
      Op op = create(head("p" + std::to_string(batch) + "-" + std::to_string(i)));
      std::get<PutPacket>(op).contents = {json(ContentKind::kPayload, payload)};
      groups.push_back({1, {op}});
      written += payload.size();
    }
    ASSERT_EQ(store->commit(batch, groups).outcomes.back(), Outcome::kCommitted);
  }
  struct stat info{};
  ASSERT_EQ(::stat((path + "-wal").c_str(), &info), 0);
  EXPECT_LT(info.st_size, 6 * 4096 * sqlite::kCheckpointPages);
}

// Every page of a database in turn is overwritten; whatever happens then is an answer.
TEST(SqliteStore, damage_is_answered_not_crashed_on) {
  const TempFolder folder;
  const std::string path = folder.file("phoenix.db");
  {
    auto store = open_or_die(path);
    std::vector<Group> groups;
    for (int i = 0; i < 60; ++i) {
      Op op = create(assigned(head("p" + std::to_string(i), i), "m"));
      std::get<PutPacket>(op).contents = {json(ContentKind::kPayload, std::string(9000, 'x'))};
      groups.push_back({1, {op, PutAnswer{digest(static_cast<uint8_t>(i)), {}, "x", 5}}});
    }
    groups.push_back({1, {PutMember{member("m"), 0, "registered"}, PutSession{session("s"), 0}}});
    ASSERT_EQ(store->commit(1, groups).outcomes.back(), Outcome::kCommitted);
  }
  const std::string good = read_file(path);
  Prng random(7);
  int refused = 0;
  for (size_t page = 0; page < good.size() / 4096; ++page) {
    std::string bad = good;
    for (size_t at = page * 4096; at < (page + 1) * 4096; ++at) {
      if (at >= 100) bad[at] = static_cast<char>(random.next());
    }
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bad;
    for (const char* suffix : {"-wal", "-shm"}) ::unlink((path + suffix).c_str());
    auto store = open_sqlite_store(path);
    if (!store) {
      ++refused;
      continue;
    }
    if (!(*store)->recover({})) ++refused;
    auto reader = (*store)->reader();
    if (reader) {
      if (!(*reader)->list({}, true, std::nullopt, 1000)) ++refused;
      for (int i = 0; i < 60; ++i) {
        const PacketKey key("ns", "p" + std::to_string(i));
        if (!(*reader)->get(key)) ++refused;
        if (!(*reader)->content(key, ContentKind::kPayload)) ++refused;
        if (!(*reader)->history(key)) ++refused;
      }
      if (!(*reader)->events({}, 1000, nullptr)) ++refused;
    }
    const std::vector<Group> groups = {{1, {create(head("new"))}},
                                       {2, {PutMember{member("n"), 0, "registered"}}}};
    if ((*store)->commit(2, groups).outcomes[0] != Outcome::kCommitted) ++refused;
    SweepLimits limits;
    limits.now = 10;
    if (!(*store)->sweep(limits)) ++refused;
  }
  EXPECT_GT(refused, 20);
}

// Commits batches for ever and tells of each one when it is acknowledged.
[[noreturn]] void write_until_killed(const std::string& path, int acks) {
  auto store = open_sqlite_store(path);
  if (!store) ::_exit(1);
  const auto run = (*store)->fact("run");
  const uint64_t life = run->has_value() ? std::stoull(**run) + 1 : 1;
  if (!(*store)->set_fact("run", std::to_string(life))) ::_exit(1);
  for (uint32_t i = 0;; ++i) {
    const uint64_t batch = life << 32 | i;
    const std::string id = std::to_string(life) + "-" + std::to_string(i);
    const std::vector<Group> groups = {{1, {create(head(id + "a"))}},
                                       {2, {create(head(id + "b")), create(head(id + "c"))}}};
    if ((*store)->commit(batch, groups).outcomes[1] != Outcome::kCommitted) ::_exit(1);
    if (::write(acks, &batch, sizeof batch) != sizeof batch) ::_exit(1);
  }
}

TEST(SqliteStore, nothing_acknowledged_is_lost_when_the_process_is_killed) {
  const TempFolder folder;
  const std::string path = folder.file("phoenix.db");
  std::vector<uint64_t> acknowledged;
  for (int round = 0; round < 8; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) write_until_killed(path, ends[1]);
    ::close(ends[1]);
    uint64_t batch = 0;
    // Killed as soon as some are acknowledged, wherever it then is.
    for (int i = 0; i < 20 + 37 * round; ++i) {
      ASSERT_EQ(::read(ends[0], &batch, sizeof batch), static_cast<ssize_t>(sizeof batch));
      acknowledged.push_back(batch);
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    while (::read(ends[0], &batch, sizeof batch) == static_cast<ssize_t>(sizeof batch)) {
      acknowledged.push_back(batch);
    }
    ::close(ends[0]);
  }
  auto store = open_or_die(path);
  auto reader = store->reader();
  for (const uint64_t batch : acknowledged) {
    const std::string id = std::to_string(batch >> 32) + "-" + std::to_string(batch & UINT32_MAX);
    for (const char* part : {"a", "b", "c"}) {
      ASSERT_TRUE((*reader)->get(PacketKey("ns", id + part))->head) << id << part;
    }
  }
  EXPECT_EQ(live_packets(*store) % 3, 0u) << "no half batch";
  EXPECT_GE(live_packets(*store), 3 * acknowledged.size());
  // Sequences have no hole.
  auto page = (*reader)->list({}, true, std::nullopt, 1);
  EXPECT_EQ(page->as_of, EventCursor(live_packets(*store)));
}

}  // namespace
}  // namespace phoenix
