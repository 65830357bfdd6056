// What all hosts of a pool must agree on, fixed once in their shared store: whoever comes first
// draws it, all others take what stands.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/siphash.h"
#include "store/postgres/connection.h"

namespace phoenix {

struct PoolFacts {
  std::string pool;                     // names the pool: 16 hexadecimal digits
  std::string store;                    // names the store; another one after adopting a backup
  RingKey ring_key;                     // secret
  std::array<uint8_t, 32> token_key{};  // of session tokens, secret
  bool operator==(const PoolFacts& other) const {
    return pool == other.pool && store == other.store && ring_key.bytes == other.ring_key.bytes &&
           token_key == other.token_key;
  }
};

// Takes what stands, and draws what does not. The schema must exist, unless options.create.
Result<PoolFacts> take_pool_facts(const PostgresOptions& options);
// The same over a connection to the schema.
Result<PoolFacts> take_pool_facts(postgres::Connection& connection, Duration deadline);

}  // namespace phoenix
