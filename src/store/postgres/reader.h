// The reading side over PostgreSQL: one connection, opened anew when it broke.
#pragma once

#include <memory>

#include "base/error.h"
#include "store/postgres/connection.h"
#include "store/store.h"

namespace phoenix::postgres {

Result<std::unique_ptr<Reader>> open_postgres_reader(const PostgresOptions& options);

}  // namespace phoenix::postgres
