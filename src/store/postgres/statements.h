// The statements of a commit, as constants, so that a bench can run a bare loop over the very same
// ones. Each takes a whole batch in arrays, in the order of the keys; whoever finds less than it
// was told ends the transaction by refuse().
//
// Order within a transaction: the host's row, the batch's id, packets, contents, events, members,
// sessions, documents, answers, facts. It is the same for everybody, so nobody waits in a circle.
#pragma once

#include "store/postgres/connection.h"

namespace phoenix::postgres::sql {

// $1 host, $2 life, $3 how many events. Locks the host's row.
inline constexpr Statement kHold = {
    "hold",
    "WITH held AS (UPDATE host_log SET size = size + $3::bigint"
    " WHERE host = $1::text AND life = $2::bigint AND fenced IS NULL RETURNING log, size)"
    " SELECT max(log), max(size), CASE WHEN count(*) = 0 THEN"
    " refuse('PX001', 'this life of the host is not in the view') END FROM held"};

// $1 life, $2 id
inline constexpr Statement kPutBatch = {
    "put_batch", "INSERT INTO batch(life, id, kind) VALUES ($1::bigint, $2::bigint, 0)"};
// Whichever stands first stays; the row is written anew in any case, so that the end of this
// transaction waits until what it has read is durable.
inline constexpr Statement kSettleBatch = {
    "settle_batch",
    "INSERT INTO batch AS b(life, id, kind) VALUES ($1::bigint, $2::bigint, 1)"
    " ON CONFLICT (life, id) DO UPDATE SET kind = b.kind RETURNING kind"};
// $1 life, $2 ids
inline constexpr Statement kPruneBatches = {
    "prune_batches", "DELETE FROM batch WHERE life = $1::bigint AND id = ANY($2::bigint[])"};

// key, slot, state, owner, owner_incarnation, epoch, revision, created_at, due, head
inline constexpr Statement kInsertPackets = {
    "insert_packets",
    "INSERT INTO packet(key, slot, state, owner, owner_incarnation, epoch, revision, created_at,"
    " due, head) SELECT * FROM unnest($1::text[], $2::smallint[], $3::smallint[], $4::text[],"
    " $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[])"};
// key, expected epoch, expected revision, state, owner, owner_incarnation, epoch, revision, due,
// head
inline constexpr Statement kUpdatePackets = {
    "update_packets",
    "WITH done AS (UPDATE packet p SET state = i.state, owner = i.owner,"
    " owner_incarnation = i.owner_incarnation, epoch = i.epoch, revision = i.revision, due = i.due,"
    " head = i.head FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::smallint[],"
    " $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[])"
    " AS i(key, was_epoch, was_revision, state, owner, owner_incarnation, epoch, revision, due,"
    " head) WHERE p.key = i.key AND p.epoch = i.was_epoch AND p.revision = i.was_revision"
    " AND NOT p.gone RETURNING 1)"
    " SELECT CASE WHEN count(*) <> cardinality($1::text[]) THEN"
    " refuse('PX002', 'a packet is not what was expected') END FROM done"};

// packet, kind, is_json, type, data
inline constexpr Statement kPutContents = {
    "put_contents",
    "INSERT INTO content(packet, kind, is_json, type, data) SELECT * FROM unnest($1::text[],"
    " $2::smallint[], $3::boolean[], $4::text[], $5::bytea[]) ON CONFLICT (packet, kind)"
    " DO UPDATE SET is_json = excluded.is_json, type = excluded.type, data = excluded.data"};
// packet, kind
inline constexpr Statement kDropContents = {
    "drop_contents",
    "DELETE FROM content c USING unnest($1::text[], $2::smallint[]) AS i(packet, kind)"
    " WHERE c.packet = i.packet AND c.kind = i.kind"};

// $1 host, $2 life, $3 how many; key, of_member, at, epoch, revision, event, owner, from_owner,
// to_owner, reason
inline constexpr Statement kPutEvents = {
    "put_events",
    "INSERT INTO event(log, position, key, of_member, at, epoch, revision, event, owner,"
    " from_owner, to_owner, reason) SELECT h.log, h.size - $3::bigint + i.n, i.key, i.of_member,"
    " i.at, i.epoch, i.revision, i.event, i.owner, i.from_owner, i.to_owner, i.reason"
    " FROM host_log h, unnest($4::text[], $5::boolean[], $6::bigint[], $7::bigint[], $8::bigint[],"
    " $9::text[], $10::text[], $11::text[], $12::text[], $13::text[]) WITH ORDINALITY"
    " AS i(key, of_member, at, epoch, revision, event, owner, from_owner, to_owner, reason, n)"
    " WHERE h.host = $1::text AND h.life = $2::bigint"};

// $1 and $2 the host's life, $3 how many events the batch has, $4 which of them, $5 their entries
inline constexpr Statement kPutEntries = {
    "put_entries",
    "INSERT INTO entry(log, position, bytes) SELECT h.log, h.size - $3::bigint + i.n, i.bytes"
    " FROM host_log h, unnest($4::bigint[], $5::bytea[]) AS i(n, bytes)"
    " WHERE h.host = $1::text AND h.life = $2::bigint"};

// key, revision, incarnation, state, session, record
inline constexpr Statement kInsertMembers = {
    "insert_members",
    "INSERT INTO member(key, revision, incarnation, state, session, record) SELECT * FROM"
    " unnest($1::text[], $2::bigint[], $3::bigint[], $4::smallint[], $5::text[], $6::bytea[])"};
// key, expected revision, revision, incarnation, state, session, record
inline constexpr Statement kUpdateMembers = {
    "update_members",
    "WITH done AS (UPDATE member m SET revision = i.revision, incarnation = i.incarnation,"
    " state = i.state, session = i.session, record = i.record FROM unnest($1::text[],"
    " $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::text[], $7::bytea[])"
    " AS i(key, was, revision, incarnation, state, session, record)"
    " WHERE m.key = i.key AND m.revision = i.was RETURNING 1)"
    " SELECT CASE WHEN count(*) <> cardinality($1::text[]) THEN"
    " refuse('PX002', 'a member is not what was expected') END FROM done"};
// key, expected revision
inline constexpr Statement kDropMembers = {
    "drop_members",
    "WITH done AS (DELETE FROM member m USING unnest($1::text[], $2::bigint[]) AS i(key, was)"
    " WHERE m.key = i.key AND m.revision = i.was RETURNING 1)"
    " SELECT CASE WHEN count(*) <> cardinality($1::text[]) THEN"
    " refuse('PX002', 'a member is not what was expected') END FROM done"};

// id, revision, state, home, home_life, ended_at, record
inline constexpr Statement kInsertSessions = {
    "insert_sessions",
    "INSERT INTO session(id, revision, state, home, home_life, ended_at, record) SELECT * FROM"
    " unnest($1::text[], $2::bigint[], $3::smallint[], $4::text[], $5::bigint[], $6::bigint[],"
    " $7::bytea[])"};
// $1 host, $2 life; id, expected revision, revision. Before the update: a session's home changes
// only with its revision, so what is read here is what the update replaces.
inline constexpr Statement kNoteLeft = {
    "note_left",
    "INSERT INTO session_left(host, life, session, revision)"
    " SELECT s.home, s.home_life, s.id, i.revision FROM unnest($3::text[], $4::bigint[],"
    " $5::bigint[]) AS i(id, was, revision) JOIN session s ON s.id = i.id AND s.revision = i.was"
    " WHERE s.home <> '' AND (s.home <> $1::text OR s.home_life <> $2::bigint)"
    " ON CONFLICT (host, life, session) DO UPDATE SET revision = excluded.revision"};
// id, expected revision, revision, state, home, home_life, ended_at, record
inline constexpr Statement kUpdateSessions = {
    "update_sessions",
    "WITH done AS (UPDATE session s SET revision = i.revision, state = i.state, home = i.home,"
    " home_life = i.home_life, ended_at = i.ended_at, record = i.record FROM unnest($1::text[],"
    " $2::bigint[], $3::bigint[], $4::smallint[], $5::text[], $6::bigint[], $7::bigint[],"
    " $8::bytea[]) AS i(id, was, revision, state, home, home_life, ended_at, record)"
    " WHERE s.id = i.id AND s.revision = i.was RETURNING 1)"
    " SELECT CASE WHEN count(*) <> cardinality($1::text[]) THEN"
    " refuse('PX002', 'a session is not what was expected') END FROM done"};
// id, expected revision
inline constexpr Statement kDropSessions = {
    "drop_sessions",
    "WITH done AS (DELETE FROM session s USING unnest($1::text[], $2::bigint[]) AS i(id, was)"
    " WHERE s.id = i.id AND s.revision = i.was RETURNING 1)"
    " SELECT CASE WHEN count(*) <> cardinality($1::text[]) THEN"
    " refuse('PX002', 'a session is not what was expected') END FROM done"};

// key, revision, over, record
inline constexpr Statement kInsertDocuments = {
    "insert_documents",
    "INSERT INTO document(key, revision, over, record) SELECT * FROM unnest($1::text[],"
    " $2::bigint[], $3::bigint[], $4::bytea[])"};
// key, expected revision, revision, over, record
inline constexpr Statement kUpdateDocuments = {
    "update_documents",
    "WITH done AS (UPDATE document d SET revision = i.revision, over = i.over, record = i.record"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])"
    " AS i(key, was, revision, over, record) WHERE d.key = i.key AND d.revision = i.was"
    " RETURNING 1)"
    " SELECT CASE WHEN count(*) <> cardinality($1::text[]) THEN"
    " refuse('PX002', 'a document is not what was expected') END FROM done"};
