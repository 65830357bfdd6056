#include "bench/cluster/unnest_loop.h"

#include <algorithm>
#include <span>

#include "bench/clock.h"
#include "store/postgres/batch_calls.h"
#include "store/postgres/fold.h"

namespace phoenix::bench {
namespace {

std::vector<postgres::Call> calls_of(std::span<const PacketLife> lives, bool created, uint64_t id) {
  std::vector<Group> groups;
  for (const PacketLife& life : lives) {
    groups.push_back({.id = groups.size() + 1, .ops = {created ? life.created : life.ended}});
  }
  // A loop of one needs no compare-and-swap beyond what the statements do by themselves.
  const postgres::Folded folded = postgres::fold(groups, {});
  return postgres::batch_calls(folded, {}, id, {});
}

}  // namespace

Result<UnnestLoop> UnnestLoop::open(const std::string& database, const std::string& schema) {
  PostgresOptions options;
  options.url = database;
  options.schema = schema;
  options.create = true;
  options.deadline = seconds(60);
  auto connection = postgres::Connection::open_schema(options, "bench");
  if (!connection) return tl::unexpected(connection.error());
  UnnestLoop loop;
  loop.connection_ = std::move(*connection);
  return loop;
}

void UnnestLoop::prepare(std::span<const PacketLife> lives, size_t batch) {
  for (size_t first = 0; first < lives.size(); first += batch) {
    const auto part = lives.subspan(first, std::min(batch, lives.size() - first));
    for (const bool created : {true, false}) {
      transactions_.push_back(calls_of(part, created, transactions_.size() + 1));
    }
  }
}

Result<Duration> UnnestLoop::run() {
  const Duration begin = wall_clock();
  for (const std::vector<postgres::Call>& calls : transactions_) {
    const auto answer = connection_->transact(calls, postgres::Deadline(seconds(60)));
    if (!answer) {
      return tl::unexpected(connection_->failure("the raw loop's transaction", answer.error()));
    }
  }
  return wall_clock() - begin;
}

}  // namespace phoenix::bench
