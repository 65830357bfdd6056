// The stored layout in PostgreSQL, in a schema of its own within a database (PostgresOptions::
// schema), and how it comes to be. Every statement finds its rows by a key; keys are bytes
// (COLLATE "C"), numbers are signed 64 bits, bit for bit.
//
// version      (minimum, maximum): maximum is the newest change of the layout that was made,
//              minimum the oldest program (its kSchemaVersion) that may still work on it. Changes
//              only add: a program works on any layout whose minimum it reaches.
// packet       one small hot row a packet: what compare-and-swap, lists, scans of slots and of
//              owners need, and the head as bytes (packet/encoding.h). A tombstone is a row with
//              `gone`, whose head is the tombstone's bytes (store/tombstone.h): so the one primary
//              key fences a second create for both. owner: "namespace/id". due: live: NULL;
//              terminal: when its content may go; tombstone: when the row may go.
// content      payload, checkpoint, context, result; apart, so that no change of a head copies it.
// event        insert-only. Each life of a host has a log of its own, for only so can a position
//              be given without waiting for others: position = host_log.size, counted under the
//              lock of its row. `written` is the server's clock: it orders the events of one
//              packet over several logs, since who changes a packet has seen the change before.
// member, session, answer, fact   as store.h has them. session.home and home_life repeat what
//              stands in the record.
// document     policies, contracts and approvals; over: when a deleted one that may be forgotten
// was
//              deleted. document_changes counts them all, so that a beat tells whether there is any
//              that it has not seen.
// batch        (life, id): 0 real, 1 tombstone. A life prunes its own real ones.
// host_log     one row for each life that entered the view; never deleted. Every commit locks its
//              life's row first. (host '', life 0) is for a store that is opened without a life.
//              slot_call: number of the life's newest claim or release of slots.
// event_floor  the newest position of a log that was dropped; not in host_log, whose rows are busy.
// view, slot   as pool_store.h has them; no row in `slot`: nobody drives it.
// session_left a session that another life moved or ended, to be told to the life that was its
// home;
//              revision: of the record that did it.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/time.h"

namespace phoenix::postgres {

class Connection;

inline constexpr int64_t kSchemaVersion = 3;
// The oldest program that may work on a layout of kSchemaVersion.
inline constexpr int64_t kOldestProgram = 1;

struct SchemaVersions {
  int64_t minimum = 0;
  int64_t maximum = 0;
  bool exists() const { return maximum > 0; }
};

// SQLSTATEs that our statements raise by phoenix's function refuse().
inline constexpr const char* kFencedState = "PX001";
inline constexpr const char* kStaleState = "PX002";

// What the schema of this connection has; exists() is false where there is none.
Result<SchemaVersions> read_versions(Connection& connection, Duration patience);
// Makes the schema, or brings it up to kSchemaVersion; true if anything was done. Any number of
// hosts may call it at once. Refuses a layout that this program is too old for.
Result<bool> create_schema(Connection& connection);
Result<bool> migrate(Connection& connection);
// Refuses where there is no schema, or one that this program cannot work on, with the remedy.
Result<bool> check_versions(const SchemaVersions& versions, const std::string& schema);

}  // namespace phoenix::postgres
