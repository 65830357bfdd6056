// The rows that hosts share beside packets and members (store/pool_store.h), in the schema of the
// PostgreSQL store. A connection of its own, opened again after it broke.
//
// Locks. A commit, a beat, a claim and a release lock one row of host_log, their own, before
// anything else, and wait for no other one. A change of the view locks the view's row first, then
// the proposer's, then those of who enters or leaves: whoever holds several rows of host_log holds
// the view's too, so nobody waits in a circle. It waits for each row no longer than half a second
// and begins anew, so that one hung host delays others by no more than that. A host that froze in
// the middle of what it was sending would hold its row for ever, for the server waits for the rest:
// whoever fences it ends its sessions that wait so.
//
// The clock of holds is the server's, when the statement runs. Nothing is cancelled at the server:
// what missed the deadline may still happen.
#pragma once

#include <memory>

#include "base/error.h"
#include "store/pool_store.h"
#include "store/postgres/connection.h"

namespace phoenix {

// `options.self` names the connection at the server; whose rows a call is about, the call says. The
// schema must exist, unless options.create.
Result<std::unique_ptr<PoolStore>> open_postgres_pool(const PostgresOptions& options);

}  // namespace phoenix
