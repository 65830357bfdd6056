#include "store/sqlite/reader.h"

#include <sqlite3.h>

#include <algorithm>
#include <charconv>

#include "packet/encoding.h"
#include "store/rows.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/open.h"
#include "store/sqlite/schema.h"

namespace phoenix::sqlite {
namespace {

// A list examines this many rows at most before it answers with what it has.
constexpr int kMaxExamined = 5000;

constexpr const char* kGet = "SELECT num, gone, head FROM packet WHERE key = ?1";
constexpr const char* kContent =
    "SELECT is_json, type, data FROM content WHERE id = (?2 << 56 |"
    " (SELECT num FROM packet WHERE key = ?1 AND gone IS NULL))";
constexpr const char* kHead = "SELECT head FROM packet WHERE num = ?1";
constexpr const char* kHistory =
    "SELECT seq, at, epoch, revision, event, owner, from_owner, to_owner, reason FROM event"
    " WHERE packet = (SELECT num FROM packet WHERE key = ?1) ORDER BY seq LIMIT 10000";
constexpr const char* kEvents =
    "SELECT e.seq, e.at, e.epoch, e.revision, e.event, e.owner, e.from_owner, e.to_owner,"
    " e.reason, e.member, p.key FROM event e LEFT JOIN packet p ON p.num = e.packet"
    " WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2";
constexpr const char* kAnswer = "SELECT request, answer FROM answer WHERE scope = ?1";
constexpr const char* kLastSeq = "SELECT max(seq) FROM event";
constexpr const char* kFloor = "SELECT value FROM fact WHERE name = 'store.events-floor'";

constexpr const char* kRecorded =
    "SELECT seq, bytes FROM entry WHERE seq > ?1 ORDER BY seq LIMIT ?2";
constexpr const char* kFirstEntry = "SELECT min(seq) FROM entry";

// The four walks of a list. ?1 state, ?2 and ?3 the position; the order within one millisecond is
// by key, which SQLite sorts in blocks.
constexpr const char* kAllUp =
    "SELECT num, created_at, key, state, owner FROM packet WHERE gone IS NULL AND created_at >= ?2"
    " AND (created_at > ?2 OR key > ?3) ORDER BY created_at, key";
constexpr const char* kAllDown =
    "SELECT num, created_at, key, state, owner FROM packet WHERE gone IS NULL AND created_at <= ?2"
    " AND (created_at < ?2 OR key < ?3) ORDER BY created_at DESC, key DESC";
constexpr const char* kOpenUp =
    "SELECT num, created_at, key, state, owner FROM packet WHERE state = ?1 AND state <> 3"
    " AND gone IS NULL AND created_at >= ?2 AND (created_at > ?2 OR key > ?3)"
    " ORDER BY created_at, key";
constexpr const char* kOpenDown =
    "SELECT num, created_at, key, state, owner FROM packet WHERE state = ?1 AND state <> 3"
    " AND gone IS NULL AND created_at <= ?2 AND (created_at < ?2 OR key < ?3)"
    " ORDER BY created_at DESC, key DESC";

uint64_t to_number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

HistoryEntry entry_at(const Statement& row) {
  HistoryEntry entry;
  entry.at = row.integer_at(1);
  entry.epoch = static_cast<uint64_t>(row.integer_at(2));
  entry.revision = static_cast<uint64_t>(row.integer_at(3));
  entry.event = row.text_at(4);
  entry.owner = row.text_at(5);
  entry.from = row.text_at(6);
  entry.to = row.text_at(7);
  entry.reason = row.text_at(8);
  return entry;
}

// The statuses that a filter can find, as stored; sorted and unique. Empty: all.
std::vector<Status> stored_statuses(const PacketFilter& filter) {
  std::vector<Status> statuses = filter.statuses;
  for (Status& status : statuses) {
    if (status == Status::kRunning) status = Status::kAssigned;
  }
  std::sort(statuses.begin(), statuses.end());
  statuses.erase(std::unique(statuses.begin(), statuses.end()), statuses.end());
  return statuses;
}

// One walk and the row it stands on.
struct Lane {
  Statement rows;
  bool at_row = false;
};

class SqliteReader final : public Reader {
 public:
  explicit SqliteReader(Connection db) : db_(std::move(db)) {}

