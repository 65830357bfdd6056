#include "store/postgres/reader.h"

#include <algorithm>
#include <functional>

#include "packet/encoding.h"
#include "store/postgres/batch_calls.h"
#include "store/postgres/sweeper.h"
#include "store/rows.h"

namespace phoenix::postgres {
namespace {

using enum ElementType;

// A list examines this many rows at most before it answers with what it has, in portions: the
// first holds a page, if every row will do.
constexpr uint32_t kMaxExamined = 5000;
constexpr uint32_t kPortion = 1000;
// Contents that are asked for at once.
constexpr size_t kContentsAtOnce = 256;

constexpr Statement kGet = {"get", "SELECT gone, head FROM packet WHERE key = $1::text"};
constexpr Statement kContents = {
    "contents",
    "SELECT i.at, c.is_json, c.type, c.data FROM unnest($1::text[], $2::smallint[])"
    " WITH ORDINALITY AS i(packet, kind, at) JOIN content c USING (packet, kind)"};
constexpr Statement kAnswer = {"answer",
                               "SELECT request, answer FROM answer WHERE scope = $1::bytea"};
constexpr Statement kFacts = {
    "facts", "SELECT name, value FROM fact WHERE starts_with(name, $1::text) ORDER BY name"};
constexpr Statement kHistory = {
    "history",
    "SELECT log, position, key, of_member, at, epoch, revision, event, owner, from_owner, to_owner,"
    " reason FROM event WHERE key = $1::text AND NOT of_member ORDER BY"
    " max(written) OVER (PARTITION BY log ORDER BY position), log, position LIMIT 10000"};
// $1 logs, $2 positions, $3 how many. Within a log by position; between them by the server's clock,
// which is made not to go back within one: so a cut after any row leaves nothing out.
constexpr Statement kEvents = {
    "events",
    "SELECT e.log, e.position, e.key, e.of_member, e.at, e.epoch, e.revision, e.event, e.owner,"
    " e.from_owner, e.to_owner, e.reason FROM (SELECT e.*, max(e.written) OVER"
    " (PARTITION BY e.log ORDER BY e.position) AS turn FROM host_log h"
    " LEFT JOIN unnest($1::bigint[], $2::bigint[]) AS c(log, position) ON c.log = h.log"
    " CROSS JOIN LATERAL (SELECT * FROM event e WHERE e.log = h.log"
    " AND e.position > coalesce(c.position, 0) ORDER BY e.position LIMIT $3::bigint) e"
    " WHERE h.size > coalesce(c.position, 0)) e ORDER BY e.turn, e.log, e.position"
    " LIMIT $3::bigint"};
// A log that is closed and of which nothing is left is not told of: it would be named for ever.
constexpr Statement kLogs = {
    "logs",
    "SELECT h.log, h.size, coalesce(f.floor, 0) FROM host_log h LEFT JOIN event_floor f"
    " ON f.log = h.log WHERE h.size > 0"
    " AND (h.fenced IS NULL OR h.size > coalesce(f.floor, 0))"};

constexpr Statement kRecorded = {
    "recorded",
    "SELECT position, bytes FROM entry WHERE log = $1::bigint AND position > $2::bigint"
    " ORDER BY position LIMIT $3::bigint"};
constexpr Statement kLogStates = {
    "log_states",
    "SELECT h.log, h.host, h.life, h.size, coalesce((SELECT e.position FROM entry e"
    " WHERE e.log = h.log ORDER BY e.position LIMIT 1), 0), h.fenced IS NOT NULL"
    " FROM host_log h WHERE h.size > 0 ORDER BY h.log"};

// The four walks of a list. $1 states, $2 and $3 the position, $4 how many rows, $5 namespaces
// (none: all), $6 owner ('': any). A row that the last two exclude comes without its head.
#define PHOENIX_LISTED                                                                         \
  "SELECT created_at, key, CASE WHEN ($5::text[] = '{}' OR split_part(key, '/', 1) = ANY($5))" \
  " AND ($6::text = '' OR owner = split_part(key, '/', 1) || '/' || $6) THEN head END AS head" \
  " FROM packet p WHERE NOT gone"
#define PHOENIX_UP                                                        \
  " AND created_at >= $2::bigint AND (created_at > $2 OR key > $3::text)" \
  " ORDER BY created_at, key LIMIT $4::bigint"
#define PHOENIX_DOWN                                                      \
  " AND created_at <= $2::bigint AND (created_at < $2 OR key < $3::text)" \
  " ORDER BY created_at DESC, key DESC LIMIT $4::bigint"
constexpr Statement kAllUp = {
    "list_up", PHOENIX_LISTED " AND ($1::bigint[] = '{}' OR state = ANY($1))" PHOENIX_UP};
constexpr Statement kAllDown = {
    "list_down", PHOENIX_LISTED " AND ($1::bigint[] = '{}' OR state = ANY($1))" PHOENIX_DOWN};
// Completed packets are in no index of their own; each of the other states is a lane.
constexpr Statement kOpenUp = {
    "list_open_up",
    "SELECT x.* FROM unnest($1::bigint[]) AS s(state) CROSS JOIN LATERAL (" PHOENIX_LISTED
    " AND p.state = s.state::smallint AND p.state <> 3" PHOENIX_UP
    ") x ORDER BY created_at, key LIMIT $4::bigint"};
constexpr Statement kOpenDown = {
    "list_open_down",
    "SELECT x.* FROM unnest($1::bigint[]) AS s(state) CROSS JOIN LATERAL (" PHOENIX_LISTED
    " AND p.state = s.state::smallint AND p.state <> 3" PHOENIX_DOWN
    ") x ORDER BY created_at DESC, key DESC LIMIT $4::bigint"};
#undef PHOENIX_LISTED
#undef PHOENIX_UP
#undef PHOENIX_DOWN

EventRow event_at(const Rows& rows, int i) {
  EventRow row;
  row.seq = static_cast<uint64_t>(rows.integer(i, 1));
  row.key = rows.bytes(i, 2);
  row.is_packet = !rows.boolean(i, 3);
  row.entry.at = rows.integer(i, 4);
  row.entry.epoch = static_cast<uint64_t>(rows.integer(i, 5));
  row.entry.revision = static_cast<uint64_t>(rows.integer(i, 6));
  row.entry.event = rows.bytes(i, 7);
  row.entry.owner = rows.bytes(i, 8);
  row.entry.from = rows.bytes(i, 9);
  row.entry.to = rows.bytes(i, 10);
  row.entry.reason = rows.bytes(i, 11);
  row.log = static_cast<uint32_t>(rows.integer(i, 0));
  return row;
}

std::vector<EventRow> events_in(const Rows& rows) {
  std::vector<EventRow> out;
  out.reserve(static_cast<size_t>(rows.size()));
  for (int i = 0; i < rows.size(); ++i) out.push_back(event_at(rows, i));
  return out;
}

// Column 1: where each log stands; 2: what is dropped of it.
EventCursor cursor_in(const Rows& logs, int column) {
  EventCursor cursor;
  for (int i = 0; i < logs.size(); ++i) {
    cursor.raise(static_cast<uint32_t>(logs.integer(i, 0)),
                 static_cast<uint64_t>(logs.integer(i, column)));
  }
  return cursor;
}

// The walk of one list, portion by portion.
struct Walk {
  const Statement* statement = nullptr;
  Column states{kInteger};
  Column namespaces{kText};
  const PacketFilter& filter;
  ListPosition at;
  uint32_t examined = 0;

