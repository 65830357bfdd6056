// The statements of a PoolStore. Each transaction locks the rows that it changes in the order that
// pool_store.h tells; whoever finds less than it needs ends it by refuse().
#pragma once

#include "store/postgres/connection.h"

namespace phoenix::postgres::sql {

// SQLSTATE of refuse(): somebody else among those who enter is fenced.
inline constexpr const char* kEntersFenced = "PX003";

// $1 host, $2 life
inline constexpr Statement kRenew = {
    "pool_renew",
    "UPDATE host_log SET renewed = clock_timestamp()"
    " WHERE host = $1::text AND life = $2::bigint AND fenced IS NULL RETURNING true"};
// $1 host, $2 life; session, revision
inline constexpr Statement kForgetTold = {
    "pool_forget_told",
    "DELETE FROM session_left l USING unnest($3::text[], $4::bigint[]) AS i(session, revision)"
    " WHERE l.host = $1::text AND l.life = $2::bigint AND l.session = i.session"
    " AND l.revision <= i.revision"};
// $1 host, $2 life. Those that are back here by a newer record. A row that is being written just
// now has a revision above what this statement sees of the session, so it stays.
inline constexpr Statement kForgetReturned = {
    "pool_forget_returned",
    "DELETE FROM session_left l USING session s WHERE l.host = $1::text AND l.life = $2::bigint"
    " AND s.id = l.session AND s.home = l.host AND s.home_life = l.life AND s.state IN (0, 4)"
    " AND l.revision <= s.revision"};
// $1 host, $2 life
inline constexpr Statement kForgetDropped = {
    "pool_forget_dropped",
    "DELETE FROM session_left l WHERE l.host = $1::text AND l.life = $2::bigint"
    " AND NOT EXISTS (SELECT FROM session s WHERE s.id = l.session)"};
// $1 host, $2 life
inline constexpr Statement kReadLeft = {
    "pool_read_left",
    "SELECT s.record FROM session_left l JOIN session s ON s.id = l.session"
    " WHERE l.host = $1::text AND l.life = $2::bigint"};
// $1 the number that is known
inline constexpr Statement kReadView = {
    "pool_read_view",
    "SELECT number, CASE WHEN number <> $1::bigint THEN bytes ELSE '' END FROM view"};
inline constexpr Statement kReadDocumentChanges = {"pool_document_changes",
                                                   "SELECT number FROM document_changes"};
inline constexpr Statement kAllDocuments = {"pool_documents", "SELECT record FROM document"};
// Of lives that are not fenced, and of those fenced within an hour; microseconds.
inline constexpr Statement kReadHolds = {
    "pool_read_holds",
    "SELECT host, life, greatest(0, (extract(epoch FROM clock_timestamp() - renewed) * 1000000)"
    "::bigint), fenced IS NOT NULL FROM host_log WHERE life <> 0"
    " AND (fenced IS NULL OR fenced > clock_timestamp() - interval '1 hour') ORDER BY host, life"};

// Only for the transaction that it stands in.
inline constexpr Statement kLockTimeout = {"pool_lock_timeout",
                                           "SELECT set_config('lock_timeout', '500ms', true)"};
// The same, and the transaction is answered before it is on disk or at a standby: the next one that
// waits for that waits for this one too, for the log is one.
inline constexpr Statement kReleaseSettings = {
    "pool_release_settings",
    "SELECT set_config('lock_timeout', '500ms', true), set_config('synchronous_commit', 'off',"
    " true)"};
inline constexpr Statement kScanTimeout = {
    "pool_scan_timeout", "SELECT set_config('statement_timeout', $1::bigint::text, true)"};
inline constexpr Statement kLockView = {"pool_lock_view", "SELECT number FROM view FOR UPDATE"};
// $1 host, $2 life
inline constexpr Statement kLockHost = {
    "pool_lock_host",
    "SELECT fenced FROM host_log WHERE host = $1::text AND life = $2::bigint FOR UPDATE"};
// $1 host, $2 life, $3 not 0: it enters, so it may be without a row. After kLockHost.
inline constexpr Statement kCheckProposer = {
    "pool_check_proposer",
    "SELECT CASE WHEN count(*) FILTER (WHERE fenced IS NOT NULL) > 0"
    " OR (count(*) = 0 AND $3::bigint = 0) THEN"
    " refuse('PX001', 'this life of the host is not in the view') END"
    " FROM host_log WHERE host = $1::text AND life = $2::bigint"};
// $1 the expected number, $2 bytes
inline constexpr Statement kPutView = {
    "pool_put_view",
    "WITH done AS (UPDATE view SET number = number + 1, bytes = $2::bytea"
    " WHERE number = $1::bigint RETURNING number)"
    " SELECT max(number), CASE WHEN count(*) = 0 THEN refuse('PX002', 'there is a newer view') END"
    " FROM done"};
// host, life
inline constexpr Statement kEnter = {
    "pool_enter",
    "WITH done AS (INSERT INTO host_log AS h(host, life) SELECT i.host, i.life"
    " FROM unnest($1::text[], $2::bigint[]) AS i(host, life) ORDER BY 1, 2"
    " ON CONFLICT (host, life) DO UPDATE SET renewed = clock_timestamp() WHERE h.fenced IS NULL"
    " RETURNING h.host, h.life), missing AS (SELECT i.host, i.life"
    " FROM unnest($1::text[], $2::bigint[]) AS i(host, life)"
    " WHERE NOT EXISTS (SELECT FROM done d WHERE d.host = i.host AND d.life = i.life))"
    " SELECT CASE WHEN count(*) > 0 THEN refuse('PX003', 'host \"' || min(host) ||"
    " '\" is fenced; it has to come as another life') END FROM missing"};
// host, life
inline constexpr Statement kFence = {
    "pool_fence",
    "UPDATE host_log h SET fenced = clock_timestamp()"
    " FROM unnest($1::text[], $2::bigint[]) AS i(host, life)"
    " WHERE h.host = i.host AND h.life = i.life AND h.fenced IS NULL"};

// $1 beginnings of application names. Ends sessions that wait in the middle of a transaction for
// what their client does not send; not one that waits for a standby, whose commit would be seen and
// could still be lost.
inline constexpr Statement kEndSilent = {
    "pool_end_silent",
    "SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity a"
    " JOIN unnest($1::text[]) AS i(name) ON starts_with(a.application_name, i.name)"
    " WHERE a.pid <> pg_backend_pid() AND a.usename = current_user AND a.state <> 'idle'"
    " AND a.wait_event_type = 'Client' AND clock_timestamp() - a.query_start > interval '400 ms'"};

// A row for each holder, with its slots in no order, each two bytes, the higher one first.
inline constexpr Statement kHeldSlots = {
    "pool_held_slots",
    "SELECT g.host, g.life, h.host IS NULL OR h.fenced IS NOT NULL, g.slots FROM"
    " (SELECT host, life, string_agg(int2send(slot), ''::bytea) AS slots FROM slot"
    " GROUP BY host, life) g LEFT JOIN host_log h ON h.host = g.host AND h.life = g.life"};
// $1 host, $2 life, $3 the call's number. After kLockHost.
inline constexpr Statement kClaimInOrder = {
    "pool_claim_in_order",
    "WITH done AS (UPDATE host_log SET slot_call = $3::bigint WHERE host = $1::text"
    " AND life = $2::bigint AND fenced IS NULL AND slot_call < $3::bigint RETURNING true)"
    " SELECT CASE WHEN EXISTS (SELECT FROM done) THEN NULL"
    " WHEN EXISTS (SELECT FROM host_log WHERE host = $1::text AND life = $2::bigint"
    " AND fenced IS NULL) THEN refuse('PX002', 'a later call about slots came before')"
    " ELSE refuse('PX001', 'this life of the host is not in the view') END"};
// $1 host, $2 life, $3 the call's number
inline constexpr Statement kReleaseInOrder = {
    "pool_release_in_order",
    "WITH done AS (UPDATE host_log SET slot_call = $3::bigint WHERE host = $1::text"
    " AND life = $2::bigint AND slot_call < $3::bigint RETURNING true)"
    " SELECT CASE WHEN count(*) = 0 THEN"
    " refuse('PX002', 'a later call about slots came before') END FROM done"};
// $1 host, $2 life, $3 slots. Always in the order of the slots.
inline constexpr Statement kClaim = {
    "pool_claim",
    "INSERT INTO slot AS s(slot, host, life) SELECT i.slot, $1::text, $2::bigint"
    " FROM unnest($3::smallint[]) AS i(slot) ORDER BY i.slot ON CONFLICT (slot) DO UPDATE"
    " SET host = excluded.host, life = excluded.life"
    " WHERE (s.host = excluded.host AND s.life = excluded.life) OR NOT EXISTS (SELECT"
    " FROM host_log h WHERE h.host = s.host AND h.life = s.life AND h.fenced IS NULL)"
    " RETURNING s.slot"};
// $1 host, $2 life, $3 slots
inline constexpr Statement kRelease = {
    "pool_release",
    "WITH mine AS (SELECT s.slot FROM slot s WHERE s.slot = ANY($3::smallint[])"
    " AND s.host = $1::text AND s.life = $2::bigint ORDER BY s.slot FOR UPDATE)"
    " DELETE FROM slot s USING mine WHERE s.slot = mine.slot"};

// $1 slots. Live packets have a state below 3.
inline constexpr Statement kScanPackets = {
    "pool_scan_packets",
    "SELECT head FROM packet WHERE slot = ANY($1::smallint[]) AND state < 3 AND NOT gone"};
inline constexpr Statement kScanOwners = {
    "pool_scan_owners",
    "SELECT m.record FROM (SELECT DISTINCT owner FROM packet WHERE slot = ANY($1::smallint[])"
    " AND state < 3 AND NOT gone AND owner IS NOT NULL) p JOIN member m ON m.key = p.owner"};
inline constexpr Statement kScanSessions = {
    "pool_scan_sessions",
    "SELECT s.record FROM (SELECT DISTINCT m.session FROM packet p JOIN member m ON m.key = p.owner"
    " WHERE p.slot = ANY($1::smallint[]) AND p.state < 3 AND NOT p.gone) m"
    " JOIN session s ON s.id = m.session"};
// $1 members
inline constexpr Statement kOwnedBy = {
    "pool_owned_by",
    "SELECT head FROM packet WHERE owner = ANY($1::text[]) AND state < 3 AND NOT gone"};
// $1 host, $2 life
inline constexpr Statement kSessionsAtHome = {
    "pool_sessions_at_home",
    "SELECT record FROM session WHERE home = $1::text AND home_life = $2::bigint"};
inline constexpr Statement kMembersAtHome = {
    "pool_members_at_home",
    "SELECT m.record FROM session s JOIN member m ON m.session = s.id"
    " WHERE s.home = $1::text AND s.home_life = $2::bigint"};
// $1 names
inline constexpr Statement kMembersNamed = {
    "pool_members_named", "SELECT record FROM member WHERE key = ANY($1::text[])"};
inline constexpr Statement kSessionsNamed = {
    "pool_sessions_named", "SELECT record FROM session WHERE id = ANY($1::text[])"};
// $1 behind which, $2 how many
inline constexpr Statement kSessionRevisions = {
    "pool_session_revisions",
    "SELECT id, revision FROM session WHERE id > $1::text ORDER BY id LIMIT $2::bigint"};
inline constexpr Statement kMemberRevisions = {
    "pool_member_revisions",
    "SELECT key, revision FROM member WHERE key > $1::text ORDER BY key LIMIT $2::bigint"};

}  // namespace phoenix::postgres::sql