  Result<bool> prepare();
  Result<PacketLookup> get(const PacketKey& key) override;
  Result<std::vector<std::optional<Content>>> contents(std::span<const ContentRef> refs) override;
  Result<PacketPage> list(const PacketFilter& filter, bool ascending,
                          const std::optional<ListPosition>& after, uint32_t limit) override;
  Result<std::vector<EventRow>> history(const PacketKey& key) override;
  Result<std::vector<EventRow>> events(const EventCursor& after, uint32_t limit,
                                       EventCursor* dropped) override;
  Result<EventCursor> newest_event() override;
  Result<std::optional<StoredAnswer>> answer(const Digest& scope) override;
  Result<std::vector<std::pair<std::string, std::string>>> facts(std::string_view prefix) override;
  Result<std::vector<RecordedEntry>> recorded(uint32_t log, uint64_t after,
                                              uint32_t limit) override;
  Result<std::vector<LogState>> logs() override;

 private:
  tl::unexpected<Error> failure(int code) {
    return fail(ErrorKind::kStoreUnreachable, "the database cannot be read: " + db_.message(code));
  }
  Result<uint64_t> floor();
  Result<uint64_t> last_seq();
  Result<std::vector<Lane>> open_lanes(const PacketFilter& filter, bool ascending,
                                       const std::optional<ListPosition>& after);
  Result<bool> walk(const PacketFilter& filter, bool ascending, std::vector<Lane>& lanes,
                    uint32_t limit, PacketPage& page);
  Result<bool> take(const PacketFilter& filter, const Statement& row, PacketPage& page);
  Result<std::vector<EventRow>> read_events(uint64_t after, uint32_t limit, EventCursor* dropped);