  Walk(const PacketFilter& wanted, bool ascending, const std::optional<ListPosition>& after)
      : filter(wanted) {
    std::vector<int64_t> states_wanted;
    for (const Status status : wanted.statuses) states_wanted.push_back(stored_state(status));
    std::sort(states_wanted.begin(), states_wanted.end());
    states_wanted.erase(std::unique(states_wanted.begin(), states_wanted.end()),
                        states_wanted.end());
    for (const int64_t state : states_wanted) states.integer(state);
    const bool all = states_wanted.empty() || std::count(states_wanted.begin(), states_wanted.end(),
                                                         stored_state(Status::kCompleted)) > 0;
    statement = all ? (ascending ? &kAllUp : &kAllDown) : (ascending ? &kOpenUp : &kOpenDown);
    if (!wanted.ns.empty()) {
      namespaces.text(wanted.ns);
    } else {
      for (const std::string& ns : wanted.namespaces) namespaces.text(ns);
    }
    at = after ? *after : ListPosition{ascending ? INT64_MIN : INT64_MAX, ""};
  }
  Arguments arguments(uint32_t rows) const {
    Arguments out;
    out.column(states).integer(at.created_at).text(at.key).integer(rows);
    out.column(namespaces).text(filter.owner);
    return out;
  }
};

class PostgresReader final : public Reader {
 public:
  explicit PostgresReader(PostgresOptions options) : options_(std::move(options)) {}

  Result<bool> ensure_open();
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
  Result<EndedCounts> ended() override;

