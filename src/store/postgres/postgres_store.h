// The store of several hosts: one schema of a PostgreSQL database (store/postgres/schema.h). What
// it answers with kCommitted is in the write-ahead log of the primary, and of as many standbys as
// the server's synchronous_standby_names demands; capabilities().survives says it in words.
//
// Every call has a deadline of its own (options.deadline, longer for large batches). A commit that
// misses it is kUnknown: the server may be waiting for a standby, and may yet finish. Nothing is
// ever cancelled at the server: a commit that is told to stop waiting for its standby is seen by
// everybody and may still be lost.
//
// With a life (options.self) every commit is refused, fenced set, once that life is not in the view
// any more; recover() then gives no packets: PoolStore::scan reads those of a slot.
#pragma once

#include <memory>

#include "base/error.h"
#include "store/postgres/connection.h"
#include "store/store.h"

namespace phoenix {

// The schema must exist, unless options.create.
Result<std::unique_ptr<Store>> open_postgres(const PostgresOptions& options);

}  // namespace phoenix
