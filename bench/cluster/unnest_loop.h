// What any program would pay for the same durable work in PostgreSQL: the store's own statements,
// each with a whole batch in arrays, in the bytes that the host would send, two transactions a
// batch of packets (created with an owner, completed), nothing around them. The bytes are made
// before; only transactions are timed.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "bench/raw_loop.h"
#include "store/postgres/connection.h"

namespace phoenix::bench {

class UnnestLoop {
 public:
  // In a fresh schema of that database.
  static Result<UnnestLoop> open(const std::string& database, const std::string& schema);

  // The transactions of all lives, two for each `batch` of them.
  void prepare(std::span<const PacketLife> lives, size_t batch);
  // Runs them, one after the other.
  Result<Duration> run();

 private:
  std::unique_ptr<postgres::Connection> connection_;
  std::vector<std::vector<postgres::Call>> transactions_;
};

}  // namespace phoenix::bench
