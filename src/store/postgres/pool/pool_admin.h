// What an operator does with the store of a pool, while hosts run or not: `phoenix store`. Each
// call opens a connection of its own and blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/host_life.h"
#include "base/time.h"
#include "store/postgres/connection.h"
#include "store/postgres/pool/pool_facts.h"
#include "store/postgres/schema.h"

namespace phoenix {

struct PoolMade {
  PoolFacts facts;
  bool made = false;  // the schema was not there
  postgres::ServerPromise promise;
};
// Makes the schema and fixes the pool's names and keys; what stands already, stays.
Result<PoolMade> init_pool(const PostgresOptions& options);

// A life in the view, or one that was fenced within an hour.
struct CheckedHost {
  HostLife who;
  Duration heard;  // so long ago
  bool fenced = false;
};
struct PoolCheck {
  postgres::ServerPromise promise;
  postgres::SchemaVersions versions;
  // From here on only with a schema that this program can work on.
  std::string pool, store;  // empty: not fixed yet
  uint64_t view_number = 0;
  std::vector<CheckedHost> hosts;
  uint32_t slots_held = 0;  // by hosts that live
  uint32_t slots_without_holder = 0;
  uint64_t live_packets = 0;
  // What is wrong, each a sentence with its remedy.
  std::vector<std::string> problems;
};
// An error where the server cannot be reached, or may lose what it has acknowledged.
Result<PoolCheck> check_pool(const PostgresOptions& options);

struct PoolMigrated {
  postgres::SchemaVersions before, after;
};
Result<PoolMigrated> migrate_pool(const PostgresOptions& options);

struct PoolAdopted {
  uint64_t packets = 0;  // whose epoch was raised
  uint64_t fenced = 0;   // lives that the backup had in its view
};
// How much an epoch is raised: more than any packet is handed on between a backup and its use.
inline constexpr uint64_t kAdoptedEpochs = uint64_t{1} << 20;
// For a database that was restored from a backup: the outside has seen epochs that it does not know
// of. Fences all lives, raises the epoch of each live packet and the floor of members'
// incarnations, and gives the logs of events numbers that were never used. Refused (kWrongState)
// while a host beats. Asked again it raises again, which does no harm. `progress` is told how many
// are done.
Result<PoolAdopted> adopt_restored(const PostgresOptions& options,
                                   const std::function<void(uint64_t packets)>& progress);

}  // namespace phoenix
