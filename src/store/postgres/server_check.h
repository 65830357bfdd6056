// What a PostgreSQL server says of itself, and whether that is enough: a pure judgement, apart from
// the connection that asks.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "store/postgres/connection.h"

namespace phoenix::postgres {

struct ServerFacts {
  int64_t version = 0;  // 150018
  bool standby = false;
  std::string fsync, full_page_writes, synchronous_commit, synchronous_standby_names;
  int64_t backend_pid = 0;
  EngineIdentity identity;
};

// One statement, whose one row server_facts() reads.
extern const char* const kServerQuestion;
ServerFacts server_facts(const Rows& row);

// Refuses what may lose an acknowledged commit, and a database that `minimum` excludes.
Result<ServerPromise> judge_server(const ServerFacts& facts, const EngineIdentity& minimum);

// How many standbys have a commit before it is acknowledged; 0: none has to.
int standbys_of(const std::string& synchronous_standby_names);

}  // namespace phoenix::postgres