// $1 how many
inline constexpr Statement kCountDocuments = {
    "count_documents", "UPDATE document_changes SET number = number + $1::bigint"};

// scope, request, expires_at, answer
inline constexpr Statement kPutAnswers = {
    "put_answers",
    "INSERT INTO answer(scope, request, expires_at, answer) SELECT * FROM unnest($1::bytea[],"
    " $2::bytea[], $3::bigint[], $4::bytea[])"};

// $1 name, $2 value
inline constexpr Statement kPutFact = {"put_fact",
                                       "INSERT INTO fact(name, value) VALUES ($1::text, $2::bytea)"
                                       " ON CONFLICT (name) DO UPDATE SET value = excluded.value"};
// $1 incarnation. A fact that only grows, as decimal text.
inline constexpr Statement kRaiseFloor = {
    "raise_floor",
    "INSERT INTO fact AS f(name, value) VALUES ('store.incarnation-floor',"
    " convert_to($1::bigint::text, 'UTF8')) ON CONFLICT (name) DO UPDATE SET value ="
    " convert_to(greatest(convert_from(f.value, 'UTF8')::bigint, $1::bigint)::text, 'UTF8')"};

// What the rows of a batch's keys are, without locks: $1 keys.
inline constexpr Statement kReadPackets = {
    "read_packets",
    "SELECT p.key, p.gone, p.epoch, p.revision FROM unnest($1::text[]) AS i(key)"
    " JOIN packet p ON p.key = i.key"};
inline constexpr Statement kReadMembers = {
    "read_members",
    "SELECT m.key, m.revision FROM unnest($1::text[]) AS i(key)"
    " JOIN member m ON m.key = i.key"};
inline constexpr Statement kReadDocuments = {
    "read_documents",
    "SELECT d.key, d.revision FROM unnest($1::text[]) AS i(key)"
    " JOIN document d ON d.key = i.key"};
inline constexpr Statement kReadSessions = {
    "read_sessions",
    "SELECT s.id, s.revision FROM unnest($1::text[]) AS i(id)"
    " JOIN session s ON s.id = i.id"};
// $1 scopes
inline constexpr Statement kReadAnswers = {
    "read_answers",
    "SELECT a.scope FROM unnest($1::bytea[]) AS i(scope) JOIN answer a ON a.scope = i.scope"};

}  // namespace phoenix::postgres::sql
