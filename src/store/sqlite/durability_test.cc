// The sync stands before the answer, and a disk that fails is never taken for one that works.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "store/sqlite/fault_vfs.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing.h"

namespace phoenix {
namespace {

using namespace testing_store;  // NOLINT: the words of the tests
using sqlite::fault_vfs;
using sqlite::VfsFaults;

class Durability : public testing::Test {
 protected:
  void SetUp() override {
    faults_.heal();
    store_ = open();
    ASSERT_NE(store_, nullptr);
    ASSERT_EQ(commit({create(head("first"))}).outcomes[0], Outcome::kCommitted);
  }
  void TearDown() override { faults_.heal(); }

  std::unique_ptr<Store> open(int64_t max_page_count = 0) {
    auto store =
        open_sqlite_store(path_, {.vfs = sqlite::kFaultVfs, .max_page_count = max_page_count});
    EXPECT_TRUE(store) << store.error().detail;
    return store ? std::move(*store) : nullptr;
  }
  CommitResult commit(std::vector<Op> ops) {
    const std::vector<Group> groups = {{1, std::move(ops)}};
    return store_->commit(++batch_, groups);
  }
  bool exists(const std::string& id) {
    auto reader = store_->reader();
    EXPECT_TRUE(reader) << reader.error().detail;
    auto lookup = (*reader)->get(PacketKey("ns", id));
    EXPECT_TRUE(lookup) << lookup.error().detail;
    return lookup && lookup->head.has_value();
  }
  // What a process that dies now leaves behind, opened by the next one: a copy of the files, for
  // closing a store tidies up.
  void reopen_after_crash() {
    const std::string next = folder_.file("life" + std::to_string(++lives_) + ".db");
    for (const char* suffix : {"", "-wal"}) {
      std::error_code failure;
      std::filesystem::copy_file(path_ + suffix, next + suffix, failure);
      ASSERT_FALSE(failure) << failure.message();
    }
    store_.reset();
    path_ = next;
    store_ = open();
    ASSERT_NE(store_, nullptr);
  }

