#include "store/postgres/sweeper.h"

#include <algorithm>
#include <numeric>

#include "packet/encoding.h"
#include "store/rows.h"

namespace phoenix::postgres {
namespace {

using enum ElementType;

// Above so many, a bound on the number of packets may be exceeded by a sixty-fourth: counting is
// dear.
constexpr uint64_t kExactBelow = 10'000;

constexpr Statement kLock = {"sweep_lock",
                             "SELECT pg_try_advisory_lock(57842, 'fact'::regclass::oid::integer)"};
constexpr Statement kUnlock = {"sweep_unlock",
                               "SELECT pg_advisory_unlock(57842, 'fact'::regclass::oid::integer)"};
constexpr Statement kEventCount = {"event_count", "SELECT sum(size)::bigint FROM host_log"};
constexpr Statement kPastTime = {
    "past_time",
    "SELECT key, revision, state, head FROM packet WHERE due IS NOT NULL AND NOT gone"
    " AND due <= $1::bigint ORDER BY due LIMIT $2::bigint"};
// key, expected revision, due, tombstone. Answers the states of those that it buried.
constexpr Statement kBury = {
    "bury",
    "WITH done AS (UPDATE packet p SET gone = true, owner = NULL, owner_incarnation = NULL,"
    " due = i.due, head = i.head FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[])"
    " AS i(key, was, due, head) WHERE p.key = i.key AND p.revision = i.was AND NOT p.gone"
    " AND p.due IS NOT NULL RETURNING p.key, p.state),"
    " content AS (DELETE FROM content c USING done WHERE c.packet = done.key)"
    " SELECT state FROM done"};
constexpr Statement kPastTombstones = {
    "past_tombstones",
    "SELECT key FROM packet WHERE gone AND due <= $1::bigint ORDER BY due LIMIT $2::bigint"};
// $1 keys, $2 how many; the floors of the logs rise to what is dropped.
constexpr Statement kDropPacketEvents = {
    "drop_packet_events",
    "WITH chosen AS (SELECT log, position FROM event WHERE key = ANY($1::text[]) AND NOT of_member"
    " ORDER BY written LIMIT $2::bigint), dropped AS (DELETE FROM event e USING chosen c"
    " WHERE e.log = c.log AND e.position = c.position RETURNING e.log, e.position),"
    " floors AS (INSERT INTO event_floor AS f(log, floor) SELECT log, max(position) FROM dropped"
    " GROUP BY log ON CONFLICT (log) DO UPDATE SET floor = greatest(f.floor, excluded.floor))"
    " SELECT count(*) FROM dropped"};
constexpr Statement kDropMemberEvents = {
    "drop_member_events",
    "WITH chosen AS (SELECT log, position FROM event WHERE of_member AND at < $1::bigint"
    " ORDER BY at LIMIT $2::bigint), dropped AS (DELETE FROM event e USING chosen c"
    " WHERE e.log = c.log AND e.position = c.position RETURNING e.log, e.position),"
    " floors AS (INSERT INTO event_floor AS f(log, floor) SELECT log, max(position) FROM dropped"
    " GROUP BY log ON CONFLICT (log) DO UPDATE SET floor = greatest(f.floor, excluded.floor))"
    " SELECT count(*) FROM dropped"};
// $1 keys, $2 now, $3 how many: those without events.
constexpr Statement kDropPackets = {
    "drop_packets",
    "WITH chosen AS (SELECT key FROM packet p WHERE key = ANY($1::text[]) AND gone"
    " AND due <= $2::bigint AND NOT EXISTS (SELECT 1 FROM event e WHERE e.key = p.key"
    " AND NOT e.of_member) LIMIT $3::bigint), dropped AS (DELETE FROM packet p USING chosen c"
    " WHERE p.key = c.key AND p.gone RETURNING 1) SELECT count(*) FROM dropped"};
constexpr Statement kDropAnswers = {
    "drop_answers",
    "WITH chosen AS (SELECT scope FROM answer WHERE expires_at <= $1::bigint ORDER BY expires_at"
    " LIMIT $2::bigint), dropped AS (DELETE FROM answer a USING chosen c WHERE a.scope = c.scope"
    " AND a.expires_at <= $1 RETURNING 1) SELECT count(*) FROM dropped"};
constexpr Statement kDropDocuments = {
    "drop_documents",
    "WITH chosen AS (SELECT key FROM document WHERE over < $1::bigint ORDER BY over"
    " LIMIT $2::bigint), dropped AS (DELETE FROM document d USING chosen c WHERE d.key = c.key"
    " AND d.over < $1 RETURNING 1) SELECT count(*) FROM dropped"};
// A fenced life can commit nothing any more, so nobody asks for its batches; a tombstone of one
// that is not fenced stays. Without a life, a week is longer than any packet stays on the way.
constexpr Statement kDropBatches = {
    "drop_batches",
    "WITH chosen AS (SELECT b.life, b.id FROM host_log h JOIN batch b ON b.life = h.life"
    " WHERE h.fenced < clock_timestamp() - interval '1 hour'"
    " OR (h.life = 0 AND b.at < clock_timestamp() - interval '7 days') LIMIT $1::bigint),"
    " dropped AS (DELETE FROM batch b USING chosen c WHERE b.life = c.life AND b.id = c.id"
    " RETURNING 1) SELECT count(*) FROM dropped"};
constexpr Statement kDropEntries = {
    "drop_entries",
    "WITH chosen AS (SELECT log, position FROM entry WHERE log = $1::bigint"
    " AND position <= $2::bigint ORDER BY position LIMIT $3::bigint), dropped AS (DELETE FROM entry"
    " e USING chosen c WHERE e.log = c.log AND e.position = c.position RETURNING 1)"
    " SELECT count(*) FROM dropped"};
constexpr Statement kDropLeft = {
    "drop_left",
    "WITH chosen AS (SELECT s.host, s.life, s.session FROM host_log h JOIN session_left s"
    " ON s.host = h.host AND s.life = h.life WHERE h.fenced < clock_timestamp() - interval '1 hour'"
    " LIMIT $1::bigint), dropped AS (DELETE FROM session_left s USING chosen c WHERE"
    " s.host = c.host AND s.life = c.life AND s.session = c.session RETURNING 1)"
    " SELECT count(*) FROM dropped"};
// Lives that left nothing behind: each start of a host adds one. Those that have written events
// name a log of theirs, and stay.
constexpr Statement kDropLives = {
    "drop_lives",
    "WITH chosen AS (SELECT h.host, h.life FROM host_log h WHERE h.life <> 0 AND h.size = 0"
    " AND h.fenced < clock_timestamp() - interval '7 days'"
    " AND NOT EXISTS (SELECT 1 FROM batch b WHERE b.life = h.life)"
    " AND NOT EXISTS (SELECT 1 FROM session_left s WHERE s.host = h.host AND s.life = h.life)"
    " AND NOT EXISTS (SELECT 1 FROM slot s WHERE s.host = h.host AND s.life = h.life)"
    " LIMIT $1::bigint), dropped AS (DELETE FROM host_log h USING chosen c"
    " WHERE h.host = c.host AND h.life = c.life RETURNING 1) SELECT count(*) FROM dropped"};

Status status_of(int64_t state) {
  return state >= 0 && state < kStatuses ? static_cast<Status>(state) : Status::kCompleted;
}

}  // namespace

EndedCounts ended_in(const Rows& rows) {
  EndedCounts counts{};
  for (int i = 0; i < rows.size(); ++i) {
    counts[static_cast<size_t>(status_of(rows.integer(i, 0)))] +=
        static_cast<uint64_t>(rows.integer(i, 1));
  }
  return counts;
}

Result<EndedCounts> count_ended(Connection& connection) {
  const auto rows = connection.query(kCountEnded, {}, Deadline(kSchemaDeadline));
  if (!rows) {
    return tl::unexpected(connection.failure("the packets cannot be counted", rows.error()));
  }
  return ended_in(*rows);
}

Result<std::unique_ptr<Sweeper>> Sweeper::open(const PostgresOptions& options) {
  auto connection = Connection::open_schema(options, "sweeper");
  if (!connection) return tl::unexpected(connection.error());
  return std::unique_ptr<Sweeper>(new Sweeper(std::move(*connection), options.deadline));
}

Result<Rows> Sweeper::ask(const Statement& statement, Arguments arguments) {
  auto rows = connection_->query(statement, std::move(arguments), Deadline(patience_));
  if (rows) return std::move(*rows);
  return tl::unexpected(connection_->failure("the database cannot be swept", rows.error()));
}

Result<uint64_t> Sweeper::drop(const Statement& statement, Arguments arguments) {
  const auto rows = ask(statement, std::move(arguments));
  if (!rows) return tl::unexpected(rows.error());
  const auto dropped = static_cast<uint64_t>(rows->integer(0, 0));
  swept_.rows += dropped;
  return dropped;
}

Result<Swept> Sweeper::run(const SweepLimits& limits) {
  limits_ = limits;
  swept_ = {};
  const auto locked = ask(kLock, {});
  if (!locked) return tl::unexpected(locked.error());
  if (!locked->boolean(0, 0)) return swept_;
  const auto done = sweep();
  if (!connection_->broken()) {
    if (const auto unlocked = ask(kUnlock, {}); !unlocked) return tl::unexpected(unlocked.error());
  }
  if (!done) return tl::unexpected(done.error());
  return swept_;
}

Result<bool> Sweeper::sweep() {
  if (auto done = bury(limits_.now, left()); !done) return done;
  const auto more = excess();
  if (!more) return tl::unexpected(more.error());
  if (*more > 0) {
    if (auto done = bury(INT64_MAX, std::min(*more, left())); !done) return done;
  }
  if (auto done = forget_tombstones(); !done) return done;
  const auto bound = [&] { return static_cast<int64_t>(left()); };
  const WallMs long_ago = limits_.now - limits_.tombstone_ms;
  auto dropped = drop(kDropAnswers, Arguments().integer(limits_.now).integer(bound()));
  if (dropped) dropped = drop(kDropMemberEvents, Arguments().integer(long_ago).integer(bound()));
  const WallMs yesterday = limits_.now - kDeletedApprovalMs;
  if (dropped) dropped = drop(kDropDocuments, Arguments().integer(yesterday).integer(bound()));
  if (dropped) dropped = drop(kDropBatches, Arguments().integer(bound()));
  if (dropped) dropped = drop(kDropLeft, Arguments().integer(bound()));
  for (const auto& [log, until] : limits_.recorded_until) {
    const auto at = static_cast<int64_t>(until);
    if (dropped) {
      dropped = drop(kDropEntries, Arguments().integer(log).integer(at).integer(bound()));
    }
  }
  if (dropped) dropped = drop(kDropLives, Arguments().integer(bound()));
  if (!dropped) return tl::unexpected(dropped.error());
  return true;
}

// How many terminal packets are kept beyond the bound.
Result<uint64_t> Sweeper::excess() {
  const uint64_t bound = limits_.retain_count;
  const auto events = ask(kEventCount, {});
  if (!events) return tl::unexpected(events.error());
  const auto events_now = static_cast<uint64_t>(events->integer(0, 0));
  const uint64_t slack = bound < kExactBelow ? 0 : bound / 64;
  const uint64_t at_most = kept_ + (events_now - events_at_count_);
  if (counted_ && at_most <= bound + slack) return 0;
  const auto counts = count_ended(*connection_);
  if (!counts) return tl::unexpected(counts.error());
  kept_ = std::accumulate(counts->begin(), counts->end(), uint64_t{0});
  events_at_count_ = events_now;
  counted_ = true;
  return kept_ > bound ? kept_ - bound : 0;
}

// A head that cannot be read is buried too: nothing else would ever end it.
Result<bool> Sweeper::bury(int64_t due, uint64_t most) {
  const auto found = ask(kPastTime, Arguments().integer(due).integer(static_cast<int64_t>(most)));
  if (!found) return tl::unexpected(found.error());
  if (found->size() == 0) return true;
  Column key(kText), was(kInteger), forget_at(kInteger), head(kBytes);
  for (int i = 0; i < found->size(); ++i) {
    Tombstone tombstone;
    tombstone.key = PacketKey::from_text(std::string(found->bytes(i, 0)));
    tombstone.status = status_of(found->integer(i, 2));
    if (auto packet = decode_head(found->bytes(i, 3))) {
      tombstone.created_at = packet->created_at;
      tombstone.ended_at = packet->ended_at;
      if (packet->spec) tombstone.create_digest = packet->spec->create_digest;
    }
    key.text(found->bytes(i, 0));
    was.integer(found->integer(i, 1));
    forget_at.integer(limits_.now + limits_.tombstone_ms);
    head.bytes(encode_tombstone(tombstone));
  }
  const auto done = ask(kBury, Arguments().column(key).column(was).column(forget_at).column(head));
  if (!done) return tl::unexpected(done.error());
  for (int i = 0; i < done->size(); ++i) {
    ++swept_.buried[static_cast<size_t>(status_of(done->integer(i, 0)))];
  }
  const auto buried = static_cast<uint64_t>(done->size());
  swept_.rows += buried;
  kept_ -= std::min(kept_, buried);
  return true;
}

// Their events first, for as long as the bound lasts; a row when none of its is left.
Result<bool> Sweeper::forget_tombstones() {
  const auto most = [&] { return static_cast<int64_t>(left()); };
  const auto found = ask(kPastTombstones, Arguments().integer(limits_.now).integer(most()));
  if (!found) return tl::unexpected(found.error());
  if (found->size() == 0) return true;
  Column keys(kText);
  for (int i = 0; i < found->size(); ++i) keys.text(found->bytes(i, 0));
  auto dropped = drop(kDropPacketEvents, Arguments().column(keys).integer(most()));
  if (dropped) {
    dropped = drop(kDropPackets, Arguments().column(keys).integer(limits_.now).integer(most()));
  }
  if (!dropped) return tl::unexpected(dropped.error());
  return true;
}

}  // namespace phoenix::postgres
