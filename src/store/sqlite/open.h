// Brings the database file to the present schema before anybody uses it.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/sqlite_store.h"

namespace phoenix::sqlite {

// A writing connection to a database of the present schema; creates the file if there is none.
Result<Connection> open_writer(const std::string& path, const SqliteOptions& options);
// A connection that cannot write nor checkpoint.
Result<Connection> open_reader(const std::string& path, const SqliteOptions& options);

// Runs steps[version..] in one transaction and writes down the new version. False: nothing to do.
Result<bool> migrate(Connection& db, std::span<const char* const> steps);

}  // namespace phoenix::sqlite
