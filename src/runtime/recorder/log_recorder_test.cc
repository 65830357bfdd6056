// A recorder over a store in memory: that it signs what stands there, and nothing more once that
// contradicts what it, or another host of the pool, has signed.
#include "runtime/recorder/log_recorder.h"

#include <gtest/gtest.h>

#include "base/bytes_text.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/entry.h"
#include "runtime/recorder/key_facts.h"
#include "store/memory/memory_store.h"

namespace phoenix {
namespace {

using lineage::KeyRole;

lineage::KeyPair pair_of(std::string_view name) {
  const Digest digest = lineage::sha256("key of ", name);
  lineage::Seed seed;
  std::copy(digest.begin(), digest.end(), seed.begin());
  return lineage::KeyPair::from_seed(seed);
}

class LogRecorderTest : public ::testing::Test {
 protected:
  // Entries of the one log; `history` tells apart what they say.
  void write(int count, const std::string& history = "true") {
    for (int i = 0; i < count; ++i) store_.commit(++batch_, {{note(history)}});
  }
  // What a commit of so many entries tells the recorder.
  OwnRows write_own(int count) {
    std::vector<Group> groups;
    for (int i = 0; i < count; ++i) groups.push_back(note("own"));
    const CommitResult result = store_.commit(++batch_, groups);
    return own_rows(groups, result);
  }
  // Of what stands in the store, which a recorder that has been told nothing has read.
  Digest root_by_reading() {
    lineage::LogTree tree;
    const auto rows = *(*store_.reader())->recorded(kOwnLog, 0, 10'000);
    for (const RecordedEntry& row : rows) tree.append(lineage::leaf_hash(row.bytes));
    return tree.root();
  }
  Group note(const std::string& history) {
    lineage::Entry entry;
    entry.kind = lineage::EntryKind::kHost;
    entry.actor = {lineage::ActorKind::kHost, "a"};
    entry.subject = "a";
    entry.event = history;
    entry.revision = ++written_;
    PutNote row{false, "host//a", {}};
    row.entry.event = entry.event;
    row.entry.recorded = lineage::encode(entry);
    return {batch_, {std::move(row)}};
  }
  static lineage::NamedKeyPair key(const std::string& host) {
    return {KeyRole::kHost, host, pair_of(host)};
  }

  void start(std::optional<lineage::NamedKey> root = {}, std::string last_apart = {}) {
    RecorderOptions options{.pool = "demo", .key = key("a"), .last = {}, .host = "a"};
    options.root = std::move(root);
    options.last_apart = std::move(last_apart);
    recorder_.emplace(
        loop_, store_, std::move(options),
        [this](std::string envelope) { store_.set_fact("checkpoint.a", envelope); },
        [this](const BrokenLog& why) { broken_.push_back(why); }, LogRecorder::Prune(),
        [this](const std::string& envelope) { apart_ = envelope; });
  }
  Result<SignedCheckpoint> checkpoint() {
    std::optional<Result<SignedCheckpoint>> made;
    recorder_->checkpoint([&](Result<SignedCheckpoint> done) { made = std::move(done); });
    while (!made) loop_.run_one_for(std::chrono::milliseconds(50));
    return *std::move(made);
  }
  // What another host has left in the store, signed by a key that it has shown there.
  void other_signs(const lineage::Checkpoint& said, const std::string& by = "b") {
    ASSERT_TRUE(store_.set_fact("checkpoint.b", lineage::sign(pair_of(by), said)));
  }
  void other_shows(const std::string& grant = "") {
    const HostKeyFact fact{{KeyRole::kHost, "b", pair_of("b").public_key()}, grant};
    ASSERT_TRUE(store_.set_fact("host-key.b", fact.text()));
  }
  static lineage::Checkpoint by_b(lineage::Checkpoint said) {
    said.host = "b";
    return said;
  }

  EventLoop loop_;
  MemoryStore store_;
  uint64_t batch_ = 0;
  uint64_t written_ = 0;
  std::string apart_;
  std::vector<BrokenLog> broken_;
  std::optional<LogRecorder> recorder_;
};

TEST_F(LogRecorderTest, SignsWhatStandsInTheStore) {
  write(3);
  start();
  const auto made = checkpoint();
  ASSERT_TRUE(made) << made.error().detail;
  ASSERT_EQ(made->statement.logs.size(), 1u);
  EXPECT_EQ(made->statement.logs[0].size, 3u);
  EXPECT_EQ(made->statement.host, "a");
  EXPECT_EQ(apart_, made->envelope);
  EXPECT_EQ(recorder_->trouble(), "");
}

TEST_F(LogRecorderTest, WhatAnotherHostHasSignedAndStandsThereIsNoMatter) {
  write(5);
  start();
  const auto first = checkpoint();
  ASSERT_TRUE(first);
  other_shows();
  other_signs(by_b(first->statement));
  write(2);
  ASSERT_TRUE(checkpoint());
  // It has read further than this one has.
  lineage::Checkpoint ahead = by_b(first->statement);
  ahead.logs[0].size = 4'000;
  other_signs(ahead);
  EXPECT_TRUE(checkpoint());
  EXPECT_TRUE(broken_.empty());
}

TEST_F(LogRecorderTest, SignsNothingBesideAnotherHistory) {
  write(5);
  start();
  const auto first = checkpoint();
  ASSERT_TRUE(first);
  other_shows();
  lineage::Checkpoint lie = by_b(first->statement);
  lie.logs[0].size = 4;
  other_signs(lie);
  const auto refused = checkpoint();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("host b has signed other entries"), std::string::npos);
  EXPECT_FALSE(checkpoint()) << "nor later";
  ASSERT_EQ(broken_.size(), 1u) << "told once";
  ASSERT_TRUE(broken_[0].by);
  EXPECT_EQ(broken_[0].by->host, "b");
  EXPECT_EQ(broken_[0].by->size, 4u);
  EXPECT_EQ(broken_[0].by->envelope, *store_.fact("checkpoint.b").value());
  EXPECT_EQ(recorder_->trouble(), broken_[0].why);
}

TEST_F(LogRecorderTest, RowsThatNoHostHasSignedProveNothing) {
  write(5);
  start();
  const auto first = checkpoint();
  ASSERT_TRUE(first);
  lineage::Checkpoint lie = by_b(first->statement);
  lie.logs[0].size = 4;
  other_signs(lie);
  EXPECT_TRUE(checkpoint()) << "whose key nobody knows";
  other_shows();
  other_signs(lie, "thief");
  EXPECT_TRUE(checkpoint()) << "by another key";
  ASSERT_TRUE(store_.set_fact("checkpoint.b", "garbage"));
  EXPECT_TRUE(checkpoint());
  EXPECT_TRUE(broken_.empty());
}

TEST_F(LogRecorderTest, WhereThePoolHasARootOnlyGrantedKeysCount) {
  write(5);
  start(lineage::NamedKey{KeyRole::kRoot, "demo", pair_of("root").public_key()});
  const auto first = checkpoint();
  ASSERT_TRUE(first);
  lineage::Checkpoint lie = by_b(first->statement);
  lie.logs[0].size = 4;
  other_signs(lie);
  other_shows();
  EXPECT_TRUE(checkpoint()) << "a key that somebody has put there";
  other_shows(lineage::sign(pair_of("thief"),
                            lineage::KeyGrant{"demo", "b", pair_of("b").public_key(), 1}));
  EXPECT_TRUE(checkpoint());
  other_shows(
      lineage::sign(pair_of("root"), lineage::KeyGrant{"demo", "b", pair_of("b").public_key(), 1}));
  EXPECT_FALSE(checkpoint());
}

TEST_F(LogRecorderTest, RowsOfItsOwnCommitsAreTakenAsTheyWereWritten) {
  write(3);  // by an earlier life
  start();
  recorder_->committed(write_own(300));
  write_own(7);  // of an unknown outcome: nobody tells of them
  recorder_->committed(write_own(5));
  const auto made = checkpoint();
  ASSERT_TRUE(made) << made.error().detail;
  EXPECT_EQ(made->statement.logs[0].size, 315u);
  EXPECT_EQ(made->statement.logs[0].root, root_by_reading());

  recorder_->committed(write_own(1));
  ASSERT_TRUE(checkpoint());
  OwnRows told = write_own(2);
  told.leaves[1] = lineage::leaf_hash("what the store does not have");
  recorder_->committed(std::move(told));
  const auto other = checkpoint();
  ASSERT_TRUE(other) << other.error().detail;
  EXPECT_EQ(other->statement.logs[0].size, 318u);
  EXPECT_NE(other->statement.logs[0].root, root_by_reading()) << "they were read all the same";
}

TEST_F(LogRecorderTest, RowsThatWereReadBeforeTheyWereToldCountOnce) {
  start();
  OwnRows early = write_own(4);
  ASSERT_TRUE(checkpoint());
  recorder_->committed(std::move(early));
  recorder_->committed(write_own(3));
  const auto made = checkpoint();
  ASSERT_TRUE(made) << made.error().detail;
  EXPECT_EQ(made->statement.logs[0].size, 7u);
  EXPECT_EQ(made->statement.logs[0].root, root_by_reading());
}

// What others sign ends within tiles that this host has completed meanwhile.
TEST_F(LogRecorderTest, WhatOthersSignedIsHeldAgainstTilesThatAreWhole) {
  start();
  recorder_->committed(write_own(2'000));
  ASSERT_TRUE(checkpoint());
  other_shows();
  const auto entries = *(*store_.reader())->recorded(kOwnLog, 0, 2'000);
  lineage::LogTree tree;
  for (size_t i = 0; i < 1'300; ++i) tree.append(lineage::leaf_hash(entries[i].bytes));
  lineage::Checkpoint said;
  said.pool = "demo";
  said.host = "b";
  said.logs = {{kOwnLog, 1'300, tree.root()}};
  other_signs(said);
  ASSERT_TRUE(checkpoint());
  said.logs[0].size = 1'301;
  other_signs(said);
  EXPECT_FALSE(checkpoint());
  ASSERT_EQ(broken_.size(), 1u);
  EXPECT_EQ(broken_[0].by->size, 1'301u);
}

// The store was put back as a whole, with what this host had left in it: only what it has kept
// apart tells.
TEST_F(LogRecorderTest, AStoreThatWasSetBackIsNoticed) {
  write(3);
  const MemoryImage before = store_.snapshot();
  write(4);
  start();
  ASSERT_TRUE(checkpoint());
  store_.restore(before);
  const auto refused = checkpoint();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("set back"), std::string::npos) << refused.error().detail;
  recorder_.reset();

  write(4, "another");
  start(std::nullopt, apart_);
  EXPECT_FALSE(checkpoint());
  recorder_.reset();
  broken_.clear();
  start();
  EXPECT_TRUE(checkpoint()) << "who has kept nothing apart cannot know";
}

}  // namespace
}  // namespace phoenix
