#include "store/postgres/pool/pool_facts.h"

#include <sys/random.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "base/bytes_text.h"

namespace phoenix {
namespace {

using namespace postgres;  // NOLINT: the words of the connection

constexpr std::string_view kPool = "pool.id";
constexpr std::string_view kStore = "pool.store-id";
constexpr std::string_view kRingKey = "pool.ring-key";
constexpr std::string_view kTokenKey = "pool.token-key";

// name, value
constexpr Statement kTake = {"facts_take",
                             "INSERT INTO fact(name, value) SELECT * FROM unnest($1::text[],"
                             " $2::bytea[]) ON CONFLICT (name) DO NOTHING"};
constexpr Statement kRead = {"facts_read",
                             "SELECT name, value FROM fact WHERE name = ANY($1::text[])"};

Result<std::string> random_bytes(size_t size) {
  std::string bytes(size, '\0');
  if (::getrandom(bytes.data(), size, 0) != static_cast<ssize_t>(size)) {
    return fail(ErrorKind::kInternal, "the system gives no random bytes");
  }
  return bytes;
}

bool is_name(std::string_view text) {
  return text.size() == 16 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

Result<PoolFacts> take_pool_facts(Connection& connection, Duration deadline) {
  Column names(ElementType::kText);
  Column values(ElementType::kBytes);
  for (const auto& [name, size] :
       {std::pair(kPool, size_t{8}), std::pair(kStore, size_t{8}), std::pair(kRingKey, size_t{16}),
        std::pair(kTokenKey, size_t{32})}) {
    const auto drawn = random_bytes(size);
    if (!drawn) return tl::unexpected<Error>(drawn.error());
    names.text(name);
    values.bytes(size == 8 ? hex_text(*drawn) : *drawn);
  }
  Arguments drawn;
  drawn.column(names).column(values);
  Arguments wanted;
  wanted.column(names);
  const std::vector<postgres::Call> calls = {{&kTake, drawn}, {&kRead, wanted}};
  const auto rows = connection.transact(calls, Deadline(deadline));
  if (!rows) {
    return tl::unexpected<Error>(connection.failure("cannot read the pool's keys", rows.error()));
  }
  std::map<std::string, std::string, std::less<>> found;
  for (int i = 0; i < (*rows)[1].size(); ++i) {
    found.emplace((*rows)[1].bytes(i, 0), (*rows)[1].bytes(i, 1));
  }
  PoolFacts facts;
  facts.pool = found[std::string(kPool)];
  facts.store = found[std::string(kStore)];
  const std::string& ring_key = found[std::string(kRingKey)];
  const std::string& token_key = found[std::string(kTokenKey)];
  if (!is_name(facts.pool) || !is_name(facts.store) ||
      ring_key.size() != facts.ring_key.bytes.size() ||
      token_key.size() != facts.token_key.size()) {
    return fail(ErrorKind::kStoreUnreachable,
                "the pool's names and keys in the database (table fact, pool.*) are damaged; "
                "restore them from a backup");
  }
  std::copy(ring_key.begin(), ring_key.end(), facts.ring_key.bytes.begin());
  std::copy(token_key.begin(), token_key.end(), facts.token_key.begin());
  return facts;
}

Result<PoolFacts> take_pool_facts(const PostgresOptions& options) {
  auto connection = Connection::open_schema(options, "start");
  if (!connection) return tl::unexpected<Error>(connection.error());
  return take_pool_facts(**connection, options.deadline);
}

}  // namespace phoenix