  Connection db_;
  Statement get_, content_, head_, history_, events_, answer_, last_seq_, floor_, recorded_,
      first_entry_;
};

// One read transaction, so that several statements see the same batch.
class Snapshot {
 public:
  explicit Snapshot(Connection& db) : db_(db) { db_.exec("BEGIN"); }
  ~Snapshot() { db_.exec("COMMIT"); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  Connection& db_;
};

Result<bool> SqliteReader::prepare() {
  const std::pair<Statement*, const char*> all[] = {
      {&get_, kGet},           {&content_, kContent},
      {&head_, kHead},         {&history_, kHistory},
      {&events_, kEvents},     {&answer_, kAnswer},
      {&last_seq_, kLastSeq},  {&floor_, kFloor},
      {&recorded_, kRecorded}, {&first_entry_, kFirstEntry},
  };
  for (const auto& [statement, text] : all) {
    auto prepared = db_.prepare(text);
    if (!prepared) return tl::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return true;
}

Result<PacketLookup> SqliteReader::get(const PacketKey& key) {
  PacketLookup lookup;
  const int code = get_.text(1, key.text()).step();
  if (code == SQLITE_DONE) return lookup;
  if (code != SQLITE_ROW) return failure(code);
  if (get_.null_at(1)) {
    auto head = decode_head(get_.blob_at(2));
    get_.reset();
    if (!head) return tl::unexpected(head.error());
    lookup.head = std::move(*head);
  } else {
    auto tombstone = decode_tombstone(key.text(), get_.blob_at(2));
    get_.reset();
    if (!tombstone) return tl::unexpected(tombstone.error());
    lookup.tombstone = std::move(*tombstone);
  }
  return lookup;
}

Result<std::vector<std::optional<Content>>> SqliteReader::contents(
    std::span<const ContentRef> refs) {
  std::vector<std::optional<Content>> found(refs.size());
  for (size_t i = 0; i < refs.size(); ++i) {
    const int code =
        content_.text(1, refs[i].key.text()).integer(2, static_cast<int64_t>(refs[i].kind)).step();
    if (code == SQLITE_DONE) continue;
    if (code != SQLITE_ROW) return failure(code);
    found[i] = Content{.is_json = content_.integer_at(0) != 0,
                       .type = std::string(content_.text_at(1)),
                       .data = std::string(content_.blob_at(2))};
    content_.reset();
  }
  return found;
}

Result<std::vector<Lane>> SqliteReader::open_lanes(const PacketFilter& filter, bool ascending,
                                                   const std::optional<ListPosition>& after) {
  const std::vector<Status> statuses = stored_statuses(filter);
  // Completed packets are in no index of their own: with them, walk everything.
  const bool everything = statuses.empty() || std::find(statuses.begin(), statuses.end(),
                                                        Status::kCompleted) != statuses.end();
  const char* text =
      everything ? (ascending ? kAllUp : kAllDown) : (ascending ? kOpenUp : kOpenDown);
  std::vector<Lane> lanes;
  for (size_t i = 0; i < (everything ? 1 : statuses.size()); ++i) {
    auto rows = db_.prepare(text);
    if (!rows) return tl::unexpected(rows.error());
    if (!everything) rows->integer(1, static_cast<int64_t>(statuses[i]));
    const int64_t start = ascending ? INT64_MIN : INT64_MAX;
    rows->integer(2, after ? after->created_at : start);
    rows->text(3, after ? std::string_view(after->key) : std::string_view());
    lanes.push_back({std::move(*rows), false});
    const int code = lanes.back().rows.step();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return failure(code);
    lanes.back().at_row = code == SQLITE_ROW;
  }
  return lanes;
}

// Which of the lanes stands on the next row; null when all are at their ends.
Lane* next_lane(std::vector<Lane>& lanes, bool ascending) {
  Lane* best = nullptr;
  for (Lane& lane : lanes) {
    if (!lane.at_row) continue;
    if (best) {
      const auto mine = std::pair(lane.rows.integer_at(1), lane.rows.text_at(2));
      const auto others = std::pair(best->rows.integer_at(1), best->rows.text_at(2));
      if (ascending ? others < mine : mine < others) continue;
    }
    best = &lane;
  }
  return best;
}

// What the columns can tell is told before the head is read.
Result<bool> SqliteReader::take(const PacketFilter& filter, const Statement& row,
                                PacketPage& page) {
  const auto key = PacketKey::from_text(std::string(row.text_at(2)));
  if (!matches_namespace(filter, key)) return false;
  if (!filter.owner.empty() && row.text_at(4) != filter.owner) return false;
  const int code = head_.integer(1, row.integer_at(0)).step();
  if (code != SQLITE_ROW) return failure(code);
  auto head = decode_head(head_.blob_at(0));
  head_.reset();
  if (!head) {
    return fail(head.error().kind, key.text() + ": " + head.error().detail);
  }
  if (!matches(filter, *head)) return false;
  page.items.push_back(std::move(*head));
  return true;
}

Result<bool> SqliteReader::walk(const PacketFilter& filter, bool ascending,
                                std::vector<Lane>& lanes, uint32_t limit, PacketPage& page) {
  ListPosition last;
  for (int examined = 0;; ++examined) {
    Lane* lane = next_lane(lanes, ascending);
    if (!lane) return true;
    if (page.items.size() >= limit || examined >= kMaxExamined) {
      page.next = std::move(last);
      return true;
    }
    if (auto taken = take(filter, lane->rows, page); !taken) return taken;
    last = {lane->rows.integer_at(1), std::string(lane->rows.text_at(2))};
    const int code = lane->rows.step();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return failure(code);
    lane->at_row = code == SQLITE_ROW;
  }
}

Result<PacketPage> SqliteReader::list(const PacketFilter& filter, bool ascending,
                                      const std::optional<ListPosition>& after, uint32_t limit) {
  const Snapshot snapshot(db_);
  PacketPage page;
  auto as_of = last_seq();
  if (!as_of) return tl::unexpected(as_of.error());
  page.as_of = EventCursor(*as_of);
  auto lanes = open_lanes(filter, ascending, after);
  if (!lanes) return tl::unexpected(lanes.error());
  if (auto done = walk(filter, ascending, *lanes, std::max(1u, limit), page); !done) {
    return tl::unexpected(done.error());
  }
  return page;
}

Result<uint64_t> SqliteReader::floor() {
  const int code = floor_.step();
  if (code == SQLITE_DONE) return 0;
  if (code != SQLITE_ROW) return failure(code);
  const uint64_t value = to_number(floor_.blob_at(0));
  floor_.reset();
  return value;
}

Result<uint64_t> SqliteReader::last_seq() {
  const int code = last_seq_.step();
  if (code != SQLITE_ROW) return failure(code);
  const auto newest = static_cast<uint64_t>(last_seq_.integer_at(0));
  last_seq_.reset();
  auto dropped = floor();
  if (!dropped) return dropped;
  return std::max(newest, *dropped);
}

Result<std::vector<EventRow>> SqliteReader::history(const PacketKey& key) {
  std::vector<EventRow> rows;
  int code = history_.text(1, key.text()).step();
  for (; code == SQLITE_ROW; code = history_.step()) {
    rows.push_back({static_cast<uint64_t>(history_.integer_at(0)), true, key.text(),
                    entry_at(history_), kOwnLog});
  }
  if (code != SQLITE_DONE) return failure(code);
  return rows;
}

Result<EventCursor> SqliteReader::newest_event() {
  const Snapshot snapshot(db_);
  const auto newest = last_seq();
  if (!newest) return tl::unexpected(newest.error());
  return EventCursor(*newest);
}

Result<std::vector<EventRow>> SqliteReader::events(const EventCursor& after, uint32_t limit,
                                                   EventCursor* dropped) {
  const Snapshot snapshot(db_);
  return read_events(after.position(kOwnLog), limit, dropped);
}

Result<std::vector<EventRow>> SqliteReader::read_events(uint64_t after, uint32_t limit,
                                                        EventCursor* dropped) {
  auto newest_dropped = floor();
  if (!newest_dropped) return tl::unexpected(newest_dropped.error());
  if (dropped) *dropped = EventCursor(*newest_dropped);
  std::vector<EventRow> rows;
  const auto from = static_cast<int64_t>(std::min<uint64_t>(after, INT64_MAX));
  int code = events_.integer(1, from).integer(2, limit).step();
  for (; code == SQLITE_ROW; code = events_.step()) {
    const bool is_packet = events_.null_at(9);
    rows.push_back({static_cast<uint64_t>(events_.integer_at(0)), is_packet,
                    std::string(events_.text_at(is_packet ? 10 : 9)), entry_at(events_), kOwnLog});
  }
  if (code != SQLITE_DONE) return failure(code);
  return rows;
}

Result<std::optional<StoredAnswer>> SqliteReader::answer(const Digest& scope) {
  const std::string_view bytes(reinterpret_cast<const char*>(scope.data()), scope.size());
  const int code = answer_.blob(1, bytes).step();
  if (code == SQLITE_DONE) return std::optional<StoredAnswer>();
  if (code != SQLITE_ROW) return failure(code);
  StoredAnswer stored;
  stored.request = digest_of_bytes(answer_.blob_at(0));
  stored.answer = answer_.blob_at(1);
  answer_.reset();
  return std::optional<StoredAnswer>(std::move(stored));
}

Result<std::vector<RecordedEntry>> SqliteReader::recorded(uint32_t, uint64_t after,
                                                          uint32_t limit) {
  std::vector<RecordedEntry> entries;
  size_t bytes = 0;
  const auto from = static_cast<int64_t>(std::min<uint64_t>(after, INT64_MAX));
  int code = recorded_.integer(1, from).integer(2, limit).step();
  for (; code == SQLITE_ROW; code = recorded_.step()) {
    entries.push_back(
        {static_cast<uint64_t>(recorded_.integer_at(0)), std::string(recorded_.blob_at(1))});
    bytes += entries.back().bytes.size();
    if (bytes >= kRecordedBytes) break;
  }
  if (code != SQLITE_DONE && code != SQLITE_ROW) return failure(code);
  recorded_.reset();
  return entries;
}

Result<std::vector<std::pair<std::string, std::string>>> SqliteReader::facts(
    std::string_view prefix) {
  const Snapshot snapshot(db_);
  auto rows = db_.prepare(
      "SELECT name, value FROM fact WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name");
  if (!rows) return tl::unexpected(rows.error());
  std::vector<std::pair<std::string, std::string>> found;
  int code = rows->text(1, prefix).step();
  for (; code == SQLITE_ROW; code = rows->step()) {
    found.emplace_back(rows->text_at(0), rows->blob_at(1));
  }
  if (code != SQLITE_DONE) return failure(code);
  return found;
}

Result<std::vector<LogState>> SqliteReader::logs() {
  const Snapshot snapshot(db_);
  const auto newest = last_seq();
  if (!newest) return tl::unexpected(newest.error());
  std::vector<LogState> logs;
  if (*newest == 0) return logs;
  LogState& own = logs.emplace_back();
  own.size = *newest;
  const int code = first_entry_.step();
  if (code != SQLITE_ROW) return failure(code);
  own.first = static_cast<uint64_t>(first_entry_.integer_at(0));
  first_entry_.reset();
  return logs;
}

}  // namespace

Result<std::unique_ptr<Reader>> open_sqlite_reader(const std::string& path,
                                                   const SqliteOptions& options) {
  auto db = open_reader(path, options);
  if (!db) return tl::unexpected(db.error());
  auto reader = std::make_unique<SqliteReader>(std::move(*db));
  if (auto ready = reader->prepare(); !ready) return tl::unexpected(ready.error());
  return std::unique_ptr<Reader>(std::move(reader));
}

}  // namespace phoenix::sqlite
