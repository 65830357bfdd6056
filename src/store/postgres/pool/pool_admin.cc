#include "store/postgres/pool/pool_admin.h"

#include <sys/random.h>

#include <algorithm>
#include <memory>

#include "packet/encoding.h"
#include "ring/point.h"
#include "store/postgres/pool/pool_statements.h"
#include "store/postgres/postgres_store.h"

namespace phoenix {
namespace {

using namespace postgres;  // NOLINT: the words of the connection

constexpr Duration kHeardLately = seconds(10);
constexpr Duration kSilent = seconds(5);
constexpr int64_t kPortion = 500;

constexpr Statement kCountSlots = {
    "admin_slots",
    "SELECT count(*) FROM slot s JOIN host_log h ON h.host = s.host AND h.life = s.life"
    " WHERE h.fenced IS NULL"};
constexpr Statement kCountLive = {"admin_live",
                                  "SELECT count(*) FROM packet WHERE state < 3 AND NOT gone"};
constexpr Statement kReadNames = {
    "admin_names",
    "SELECT coalesce(max(value) FILTER (WHERE name = 'pool.id'), ''),"
    " coalesce(max(value) FILTER (WHERE name = 'pool.store-id'), '') FROM"
    " (SELECT name, convert_from(value, 'UTF8') AS value FROM fact"
    " WHERE name IN ('pool.id', 'pool.store-id')) f"};

// $1 microseconds. One statement: who beats after this finds itself fenced.
constexpr Statement kFenceAll = {
    "admin_fence_all",
    "WITH locked AS (SELECT host, life, renewed FROM host_log WHERE life <> 0 AND fenced IS NULL"
    " ORDER BY host, life FOR UPDATE), beating AS (SELECT host FROM locked"
    " WHERE clock_timestamp() - renewed < $1::bigint * interval '1 microsecond'),"
    " done AS (UPDATE host_log h SET fenced = clock_timestamp() FROM locked l"
    " WHERE h.host = l.host AND h.life = l.life AND NOT EXISTS (SELECT FROM beating)"
    " RETURNING 1) SELECT (SELECT count(*) FROM done), (SELECT count(*) FROM beating),"
    " coalesce((SELECT min(host) FROM beating), '')"};
// $1 how much
constexpr Statement kRaiseFloor = {
    "admin_raise_floor",
    "WITH top AS (SELECT greatest(coalesce((SELECT convert_from(value, 'UTF8')::bigint FROM fact"
    " WHERE name = 'store.incarnation-floor'), 0),"
    " coalesce((SELECT max(incarnation) FROM member), 0)) + $1::bigint AS floor)"
    " INSERT INTO fact(name, value) SELECT 'store.incarnation-floor',"
    " convert_to(floor::text, 'UTF8') FROM top"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"};
constexpr Statement kSkipLogs = {"admin_skip_logs",
                                 "SELECT setval(pg_get_serial_sequence('host_log', 'log'),"
                                 " nextval(pg_get_serial_sequence('host_log', 'log')) + 1000000)"};
// $1 after which key, $2 how many
constexpr Statement kReadLive = {
    "admin_read_live",
    "SELECT key, head FROM packet WHERE state < 3 AND NOT gone AND key > $1::text"
    " ORDER BY key LIMIT $2::bigint"};

std::string seconds_of(Duration age) { return std::to_string(age.ms() / 1000) + " s"; }

void find_problems(PoolCheck& check) {
  if (check.pool.empty() || check.store.empty()) {
    check.problems.emplace_back("the pool's names and keys are not fixed yet: phoenix store init");
  }
  bool anybody = false;
  for (const CheckedHost& host : check.hosts) {
    if (host.fenced) continue;
    anybody = true;
    if (host.heard <= kSilent) continue;
    check.problems.push_back("host " + host.who.host + " has not been heard of for " +
                             seconds_of(host.heard) +
                             "; the others drop it, or: phoenix host remove " + host.who.host);
  }
  if (anybody && check.slots_without_holder > 0) {
    check.problems.push_back(std::to_string(check.slots_without_holder) +
                             " slots are driven by nobody just now; look again in a few seconds, "
                             "then at /readyz of the hosts");
  }
}

class Adoption {
 public:
  Adoption(const PostgresOptions& options, const std::function<void(uint64_t)>& progress)
      : options_(options), progress_(progress) {}

  Result<PoolAdopted> run() {
    auto opened = Connection::open_schema(options_, "adopt");
    if (!opened) return tl::unexpected<Error>(opened.error());
    connection_ = std::move(*opened);
    if (auto fenced = fence(); !fenced) return tl::unexpected<Error>(fenced.error());
    PostgresOptions alone = options_;
    alone.self = {};
    auto store = open_postgres(alone);
    if (!store) return tl::unexpected<Error>(store.error());
    store_ = std::move(*store);
    if (::getrandom(&batch_, sizeof batch_, 0) != sizeof batch_) {
      return fail(ErrorKind::kInternal, "the system gives no random bytes");
    }
    batch_ >>= 2;  // far from the end, and of nobody else
    std::string after;
    for (bool more = true; more;) {
      auto step = raise(after);
      if (!step) return tl::unexpected<Error>(step.error());
      more = *step;
      if (progress_) progress_(adopted_.packets);
    }
    return adopted_;
  }

 private:
  Result<bool> fence() {
    Arguments lately;
    lately.integer(kHeardLately.ns / 1000);
    const auto fenced =
        connection_->query(kFenceAll, std::move(lately), Deadline(options_.deadline));
    if (!fenced) return tl::unexpected<Error>(connection_->failure("cannot fence", fenced.error()));
    if (fenced->integer(0, 1) > 0) {
      return fail(ErrorKind::kWrongState, std::to_string(fenced->integer(0, 1)) +
                                              " hosts use this store, among them " +
                                              std::string(fenced->bytes(0, 2)));
    }
    adopted_.fenced = static_cast<uint64_t>(fenced->integer(0, 0));
    Arguments by;
    by.number(kAdoptedEpochs);
    const std::vector<postgres::Call> calls = {{&kRaiseFloor, by}, {&kSkipLogs, {}}};
    const auto raised = connection_->transact(calls, Deadline(options_.deadline));
    if (!raised) {
      return tl::unexpected<Error>(connection_->failure("cannot raise numbers", raised.error()));
    }
    return true;
  }

  // The next portion; false when there are no more.
  Result<bool> raise(std::string& after) {
    Arguments from;
    from.text(after).integer(kPortion);
    const auto rows = connection_->query(kReadLive, std::move(from), Deadline(options_.deadline));
    if (!rows) return tl::unexpected<Error>(connection_->failure("cannot read", rows.error()));
    std::vector<Group> groups;
    for (int i = 0; i < rows->size(); ++i) {
      after = rows->bytes(i, 0);
      auto head = decode_head(rows->bytes(i, 1));
      if (!head) return fail(head.error().kind, after + ": " + head.error().detail);
      groups.push_back({static_cast<uint64_t>(i), {raised(std::move(*head))}});
    }
    if (groups.empty()) return false;
    const CommitResult result = store_->commit(++batch_, groups);
    for (const Outcome outcome : result.outcomes) {
      if (outcome == Outcome::kCommitted) {
        ++adopted_.packets;
      } else if (outcome != Outcome::kConflict) {  // which ended meanwhile, or was raised
        return fail(ErrorKind::kStoreUnreachable, result.why);
      }
    }
    return rows->size() == kPortion;
  }

  static PutPacket raised(Packet head) {
    PutPacket put;
    put.expect_epoch = head.epoch;
    put.expect_revision = head.revision;
    head.epoch += kAdoptedEpochs;
    ++head.revision;
    put.entry = {head.updated_at,
                 head.epoch,
                 head.revision,
                 "adopted",
                 head.owner ? head.owner->id : "",
                 "",
                 "",
                 "restored from a backup"};
    put.head = std::make_shared<Packet>(std::move(head));
    return put;
  }

  PostgresOptions options_;
  const std::function<void(uint64_t)>& progress_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Store> store_;
  uint64_t batch_ = 0;
  PoolAdopted adopted_;
};

}  // namespace

Result<PoolMade> init_pool(const PostgresOptions& options) {
  auto opened = Connection::open(options, "init");
  if (!opened) return tl::unexpected<Error>(opened.error());
  const auto made = create_schema(**opened);
  if (!made) return tl::unexpected<Error>(made.error());
  const auto facts = take_pool_facts(**opened, options.deadline);
  if (!facts) return tl::unexpected<Error>(facts.error());
  return PoolMade{*facts, *made, (*opened)->promise()};
}

Result<PoolCheck> check_pool(const PostgresOptions& options) {
  auto opened = Connection::open(options, "check");
  if (!opened) return tl::unexpected<Error>(opened.error());
  Connection& connection = **opened;
  PoolCheck check;
  check.promise = connection.promise();
  const auto versions = read_versions(connection, options.deadline);
  if (!versions) return tl::unexpected<Error>(versions.error());
  check.versions = *versions;
  if (auto fits = check_versions(*versions, options.schema); !fits) {
    check.problems.push_back(fits.error().detail);
    return check;
  }
  Arguments known;
  known.number(0);
  const std::vector<postgres::Call> calls = {{&kReadNames, {}},
                                             {&sql::kReadView, known},
                                             {&sql::kReadHolds, {}},
                                             {&kCountSlots, {}},
                                             {&kCountLive, {}}};
  const auto rows = connection.transact(calls, Deadline(options.deadline), Isolation::kSnapshot);
  if (!rows) {
    return tl::unexpected<Error>(connection.failure("the database cannot be read", rows.error()));
  }
  check.pool = (*rows)[0].bytes(0, 0);
  check.store = (*rows)[0].bytes(0, 1);
  check.view_number = static_cast<uint64_t>((*rows)[1].integer(0, 0));
  const Rows& holds = (*rows)[2];
  for (int i = 0; i < holds.size(); ++i) {
    const HostLife life{std::string(holds.bytes(i, 0)), static_cast<uint64_t>(holds.integer(i, 1))};
    check.hosts.push_back({life, microseconds(holds.integer(i, 2)), holds.boolean(i, 3)});
  }
  check.slots_held = static_cast<uint32_t>((*rows)[3].integer(0, 0));
  check.slots_without_holder = kSlots - check.slots_held;
  check.live_packets = static_cast<uint64_t>((*rows)[4].integer(0, 0));
  find_problems(check);
  return check;
}

Result<PoolMigrated> migrate_pool(const PostgresOptions& options) {
  auto opened = Connection::open(options, "migrate");
  if (!opened) return tl::unexpected<Error>(opened.error());
  const auto before = read_versions(**opened, options.deadline);
  if (!before) return tl::unexpected<Error>(before.error());
  if (auto done = migrate(**opened); !done) return tl::unexpected<Error>(done.error());
  const auto after = read_versions(**opened, options.deadline);
  if (!after) return tl::unexpected<Error>(after.error());
  return PoolMigrated{*before, *after};
}

Result<PoolAdopted> adopt_restored(const PostgresOptions& options,
                                   const std::function<void(uint64_t packets)>& progress) {
  return Adoption(options, progress).run();
}

}  // namespace phoenix
