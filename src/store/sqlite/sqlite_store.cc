#include "store/sqlite/sqlite_store.h"

#include <sqlite3.h>

#include <cstdlib>
#include <deque>
#include <numeric>

#include "packet/encoding.h"
#include "store/sqlite/file_identity.h"
#include "store/sqlite/open.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sweeper.h"
#include "store/sqlite/writer.h"

namespace phoenix {
namespace sqlite {
namespace {

constexpr size_t kBatchesKept = 4096;
constexpr size_t kBatchesPrunedAtOnce = 256;
constexpr int kAppliedBatch = 0;
constexpr int kTombstoneBatch = 1;
constexpr const char* kOpened = "store.opened";

// Whether a failed COMMIT can have left a valid commit record in the log. SQLite writes that record
// last: when a write failed, it is not whole, and recovery ignores it. A failed sync, or anything
// after it, leaves the question open.
bool surely_not_committed(int code) {
  return code == SQLITE_FULL || code == SQLITE_IOERR_WRITE || (code & 0xff) == SQLITE_READONLY ||
         (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_NOMEM;
}

// After these the connection is as good as before; after others it is opened anew. A failed sync
// must be among them: the open connection forgets the frames that were not synced and writes over
// them, a new one would find them in the log and take them for committed.
bool connection_survives(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_FULL || primary == SQLITE_CONSTRAINT || primary == SQLITE_BUSY ||
         primary == SQLITE_IOERR;
}

class SqliteStore final : public Store {
 public:
  SqliteStore(std::string path, SqliteOptions options)
      : path_(std::move(path)), options_(std::move(options)) {}
  ~SqliteStore() override { close(); }

  Result<bool> open();
  CommitResult commit(uint64_t batch_id, std::span<const Group> groups) override;
  Resolution resolve(uint64_t batch_id) override;
  Result<bool> recover(const RecoverSink& sink) override;
  Result<std::optional<std::string>> fact(const std::string& name) override;
  Result<bool> set_fact(const std::string& name, const std::string& value) override;
  Result<Swept> sweep(const SweepLimits& limits) override;
  void maintain() override;
  Result<std::unique_ptr<Reader>> reader() override { return open_sqlite_reader(path_, options_); }
  StoreCapabilities capabilities() const override {
    return {.engine = "sqlite",
            .version = sqlite3_libversion(),
            .durable = true,
            .survives = "a crash of this machine, not the loss of its disk"};
  }

 private:
  void close();
  Result<bool> still_there() const;
  Result<bool> load_batches();
  Result<bool> sync_log();
  Result<bool> ensure_open();
  // Undoes the transaction; the connection is opened anew before its next use if it may be ill.
  std::string give_up(int code);
  int apply_groups(std::span<const Group> groups, std::vector<Outcome>& outcomes);
  int prune_batches();
  Result<uint64_t> read_batch_kind(uint64_t batch_id);

  std::string path_;
  SqliteOptions options_;
  Connection db_;
  std::unique_ptr<Writer> writer_;
  std::deque<uint64_t> batches_;  // ids in the table, oldest first
  int log_pages_ = 0;             // of the write-ahead log after the last commit
  FileIdentity file_;             // the database, for as long as this lives
  FileIdentity log_;              // its write-ahead log, as long as the connection is open
};

CommitResult all(std::span<const Group> groups, Outcome outcome, std::string why) {
  CommitResult result;
  result.outcomes.assign(groups.size(), outcome);
  result.why = std::move(why);
  return result;
}

// Who removes or replaces the files of a running host would otherwise never be told: all of it is
// acknowledged, and gone with the process.
Result<bool> SqliteStore::still_there() const {
  if (!file_.still_at(path_)) {
    return fail(ErrorKind::kStoreUnreachable,
                "the database " + path_ +
                    " was moved or deleted while this host uses it, so what is written now would be"
                    " lost; end the host, put the file back, and start it again");
  }
  if (!log_.still_at(path_ + "-wal")) {
    return fail(
        ErrorKind::kStoreUnreachable,
        "the log " + path_ +
            "-wal was moved or deleted while this host uses it, so what is written now could"
            " be lost; end the host, which saves what it has, and start it again");
  }
  return true;
}

Result<bool> SqliteStore::open() {
  log_ = {};
  if (auto there = still_there(); !there) return there;
  auto db = open_writer(path_, options_);
  if (!db) return tl::unexpected(db.error());
  db_ = std::move(*db);
  auto writer = Writer::create(db_);
  if (!writer) {
    close();
    return fail(ErrorKind::kStoreUnreachable, path_ + " cannot be read: " + writer.error().detail);
  }
  writer_ = std::move(*writer);
  sqlite3_wal_hook(
      db_.handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteStore*>(self)->log_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  auto ready = load_batches();
  if (ready) ready = sync_log();
  if (!ready) {
    close();
    return ready;
  }
  file_ = FileIdentity::of(path_);
  log_ = FileIdentity::of(path_ + "-wal");
  return ready;
}

void SqliteStore::close() {
  writer_.reset();
  db_ = Connection();
}

Result<bool> SqliteStore::load_batches() {
  auto rows = db_.prepare("SELECT id FROM batch ORDER BY id");
  if (!rows) return tl::unexpected(rows.error());
  batches_.clear();
  int code = rows->step();
  for (; code == SQLITE_ROW; code = rows->step()) {
    batches_.push_back(static_cast<uint64_t>(rows->integer_at(0)));
  }
  if (code == SQLITE_DONE) return true;
  return fail(ErrorKind::kStoreUnreachable, path_ + " cannot be read: " + db_.message(code));
}

// A process that was killed between its write and its sync leaves a batch in the log that the next
// one reads as committed, though it may not be on the disk yet. A commit syncs the whole log.
Result<bool> SqliteStore::sync_log() {
  int code = writer_->begin();
  if (code == SQLITE_OK) code = writer_->put_fact(kOpened, "1");
  if (code == SQLITE_OK) code = writer_->commit();
  if (code == SQLITE_OK) return true;
  return fail(ErrorKind::kStoreUnreachable, path_ + " takes no write: " + db_.message(code));
}

Result<bool> SqliteStore::ensure_open() {
  if (db_ && writer_) return still_there();
  return open();
}

std::string SqliteStore::give_up(int code) {
  std::string why = "the database " + path_ + " takes no write: " + db_.message(code);
  if (code == SQLITE_FULL) why += "; make room on its disk";
  if (db_.in_transaction()) db_.exec(sql::kRollback);
  if (writer_) writer_->rollback();
  if (!connection_survives(code) || db_.in_transaction()) close();
  return why;
}

int SqliteStore::prune_batches() {
  if (batches_.size() < kBatchesKept + kBatchesPrunedAtOnce) return SQLITE_OK;
  for (size_t i = 0; i < kBatchesPrunedAtOnce; ++i) {
    if (const int code = writer_->prune_batch(batches_[i]); code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

int SqliteStore::apply_groups(std::span<const Group> groups, std::vector<Outcome>& outcomes) {
  for (const Group& group : groups) {
    const Applied applied = writer_->apply(group);
    if (applied == Applied::kFailed) return writer_->code();
    outcomes.push_back(applied == Applied::kDone ? Outcome::kCommitted : Outcome::kConflict);
  }
  return prune_batches();
}

CommitResult SqliteStore::commit(uint64_t batch_id, std::span<const Group> groups) {
  if (auto open = ensure_open(); !open) return all(groups, Outcome::kRefused, open.error().detail);
  if (log_pages_ > 4 * kCheckpointPages) maintain();
  CommitResult result;
  result.outcomes.reserve(groups.size());
  int code = writer_->begin();
  if (code == SQLITE_OK) code = writer_->insert_batch(batch_id, kAppliedBatch);
  if ((code & 0xff) == SQLITE_CONSTRAINT) {
    give_up(code);
    return all(groups, Outcome::kRefused,
               "batch " + std::to_string(batch_id) + " has been committed or settled before");
  }
  if (code == SQLITE_OK) code = apply_groups(groups, result.outcomes);
  if (code != SQLITE_OK) return all(groups, Outcome::kRefused, give_up(code));
  code = writer_->commit();
  if (code != SQLITE_OK) {
    if (surely_not_committed(code)) return all(groups, Outcome::kRefused, give_up(code));
    result.why = give_up(code);
    for (Outcome& outcome : result.outcomes) {
      if (outcome == Outcome::kCommitted) outcome = Outcome::kUnknown;
    }
    return result;
  }
  writer_->settle();
  if (batches_.size() >= kBatchesKept + kBatchesPrunedAtOnce) {
    batches_.erase(batches_.begin(), batches_.begin() + kBatchesPrunedAtOnce);
  }
  batches_.push_back(batch_id);
  result.last_event = EventCursor(writer_->last_seq());
  return result;
}

Result<uint64_t> SqliteStore::read_batch_kind(uint64_t batch_id) {
  auto row = db_.prepare("SELECT kind FROM batch WHERE id = ?1");
  if (!row) return tl::unexpected(row.error());
  const int code = row->integer(1, static_cast<int64_t>(batch_id)).step();
  if (code != SQLITE_ROW) return fail(ErrorKind::kStoreUnreachable, db_.message(code));
  return static_cast<uint64_t>(row->integer_at(0));
}

// The tombstone's own commit also overwrites what an unfinished commit left in the log, so that no
// later recovery can bring it back.
Resolution SqliteStore::resolve(uint64_t batch_id) {
  if (!ensure_open()) return Resolution::kUnknown;
  int code = writer_->begin();
  if (code == SQLITE_OK) code = writer_->insert_batch(batch_id, kTombstoneBatch);
  if ((code & 0xff) == SQLITE_CONSTRAINT) {
    give_up(code);
    auto kind = read_batch_kind(batch_id);
    if (!kind) return Resolution::kUnknown;
    return *kind == kAppliedBatch ? Resolution::kApplied : Resolution::kNotApplied;
  }
  if (code == SQLITE_OK) code = writer_->commit();
  if (code != SQLITE_OK) {
    give_up(code);
    return Resolution::kUnknown;
  }
  batches_.push_back(batch_id);
  return Resolution::kNotApplied;
}

template <class Decode, class Sink>
Result<bool> recover_rows(Connection& db, const char* text, Decode decode, const Sink& sink) {
  auto rows = db.prepare(text);
  if (!rows) return tl::unexpected(rows.error());
  int code = rows->step();
  for (; code == SQLITE_ROW; code = rows->step()) {
    auto record = decode(rows->blob_at(0));
    if (!record) {
      return fail(ErrorKind::kStoreUnreachable,
                  std::string(rows->text_at(1)) + ": " + record.error().detail);
    }
    if (sink) sink(std::move(*record));
  }
  if (code == SQLITE_DONE) return true;
  return fail(ErrorKind::kStoreUnreachable, db.message(code));
}

Result<bool> SqliteStore::recover(const RecoverSink& sink) {
  if (auto open = ensure_open(); !open) return open;
  // Parked and assigned packets, the two live states that are ever stored.
  auto done = recover_rows(db_,
                           "SELECT head, key FROM packet WHERE state = 0 AND state <> 3 AND gone"
                           " IS NULL",
                           decode_head, sink.packet);
  if (done) {
    done = recover_rows(db_,
                        "SELECT head, key FROM packet WHERE state = 1 AND state <> 3 AND gone"
                        " IS NULL",
                        decode_head, sink.packet);
  }
  if (done) {
    done = recover_rows(db_, "SELECT record, key FROM member ORDER BY key", decode_member,
                        sink.member);
  }
  if (done) {
    done = recover_rows(db_, "SELECT record, id FROM session ORDER BY id", decode_session,
                        sink.session);
  }
  if (done) {
    done = recover_rows(db_, "SELECT record, key FROM document ORDER BY key", decode_document,
                        sink.document);
  }
  if (done && sink.ended) sink.ended(writer_->ended());
  if (done && sink.incarnation_floor) sink.incarnation_floor(writer_->incarnation_floor());
  return done;
}

Result<std::optional<std::string>> SqliteStore::fact(const std::string& name) {
  if (auto open = ensure_open(); !open) return tl::unexpected(open.error());
  auto row = db_.prepare("SELECT value FROM fact WHERE name = ?1");
  if (!row) return tl::unexpected(row.error());
  const int code = row->text(1, name).step();
  if (code == SQLITE_DONE) return std::optional<std::string>();
  if (code != SQLITE_ROW) return fail(ErrorKind::kStoreUnreachable, db_.message(code));
  return std::optional<std::string>(std::string(row->blob_at(0)));
}

Result<bool> SqliteStore::set_fact(const std::string& name, const std::string& value) {
  if (auto open = ensure_open(); !open) return open;
  int code = writer_->begin();
  if (code == SQLITE_OK) code = writer_->put_fact(name, value);
  if (code == SQLITE_OK) code = writer_->commit();
  if (code != SQLITE_OK) return fail(ErrorKind::kStoreUnreachable, give_up(code));
  return true;
}

Result<Swept> SqliteStore::sweep(const SweepLimits& limits) {
  if (auto open = ensure_open(); !open) return tl::unexpected(open.error());
  Sweeper sweeper(db_, limits);
  auto floor = fact(kEventsFloor);
  if (!floor) return tl::unexpected(floor.error());
  const uint64_t old_floor = floor->has_value() ? std::strtoull((*floor)->c_str(), nullptr, 10) : 0;
  const EndedCounts& ended = writer_->ended();
  const uint64_t kept = std::accumulate(ended.begin(), ended.end(), uint64_t{0});
  const uint64_t excess = kept > limits.retain_count ? kept - limits.retain_count : 0;
  int code = writer_->begin();
  if (code == SQLITE_OK) code = sweeper.run(excess);
  if (code == SQLITE_OK && sweeper.events_floor() > old_floor) {
    code = writer_->put_fact(kEventsFloor, std::to_string(sweeper.events_floor()));
  }
  if (code == SQLITE_OK) code = writer_->commit();
  if (code != SQLITE_OK) return fail(ErrorKind::kStoreUnreachable, give_up(code));
  writer_->forget_ended(sweeper.buried());
  writer_->settle();
  maintain();
  return Swept{sweeper.rows(), sweeper.buried()};
}

// PASSIVE waits for nobody: what a reader still needs stays in the log until the next time.
void SqliteStore::maintain() {
  if (!db_ || log_pages_ < kCheckpointPages) return;
  int in_log = 0;
  int moved = 0;
  const int code =
      sqlite3_wal_checkpoint_v2(db_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
  // Whether it worked or not, the next try comes after as much again has been written: a disk that
  // refuses must not be asked at every commit.
  if (code == SQLITE_OK || in_log >= 0) log_pages_ = 0;
}

}  // namespace
}  // namespace sqlite

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path,
                                                 const SqliteOptions& options) {
  auto store = std::make_unique<sqlite::SqliteStore>(path, options);
  if (auto opened = store->open(); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace phoenix