 private:
  Result<std::vector<Rows>> read(std::span<const Call> calls,
                                 Isolation isolation = Isolation::kStatement);
  Result<Rows> read(const Statement& statement, Arguments arguments);
  Result<bool> take(const Rows& rows, uint32_t limit, Walk& walk, PacketPage& page);

  PostgresOptions options_;
  std::unique_ptr<Connection> connection_;
};

Result<bool> PostgresReader::ensure_open() {
  if (connection_ && !connection_->broken()) return true;
  auto opened = Connection::open_schema(options_, "reader");
  if (!opened) return tl::unexpected(opened.error());
  connection_ = std::move(*opened);
  options_.minimum = connection_->promise().identity;
  return true;
}

// A connection that was idle while the server restarted is found broken only now: once more.
Result<std::vector<Rows>> PostgresReader::read(std::span<const Call> calls, Isolation isolation) {
  for (bool again = true;; again = false) {
    const bool fresh = !connection_ || connection_->broken();
    if (auto open = ensure_open(); !open) return tl::unexpected(open.error());
    auto rows = connection_->transact(calls, Deadline(options_.deadline), isolation);
    if (rows) return std::move(*rows);
    if (fresh || !again || !connection_->broken()) {
      return tl::unexpected(connection_->failure("the database cannot be read", rows.error()));
    }
  }
}

Result<Rows> PostgresReader::read(const Statement& statement, Arguments arguments) {
  const Call call = {&statement, std::move(arguments)};
  auto rows = read({&call, 1});
  if (!rows) return tl::unexpected(rows.error());
  return std::move(rows->at(0));
}

Result<PacketLookup> PostgresReader::get(const PacketKey& key) {
  const auto rows = read(kGet, Arguments().text(key.text()));
  if (!rows) return tl::unexpected(rows.error());
  PacketLookup lookup;
  if (rows->size() == 0) return lookup;
  if (rows->boolean(0, 0)) {
    auto tombstone = decode_tombstone(key.text(), rows->bytes(0, 1));
    if (!tombstone) return tl::unexpected(tombstone.error());
    lookup.tombstone = std::move(*tombstone);
  } else {
    auto head = decode_head(rows->bytes(0, 1));
    if (!head) return tl::unexpected(head.error());
    lookup.head = std::move(*head);
  }
  return lookup;
}

Result<std::vector<std::optional<Content>>> PostgresReader::contents(
    std::span<const ContentRef> refs) {
  std::vector<std::optional<Content>> found(refs.size());
  for (size_t from = 0; from < refs.size(); from += kContentsAtOnce) {
    Column packets{kText};
    Column kinds{kSmall};
    for (const ContentRef& ref :
         refs.subspan(from, std::min(kContentsAtOnce, refs.size() - from))) {
      packets.text(ref.key.text());
      kinds.integer(static_cast<int64_t>(ref.kind));
    }
    const auto rows = read(kContents, Arguments().column(packets).column(kinds));
    if (!rows) return tl::unexpected(rows.error());
    for (int i = 0; i < rows->size(); ++i) {
      found[from + static_cast<size_t>(rows->integer(i, 0)) - 1] =
          Content{.is_json = rows->boolean(i, 1),
                  .type = std::string(rows->bytes(i, 2)),
                  .data = std::string(rows->bytes(i, 3))};
    }
  }
  return found;
}

// True when the page is whole.
Result<bool> PostgresReader::take(const Rows& rows, uint32_t limit, Walk& walk, PacketPage& page) {
  for (int i = 0; i < rows.size(); ++i) {
    if (page.items.size() >= limit || walk.examined >= kMaxExamined) {
      page.next = walk.at;
      return true;
    }
    ++walk.examined;
    walk.at = {rows.integer(i, 0), std::string(rows.bytes(i, 1))};
    if (rows.null(i, 2)) continue;
    auto head = decode_head(rows.bytes(i, 2));
    if (!head) return fail(head.error().kind, walk.at.key + ": " + head.error().detail);
    if (matches(walk.filter, *head)) page.items.push_back(std::move(*head));
  }
  return false;
}

Result<PacketPage> PostgresReader::list(const PacketFilter& filter, bool ascending,
                                        const std::optional<ListPosition>& after, uint32_t limit) {
  limit = std::max(1u, limit);
  PacketPage page;
  Walk walk(filter, ascending, after);
  uint32_t portion = limit + 1;
  // The logs before the rows, so that these have seen at least that.
  const std::vector<Call> first = {{&kLogs, {}}, {walk.statement, walk.arguments(portion)}};
  auto both = read(first);
  if (!both) return tl::unexpected(both.error());
  page.as_of = cursor_in(both->at(0), 1);
  for (Rows rows = both->at(1);;) {
    const auto whole = take(rows, limit, walk, page);
    if (!whole) return tl::unexpected(whole.error());
    if (*whole || rows.size() < static_cast<int>(portion)) return page;
    portion = std::max(limit + 1, kPortion);
    auto more = read(*walk.statement, walk.arguments(portion));
    if (!more) return tl::unexpected(more.error());
    rows = std::move(*more);
  }
}

Result<std::vector<EventRow>> PostgresReader::history(const PacketKey& key) {
  const auto rows = read(kHistory, Arguments().text(key.text()));
  if (!rows) return tl::unexpected(rows.error());
  return events_in(*rows);
}

Result<std::vector<EventRow>> PostgresReader::events(const EventCursor& after, uint32_t limit,
                                                     EventCursor* dropped) {
  Column logs(kInteger);
  Column positions(kInteger);
  for (const auto& [log, position] : after.positions()) {
    logs.integer(log);
    positions.integer(static_cast<int64_t>(std::min<uint64_t>(position, INT64_MAX)));
  }
  const std::vector<Call> calls = {
      {&kEvents, Arguments().column(logs).column(positions).integer(limit)}, {&kLogs, {}}};
  const auto rows = read(calls, Isolation::kSnapshot);
  if (!rows) return tl::unexpected(rows.error());
  if (dropped != nullptr) *dropped = cursor_in(rows->at(1), 2);
  return events_in(rows->at(0));
}

// An entry has a few hundred bytes; the answer is cut after so many, not the reading of them.
Result<std::vector<RecordedEntry>> PostgresReader::recorded(uint32_t log, uint64_t after,
                                                            uint32_t limit) {
  const auto from = static_cast<int64_t>(std::min<uint64_t>(after, INT64_MAX));
  const auto rows = read(kRecorded, Arguments().integer(log).integer(from).integer(limit));
  if (!rows) return tl::unexpected(rows.error());
  std::vector<RecordedEntry> entries;
  size_t bytes = 0;
  for (int i = 0; i < rows->size() && bytes < kRecordedBytes; ++i) {
    entries.push_back({static_cast<uint64_t>(rows->integer(i, 0)), std::string(rows->bytes(i, 1))});
    bytes += entries.back().bytes.size();
  }
  return entries;
}

Result<std::vector<LogState>> PostgresReader::logs() {
  const auto rows = read(kLogStates, {});
  if (!rows) return tl::unexpected(rows.error());
  std::vector<LogState> logs;
  for (int i = 0; i < rows->size(); ++i) {
    LogState& log = logs.emplace_back();
    log.log = static_cast<uint32_t>(rows->integer(i, 0));
    log.host = rows->bytes(i, 1);
    log.life = static_cast<uint64_t>(rows->integer(i, 2));
    log.size = static_cast<uint64_t>(rows->integer(i, 3));
    log.first = static_cast<uint64_t>(rows->integer(i, 4));
    log.closed = rows->boolean(i, 5);
  }
  return logs;
}

Result<std::vector<std::pair<std::string, std::string>>> PostgresReader::facts(
    std::string_view prefix) {
  const auto rows = read(kFacts, Arguments().text(prefix));
  if (!rows) return tl::unexpected(rows.error());
  std::vector<std::pair<std::string, std::string>> found;
  for (int i = 0; i < rows->size(); ++i) {
    found.emplace_back(rows->bytes(i, 0), rows->bytes(i, 1));
  }
  return found;
}

Result<EventCursor> PostgresReader::newest_event() {
  const auto rows = read(kLogs, {});
  if (!rows) return tl::unexpected(rows.error());
  return cursor_in(*rows, 1);
}

Result<EndedCounts> PostgresReader::ended() {
  const auto rows = read(kCountEnded, {});
  if (!rows) return tl::unexpected(rows.error());
  return ended_in(*rows);
}

Result<std::optional<StoredAnswer>> PostgresReader::answer(const Digest& scope) {
  const auto rows = read(kAnswer, Arguments().bytes(bytes_of(scope)));
  if (!rows) return tl::unexpected(rows.error());
  if (rows->size() == 0) return std::optional<StoredAnswer>();
  StoredAnswer stored;
  stored.request = digest_of_bytes(rows->bytes(0, 0));
  stored.answer = rows->bytes(0, 1);
  return std::optional<StoredAnswer>(std::move(stored));
}

}  // namespace

Result<std::unique_ptr<Reader>> open_postgres_reader(const PostgresOptions& options) {
  auto reader = std::make_unique<PostgresReader>(options);
  if (auto opened = reader->ensure_open(); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<Reader>(std::move(reader));
}

}  // namespace phoenix::postgres
