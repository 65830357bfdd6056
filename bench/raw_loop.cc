#include "bench/raw_loop.h"

#include <sqlite3.h>

#include <algorithm>

#include "bench/clock.h"
#include "bench/workload.h"
#include "packet/encoding.h"
#include "packet/lifecycle.h"
#include "store/rows.h"
#include "store/sqlite/open.h"
#include "store/sqlite/schema.h"

namespace phoenix::bench {
namespace {

constexpr WallMs kWall = 1'700'000'000'000;

PacketLife packet_life(uint64_t number, const std::shared_ptr<const Content>& payload,
                       const std::shared_ptr<const Content>& result) {
  SubmitItem item = submit_item(number, {"work"}, payload);
  Packet draft;
  draft.key = std::move(item.key);
  draft.spec = std::move(item.spec);
  draft.required = std::move(item.required);
  Change grant;
  grant.event = Event::kCreate;
  grant.to = Owner{"worker-1", 1};
  grant.contents.emplace_back(ContentKind::kPayload, payload);
  Transition created = create(std::move(draft), grant, kWall);
  Change complete;
  complete.event = Event::kComplete;
  complete.kept_call = Call::kComplete;
  complete.contents.emplace_back(ContentKind::kResult, result);
  Transition ended = *transition(*created.head, Status::kAssigned, complete, kWall);
  PacketLife life;
  life.created.head = std::move(created.head);
  life.created.contents.push_back({ContentKind::kPayload, payload});
  life.created.entry = std::move(created.entry);
  life.ended.head = std::move(ended.head);
  life.ended.expect_epoch = 1;
  life.ended.expect_revision = 1;
  life.ended.contents.push_back({ContentKind::kResult, result});
  life.ended.entry = std::move(ended.entry);
  return life;
}

class SqliteLoop final : public RawLoop {
 public:
  Result<bool> open(const std::string& path) {
    auto db = sqlite::open_writer(path, {});
    if (!db) return tl::unexpected(db.error());
    db_ = std::move(*db);
    sqlite3_wal_hook(
        db_.handle(),
        [](void* self, sqlite3*, const char*, int pages) {
          static_cast<SqliteLoop*>(self)->log_pages_ = pages;
          return SQLITE_OK;
        },
        this);
    const std::pair<sqlite::Statement*, const char*> all[] = {
        {&begin_, sqlite::sql::kBegin},         {&commit_, sqlite::sql::kCommit},
        {&insert_, sqlite::sql::kInsertPacket}, {&find_, sqlite::sql::kFindPacket},
        {&update_, sqlite::sql::kUpdateState},  {&content_, sqlite::sql::kPutContent},
        {&event_, sqlite::sql::kInsertEvent},
    };
    for (const auto& [statement, text] : all) {
      auto prepared = db_.prepare(text);
      if (!prepared) return tl::unexpected(prepared.error());
      *statement = std::move(*prepared);
    }
    return true;
  }

  void prepare(const std::vector<PacketLife>& lives) override {
    rows_.reserve(lives.size());
    for (const PacketLife& life : lives) {
      rows_.push_back({&life, encode_head(*life.created.head), encode_head(*life.ended.head)});
    }
  }

  Result<std::vector<Duration>> run(size_t batch) override {
    std::vector<Duration> times;
    for (size_t first = 0; first < rows_.size(); first += batch) {
      const size_t last = std::min(rows_.size(), first + batch);
      const Duration begin = wall_clock();
      bool good = write(first, last, &SqliteLoop::create);
      good = good && write(first, last, &SqliteLoop::end);
      times.push_back(wall_clock() - begin);
      if (!good) return fail(ErrorKind::kStoreUnreachable, "the raw loop's write failed");
    }
    return times;
  }

 private:
  struct Row {
    const PacketLife* life;
    std::string created;
    std::string ended;
  };

  bool write(size_t first, size_t last, bool (SqliteLoop::*one)(const Row&)) {
    bool good = begin_.run() == SQLITE_OK;
    for (size_t i = first; good && i < last; ++i) good = (this->*one)(rows_[i]);
    good = good && commit_.run() == SQLITE_OK;
    if (log_pages_ >= sqlite::kCheckpointPages) {
      sqlite3_wal_checkpoint_v2(db_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
      log_pages_ = 0;
    }
    return good;
  }

  bool create(const Row& row) {
    const Packet& head = *row.life->created.head;
    insert_.text(1, head.key.text()).integer(2, static_cast<int64_t>(head.status));
    insert_.text(3, head.owner->id).integer(4, 1).integer(5, 1).integer(6, head.created_at);
    insert_.null(7).blob(8, row.created);
    if (insert_.run() != SQLITE_OK) return false;
    return contents_and_event(row.life->created, db_.last_rowid());
  }

  bool end(const Row& row) {
    const Packet& head = *row.life->ended.head;
    if (find_.text(1, head.key.text()).step() != SQLITE_ROW) return false;
    const int64_t num = find_.integer_at(0);
    const bool expected = find_.integer_at(1) == 1 && find_.integer_at(2) == 1;
    find_.reset();
    if (!expected) return false;
    update_.integer(1, num).integer(2, static_cast<int64_t>(head.status)).null(3);
    update_.integer(4, 1).integer(5, 2).integer(6, content_due(head)).blob(7, row.ended);
    if (update_.run() != SQLITE_OK) return false;
    return contents_and_event(row.life->ended, num);
  }

  bool contents_and_event(const PutPacket& put, int64_t num) {
    for (const ContentWrite& write : put.contents) {
      content_.integer(1, sqlite::content_id(num, static_cast<int>(write.kind))).integer(2, 1);
      content_.text(3, "").blob(4, write.content->data);
      if (content_.run() != SQLITE_OK) return false;
    }
    const HistoryEntry& entry = put.entry;
    event_.integer(1, ++seq_).integer(2, num).null(3).integer(4, entry.at);
    event_.integer(5, 1).integer(6, static_cast<int64_t>(entry.revision)).text(7, entry.event);
    event_.text(8, entry.owner).text(9, entry.from).text(10, entry.to).text(11, entry.reason);
    return event_.run() == SQLITE_OK;
  }

  std::vector<Row> rows_;
  int64_t seq_ = 0;
  int log_pages_ = 0;
  sqlite::Connection db_;  // before the statements, which go first
  sqlite::Statement begin_, commit_, insert_, find_, update_, content_, event_;
};

}  // namespace

std::vector<PacketLife> packet_lives(size_t count, size_t payload_bytes) {
  const auto payload = json_content(payload_bytes, 1);
  const auto result = json_content(100, 2);
  std::vector<PacketLife> lives;
  lives.reserve(count);
  for (uint64_t i = 1; i <= count; ++i) lives.push_back(packet_life(i, payload, result));
  return lives;
}

Result<std::unique_ptr<RawLoop>> RawLoop::open(const std::string& path) {
  auto loop = std::make_unique<SqliteLoop>();
  if (auto opened = loop->open(path); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<RawLoop>(std::move(loop));
}

}  // namespace phoenix::bench