  VfsFaults& faults_ = fault_vfs();
  TempFolder folder_;
  std::string path_ = folder_.file("phoenix.db");
  std::unique_ptr<Store> store_;
  uint64_t batch_ = 0;
  int lives_ = 0;
};

TEST_F(Durability, every_commit_syncs_the_log_once_before_it_returns) {
  for (int i = 0; i < 50; ++i) {
    const uint64_t syncs = faults_.log_syncs;
    const uint64_t writes = faults_.log_writes;
    ASSERT_EQ(commit({create(head("p" + std::to_string(i)))}).outcomes[0], Outcome::kCommitted);
    EXPECT_GT(faults_.log_writes, writes);
    EXPECT_FALSE(faults_.log_dirty) << "answered with unsynced bytes in the log";
    EXPECT_EQ(faults_.log_syncs, syncs + 1) << "one sync a batch";
  }
}

TEST_F(Durability, facts_tombstones_and_sweeps_are_synced_too) {
  ASSERT_TRUE(store_->set_fact("run", "1"));
  EXPECT_FALSE(faults_.log_dirty);
  ASSERT_EQ(store_->resolve(77), Resolution::kNotApplied);
  EXPECT_FALSE(faults_.log_dirty);
  const Packet first = head("first");
  ASSERT_EQ(commit({replace(first, ended(first, Status::kFailed, 1))}).outcomes[0],
            Outcome::kCommitted);
  SweepLimits limits;
  limits.now = 1'000'000'000'000;
  ASSERT_EQ(store_->sweep(limits)->rows, 1u);
  EXPECT_FALSE(faults_.log_dirty);
}

TEST_F(Durability, a_write_that_fails_is_refused_and_later_commits_work_again) {
  for (const int code : {SQLITE_FULL, SQLITE_IOERR_WRITE}) {
    // The fault strikes at each write of the commit in turn.
    for (int before = 0; before < 12; ++before) {
      const std::string id = "x" + std::to_string(code) + "-" + std::to_string(before);
      faults_.writes_before_fault = before;
      faults_.fail_writes_with = code;
      const CommitResult result = commit({create(head(id)), create(head(id + "b"))});
      faults_.heal();
      if (result.outcomes[0] == Outcome::kCommitted) continue;
      EXPECT_EQ(result.outcomes[0], Outcome::kRefused);
      EXPECT_NE(result.why.find(path_), std::string::npos) << result.why;
      EXPECT_FALSE(exists(id));
      EXPECT_FALSE(exists(id + "b"));
      if (before % 3 == 0) reopen_after_crash();
      EXPECT_FALSE(exists(id)) << "nor after a recovery";
      ASSERT_EQ(commit({create(head(id))}).outcomes[0], Outcome::kCommitted);
    }
  }
  EXPECT_TRUE(exists("first"));
}

TEST_F(Durability, a_sync_that_fails_leaves_the_outcome_unknown_until_resolved) {
  faults_.fail_syncs_with = SQLITE_IOERR_FSYNC;
  const CommitResult result = commit({create(head("maybe"))});
  EXPECT_EQ(result.outcomes[0], Outcome::kUnknown);
  EXPECT_FALSE(result.why.empty());
  EXPECT_FALSE(exists("maybe")) << "nobody sees what is not synced";
  EXPECT_EQ(store_->resolve(batch_), Resolution::kUnknown) << "the disk is still ill";
  EXPECT_EQ(commit({create(head("more"))}).outcomes[0], Outcome::kUnknown);
  EXPECT_EQ(store_->resolve(batch_ - 1), Resolution::kUnknown);
  faults_.heal();
  EXPECT_EQ(store_->resolve(batch_ - 1), Resolution::kNotApplied);
  EXPECT_EQ(store_->resolve(batch_), Resolution::kNotApplied);
  reopen_after_crash();
  EXPECT_FALSE(exists("maybe")) << "what was settled stays so";
  EXPECT_FALSE(exists("more"));
  EXPECT_EQ(store_->resolve(batch_ - 1), Resolution::kNotApplied);
  EXPECT_EQ(commit({create(head("after"))}).outcomes[0], Outcome::kCommitted);
}

TEST_F(Durability, a_crash_after_a_failed_sync_leaves_all_of_the_batch_or_nothing) {
  faults_.fail_syncs_with = SQLITE_IOERR_FSYNC;
  ASSERT_EQ(commit({create(head("a")), create(head("b"))}).outcomes[0], Outcome::kUnknown);
  faults_.heal();
  reopen_after_crash();
  EXPECT_FALSE(faults_.log_dirty) << "whatever is found has been synced before it is used";
  const Resolution settled = store_->resolve(batch_);
  ASSERT_NE(settled, Resolution::kUnknown);
  EXPECT_EQ(exists("a"), settled == Resolution::kApplied);
  EXPECT_EQ(exists("b"), settled == Resolution::kApplied);
}

TEST_F(Durability, reads_that_fail_are_errors_and_heal) {
  auto reader = store_->reader();
  ASSERT_TRUE(reader);
  faults_.fail_reads_with = SQLITE_IOERR_READ;
  const auto lookup = (*reader)->get(PacketKey("ns", "first"));
  ASSERT_FALSE(lookup);
  EXPECT_EQ(lookup.error().kind, ErrorKind::kStoreUnreachable);
  EXPECT_FALSE((*reader)->list({}, true, std::nullopt, 10));
  EXPECT_FALSE(store_->reader());
  faults_.heal();
  EXPECT_TRUE((*reader)->get(PacketKey("ns", "first"))->head);
  EXPECT_EQ((*reader)->list({}, true, std::nullopt, 10)->items.size(), 1u);
  EXPECT_EQ(commit({create(head("c"))}).outcomes[0], Outcome::kCommitted);
}

TEST_F(Durability, a_store_that_cannot_be_opened_again_refuses_until_it_can) {
  faults_.fail_writes_with = SQLITE_READONLY;
  ASSERT_EQ(commit({create(head("a"))}).outcomes[0], Outcome::kRefused);
  faults_.fail_opens_with = SQLITE_CANTOPEN;
  EXPECT_EQ(commit({create(head("b"))}).outcomes[0], Outcome::kRefused);
  EXPECT_EQ(store_->resolve(99), Resolution::kUnknown);
  EXPECT_FALSE(store_->fact("run"));
  EXPECT_FALSE(store_->recover({}));
  faults_.heal();
  EXPECT_EQ(commit({create(head("c"))}).outcomes[0], Outcome::kCommitted);
}

TEST_F(Durability, a_read_only_file_system_is_refused) {
  faults_.fail_writes_with = SQLITE_READONLY;
  EXPECT_EQ(commit({create(head("a"))}).outcomes[0], Outcome::kRefused);
  faults_.heal();
  EXPECT_FALSE(exists("a"));
  EXPECT_EQ(commit({create(head("a"))}).outcomes[0], Outcome::kCommitted);
}

TEST_F(Durability, a_database_at_its_bound_refuses_what_grows_it) {
  store_.reset();
  store_ = open(60);
  const std::string payload(50'000, 'x');
  Outcome last = Outcome::kCommitted;
  int committed = 0;
  for (int i = 0; i < 20 && last == Outcome::kCommitted; ++i) {
    Op op = create(head("p" + std::to_string(i)));
    std::get<PutPacket>(op).contents = {json(ContentKind::kPayload, payload)};
    last = commit({op}).outcomes[0];
    committed += last == Outcome::kCommitted ? 1 : 0;
  }
  EXPECT_EQ(last, Outcome::kRefused);
  EXPECT_GE(committed, 1);
  EXPECT_FALSE(exists("p" + std::to_string(committed)));
  EXPECT_EQ(commit({PutMember{member("m"), 0, "registered"}}).outcomes[0], Outcome::kCommitted)
      << "small things still fit";
}

// The system's own refusal, without our layer: no file may grow beyond a limit.
TEST_F(Durability, a_limit_of_the_system_is_refused_and_lifted) {
  path_ = folder_.file("other.db");
  auto opened = open_sqlite_store(path_);
  ASSERT_TRUE(opened);
  store_ = std::move(*opened);
  struct rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit tight = before;
  tight.rlim_cur = 300'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  Op op = create(head("big"));
  std::get<PutPacket>(op).contents = {json(ContentKind::kPayload, std::string(900'000, 'x'))};
  const CommitResult result = commit({op});
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(result.outcomes[0], Outcome::kRefused) << result.why;
  EXPECT_FALSE(exists("big"));
  EXPECT_EQ(commit({op}).outcomes[0], Outcome::kCommitted);
  EXPECT_TRUE(exists("big"));
}

}  // namespace
}  // namespace phoenix
