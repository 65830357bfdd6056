// The stored layout and every statement of the writing connection, as constants, so that a bench
// can run a bare loop over the very same schema, pragmas and statements.
//
// packet   one row a packet: the head as a blob (packet/encoding.h) and the columns that
//          compare-and-swap and lists need. A tombstone is a row with gone = 1 whose head is the
//          tombstone's blob: so one unique index fences a second create for both.
//          `due`: live: NULL; terminal: when its content may go; tombstone: when it may go.
// content  payload, checkpoint, context, result; id = kind << 56 | packet.num, so that each kind
//          is appended in a region of its own and a batch of results dirties few pages.
// event    append-only; packet = packet.num, or NULL and member = "namespace/id".
// entry    what the event of the same seq left in the flight recorder. Goes by age, not with the
//          packet.
// document policies, contracts and approvals; `over`: when a deleted one that may be forgotten was
//          deleted.
// batch    kind 0: applied, 1: settled as not applied. The newest few thousand.
//
// Indexes are dear: each costs every commit. packet_open holds all but COMPLETED ones (which are
// most of the table, and found by packet_created).
#pragma once

#include <array>
#include <cstdint>

namespace phoenix::sqlite {

inline constexpr int kSchemaVersion = 3;
inline constexpr int kApplicationId = 0x50484e58;  // "PHNX"

// Entry i brings a database from version i to i + 1.
inline constexpr std::array<const char*, kSchemaVersion> kMigrations = {R"sql(
CREATE TABLE packet(
  num INTEGER PRIMARY KEY, key TEXT NOT NULL, state INTEGER NOT NULL, gone INTEGER, owner TEXT,
  epoch INTEGER NOT NULL, revision INTEGER NOT NULL, created_at INTEGER NOT NULL, due INTEGER,
  head BLOB NOT NULL);
CREATE UNIQUE INDEX packet_key ON packet(key);
CREATE INDEX packet_created ON packet(created_at) WHERE gone IS NULL;
CREATE INDEX packet_open ON packet(state, created_at) WHERE state <> 3 AND gone IS NULL;
CREATE INDEX packet_due ON packet(gone, due) WHERE due IS NOT NULL;
CREATE TABLE content(
  id INTEGER PRIMARY KEY, is_json INTEGER NOT NULL, type TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE event(
  seq INTEGER PRIMARY KEY, packet INTEGER, member TEXT, at INTEGER NOT NULL,
  epoch INTEGER NOT NULL, revision INTEGER NOT NULL, event TEXT NOT NULL, owner TEXT NOT NULL,
  from_owner TEXT NOT NULL, to_owner TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX event_packet ON event(packet) WHERE packet IS NOT NULL;
CREATE INDEX event_member ON event(at) WHERE member IS NOT NULL;
CREATE TABLE member(key TEXT PRIMARY KEY, revision INTEGER NOT NULL, record BLOB NOT NULL);
CREATE TABLE session(id TEXT PRIMARY KEY, revision INTEGER NOT NULL, record BLOB NOT NULL);
CREATE TABLE answer(
  scope BLOB PRIMARY KEY, request BLOB NOT NULL, expires_at INTEGER NOT NULL,
  answer BLOB NOT NULL);
CREATE INDEX answer_expires ON answer(expires_at);
CREATE TABLE batch(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL);
CREATE TABLE fact(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
)sql",
                                                                        R"sql(
CREATE TABLE entry(seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
)sql",
                                                                        R"sql(
CREATE TABLE document(
  key TEXT PRIMARY KEY, revision INTEGER NOT NULL, over INTEGER, record BLOB NOT NULL);
CREATE INDEX document_over ON document(over) WHERE over IS NOT NULL;
)sql"};

// auto_vacuum and page_size stay SQLite's own; mmap stays off, for it turns an I/O error into a
// signal. Checkpoints are run by the store between commits.
inline constexpr const char* kWriterPragmas = R"sql(
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
PRAGMA wal_autocheckpoint=0;
PRAGMA journal_size_limit=67108864;
PRAGMA cache_size=-65536;
PRAGMA temp_store=MEMORY;
PRAGMA mmap_size=0;
PRAGMA trusted_schema=0;
)sql";

inline constexpr const char* kReaderPragmas = R"sql(
PRAGMA query_only=1;
PRAGMA wal_autocheckpoint=0;
PRAGMA cache_size=-16384;
PRAGMA temp_store=MEMORY;
PRAGMA mmap_size=0;
PRAGMA trusted_schema=0;
)sql";

// A checkpoint is due at this many pages of the write-ahead log; at four times as many, a commit
// runs it by itself.
inline constexpr int kCheckpointPages = 4096;

inline constexpr int64_t content_id(int64_t packet, int kind) {
  return static_cast<int64_t>(kind) << 56 | packet;
}

namespace sql {

inline constexpr const char* kBegin = "BEGIN IMMEDIATE";
inline constexpr const char* kCommit = "COMMIT";
inline constexpr const char* kRollback = "ROLLBACK";
inline constexpr const char* kSavepoint = "SAVEPOINT one_group";
inline constexpr const char* kRelease = "RELEASE one_group";
inline constexpr const char* kRollbackTo = "ROLLBACK TO one_group";

inline constexpr const char* kInsertBatch = "INSERT INTO batch(id, kind) VALUES(?1, ?2)";
inline constexpr const char* kPruneBatch = "DELETE FROM batch WHERE id = ?1";

inline constexpr const char* kInsertPacket =
    "INSERT INTO packet(key, state, owner, epoch, revision, created_at, due, head)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
inline constexpr const char* kFindPacket =
    "SELECT num, epoch, revision, state, gone FROM packet WHERE key = ?1";
// Two updates: naming `state` or `due` makes SQLite rewrite the indexes that mention them.
inline constexpr const char* kUpdateState =
    "UPDATE packet SET state = ?2, owner = ?3, epoch = ?4, revision = ?5, due = ?6, head = ?7"
    " WHERE num = ?1";
inline constexpr const char* kUpdateHead =
    "UPDATE packet SET owner = ?2, epoch = ?3, revision = ?4, head = ?5 WHERE num = ?1";
inline constexpr const char* kPutContent =
    "INSERT OR REPLACE INTO content(id, is_json, type, data) VALUES(?1, ?2, ?3, ?4)";
inline constexpr const char* kDropContent = "DELETE FROM content WHERE id = ?1";
inline constexpr const char* kInsertEvent =
    "INSERT INTO event(seq, packet, member, at, epoch, revision, event, owner, from_owner,"
    " to_owner, reason) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

inline constexpr const char* kInsertEntry = "INSERT INTO entry(seq, bytes) VALUES(?1, ?2)";

inline constexpr const char* kInsertMember =
    "INSERT INTO member(key, revision, record) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING";
inline constexpr const char* kUpdateMember =
    "UPDATE member SET revision = ?2, record = ?3 WHERE key = ?1 AND revision = ?4";
inline constexpr const char* kDropMember = "DELETE FROM member WHERE key = ?1 AND revision = ?2";
inline constexpr const char* kInsertSession =
    "INSERT INTO session(id, revision, record) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING";
inline constexpr const char* kUpdateSession =
    "UPDATE session SET revision = ?2, record = ?3 WHERE id = ?1 AND revision = ?4";
inline constexpr const char* kDropSession = "DELETE FROM session WHERE id = ?1 AND revision = ?2";
inline constexpr const char* kInsertDocument =
    "INSERT INTO document(key, revision, over, record) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO"
    " NOTHING";
inline constexpr const char* kUpdateDocument =
    "UPDATE document SET revision = ?2, over = ?3, record = ?4 WHERE key = ?1 AND revision = ?5";
inline constexpr const char* kPutAnswer =
    "INSERT INTO answer(scope, request, expires_at, answer) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO"
    " NOTHING";
inline constexpr const char* kFindAnswer = "SELECT 1 FROM answer WHERE scope = ?1";
inline constexpr const char* kPutFact = "INSERT OR REPLACE INTO fact(name, value) VALUES(?1, ?2)";

}  // namespace sql
}  // namespace phoenix::sqlite
