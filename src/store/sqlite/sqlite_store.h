// The default store: one SQLite file in the host's data folder, write-ahead log, one sync a batch.
// One writing connection, which also runs the checkpoints (SQLite before 3.51 may lose a commit
// when two connections race a checkpoint); readers only ever read. Keeping a second process away
// is the caller's duty (the lock file of the data folder).
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "store/store.h"

namespace phoenix {

struct SqliteOptions {
  std::string vfs;             // name of a registered SQLite VFS; empty: the system's
  int64_t max_page_count = 0;  // of 4 KiB; the database refuses to grow beyond; 0: no bound
};

// Opens or creates the file (mode 0600). Refuses, and leaves untouched: a file that is no SQLite
// database, another program's database, and one written by a newer version.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path,
                                                 const SqliteOptions& options = {});

}  // namespace phoenix
