#include "store/postgres/postgres_store.h"

#include <deque>
#include <set>

#include "packet/encoding.h"
#include "store/postgres/batch_calls.h"
#include "store/postgres/fold.h"
#include "store/postgres/reader.h"
#include "store/postgres/schema.h"
#include "store/postgres/statements.h"
#include "store/postgres/sweeper.h"
#include "store/rows.h"

namespace phoenix {
namespace postgres {
namespace {

// Real batch rows that are kept beside those whose outcome is unknown, and how many go at once.
constexpr size_t kBatchesKept = 4096;
constexpr size_t kBatchesPrunedAtOnce = 256;
// A batch that others keep changing the rows of is refused after so many tries.
constexpr int kTries = 6;
// Beyond its fixed deadline a batch has a second for so many bytes.
constexpr size_t kBytesPerSecond = 10'000'000;

bool is_race(const Refusal& refusal) {
  return refusal.state == kStaleState || refusal.state == "23505" ||  // made by somebody else
         refusal.state == "40P01" || refusal.state == "40001";
}

CommitResult all(std::span<const Group> groups, phoenix::Outcome outcome, std::string why) {
  CommitResult result;
  result.outcomes.assign(groups.size(), outcome);
  result.why = std::move(why);
  return result;
}

size_t size_of(std::span<const Call> calls) {
  size_t bytes = 0;
  for (const Call& call : calls) {
    for (const std::string& value : call.arguments.values()) bytes += value.size();
  }
  return bytes;
}

class PostgresStore final : public Store {
 public:
  explicit PostgresStore(PostgresOptions options) : options_(std::move(options)) {}

  Result<bool> ensure_open();
  CommitResult commit(uint64_t batch_id, std::span<const Group> groups) override;
  Resolution resolve(uint64_t batch_id) override;
  Result<bool> recover(const RecoverSink& sink) override;
  Result<std::optional<std::string>> fact(const std::string& name) override;
  Result<bool> set_fact(const std::string& name, const std::string& value) override;
  Result<Swept> sweep(const SweepLimits& limits) override;
  Result<std::unique_ptr<Reader>> reader() override { return open_postgres_reader(options_); }
  StoreCapabilities capabilities() const override;

 private:
  CommitResult try_commit(uint64_t batch_id, std::span<const Group> groups);
  CommitResult refused(uint64_t batch_id, std::span<const Group> groups, const Refusal& refusal,
                       const std::vector<phoenix::Outcome>& intended);
  Answer<bool> learn(std::span<const Group> groups, KnownRows& known, const Deadline& deadline);
  std::vector<uint64_t> prunable() const;
  void settled(uint64_t batch_id);

  PostgresOptions options_;
  std::unique_ptr<Connection> connection_;
  ServerPromise promise_;
  std::unique_ptr<Sweeper> sweeper_;
  std::deque<uint64_t> batches_;  // real rows of this life whose outcome is known, oldest first
};

// The connection, or another one after it broke. A database that is another one by then, or was
// deposed, is refused.
Result<bool> PostgresStore::ensure_open() {
  if (connection_ && !connection_->broken()) return true;
  connection_.reset();
  auto opened = Connection::open_schema(options_, "writer");
  if (!opened) return tl::unexpected(opened.error());
  connection_ = std::move(*opened);
  promise_ = connection_->promise();
  options_.minimum = promise_.identity;
  return true;
}

StoreCapabilities PostgresStore::capabilities() const {
  return {.engine = "postgres",
          .version = promise_.version,
          .durable = true,
          .shared = !options_.self.empty(),
          .survives = promise_.survives};
}

std::vector<uint64_t> PostgresStore::prunable() const {
  if (batches_.size() < kBatchesKept + kBatchesPrunedAtOnce) return {};
  return {batches_.begin(), batches_.begin() + kBatchesPrunedAtOnce};
}

// What the rows that a batch names are. Read without locks: the next try compares again.
Answer<bool> PostgresStore::learn(std::span<const Group> groups, KnownRows& known,
                                  const Deadline& deadline) {
  known = {};
  Column scopes(ElementType::kBytes);
  for (const Group& group : groups) {
    for (const Op& op : group.ops) {
      if (const auto* packet = std::get_if<PutPacket>(&op)) {
        known.packets[packet->head->key.text()];
      } else if (const auto* member = std::get_if<PutMember>(&op)) {
        known.members[member->record->key.text()];
      } else if (const auto* dropped = std::get_if<DropMember>(&op)) {
        known.members[dropped->key.text()];
      } else if (const auto* session = std::get_if<PutSession>(&op)) {
        known.sessions[session->record->id];
      } else if (const auto* ended = std::get_if<DropSession>(&op)) {
        known.sessions[ended->id];
      } else if (const auto* document = std::get_if<PutDocument>(&op)) {
        known.documents[document->document->key.text()];
      } else if (const auto* answer = std::get_if<PutAnswer>(&op)) {
        scopes.bytes(bytes_of(answer->scope));
      }
    }
  }
  const auto keys = [](const auto& map) {
    Column column(ElementType::kText);
    for (const auto& [key, value] : map) column.text(key);  // order-free: each is looked up
    Arguments arguments;
    arguments.column(column);
    return arguments;
  };
  Arguments answers;
  answers.column(scopes);
  const std::vector<Call> calls = {{&sql::kReadPackets, keys(known.packets)},
                                   {&sql::kReadMembers, keys(known.members)},
                                   {&sql::kReadSessions, keys(known.sessions)},
                                   {&sql::kReadDocuments, keys(known.documents)},
                                   {&sql::kReadAnswers, std::move(answers)}};
  const auto rows = connection_->transact(calls, deadline);
  if (!rows) return tl::unexpected(rows.error());
  const Rows& packets = rows->at(0);
  for (int i = 0; i < packets.size(); ++i) {
    known.packets[std::string(packets.bytes(i, 0))] = {
        true, packets.boolean(i, 1), static_cast<uint64_t>(packets.integer(i, 2)),
        static_cast<uint64_t>(packets.integer(i, 3))};
  }
  const auto take = [](const Rows& from, auto& into) {
    for (int i = 0; i < from.size(); ++i) {
      into[std::string(from.bytes(i, 0))] = static_cast<uint64_t>(from.integer(i, 1));
    }
  };
  take(rows->at(1), known.members);
  take(rows->at(2), known.sessions);
  take(rows->at(3), known.documents);
  const Rows& kept = rows->at(4);
  for (int i = 0; i < kept.size(); ++i) known.answers.insert(digest_of_bytes(kept.bytes(i, 0)));
  return true;
}

CommitResult PostgresStore::refused(uint64_t batch_id, std::span<const Group> groups,
                                    const Refusal& refusal,
                                    const std::vector<phoenix::Outcome>& intended) {
  if (refusal.state == kFencedState) {
    CommitResult result = all(groups, phoenix::Outcome::kRefused, refusal.message);
    result.fenced = true;
    return result;
  }
  if (refusal.constraint == "batch_pkey") {
    return all(groups, phoenix::Outcome::kRefused,
               "batch " + std::to_string(batch_id) + " has been committed or settled before");
  }
  const std::string why = "the database takes no write: " + refusal.message;
  CommitResult result =
      all(groups, refusal.certain ? phoenix::Outcome::kRefused : phoenix::Outcome::kUnknown, why);
  if (refusal.certain) return result;
  // Those were left out of what was sent: they have not happened, whatever became of the rest.
  for (size_t i = 0; i < intended.size(); ++i) {
    if (intended[i] == phoenix::Outcome::kConflict) result.outcomes[i] = intended[i];
  }
  return result;
}

CommitResult PostgresStore::try_commit(uint64_t batch_id, std::span<const Group> groups) {
  KnownRows known;
  Refusal refusal;
  std::vector<phoenix::Outcome> intended;
  const std::vector<uint64_t> pruned = prunable();
  for (int i = 0; i < kTries; ++i) {
    if (auto open = ensure_open(); !open) {
      return all(groups, phoenix::Outcome::kRefused, open.error().detail);
    }
    Folded folded = fold(groups, known);
    const std::vector<Call> calls = batch_calls(folded, options_.self, batch_id, pruned);
    const auto extra = static_cast<int64_t>(size_of(calls) * 1000 / kBytesPerSecond);
    const Deadline deadline(options_.deadline + milliseconds(extra));
    auto rows = connection_->transact(calls, deadline);
    if (rows) {
      CommitResult result;
      result.outcomes = std::move(folded.outcomes);
      result.last_event = EventCursor(static_cast<uint64_t>(rows->at(0).integer(0, 1)),
                                      static_cast<uint32_t>(rows->at(0).integer(0, 0)));
      batches_.erase(batches_.begin(),
                     batches_.begin() + static_cast<std::ptrdiff_t>(pruned.size()));
      batches_.push_back(batch_id);
      return result;
    }
    refusal = std::move(rows.error());
    intended = std::move(folded.outcomes);
    if (!refusal.certain || !is_race(refusal) || refusal.constraint == "batch_pkey") break;
    if (auto open = ensure_open(); !open) break;
    if (auto learned = learn(groups, known, deadline); !learned) break;
  }
  return refused(batch_id, groups, refusal, intended);
}

CommitResult PostgresStore::commit(uint64_t batch_id, std::span<const Group> groups) {
  return try_commit(batch_id, groups);
}

Resolution PostgresStore::resolve(uint64_t batch_id) {
  if (!ensure_open()) return Resolution::kUnknown;
  Arguments arguments;
  arguments.number(options_.self.life).number(batch_id);
  const auto kind =
      connection_->query(sql::kSettleBatch, std::move(arguments), Deadline(options_.deadline));
  if (!kind || kind->size() != 1) return Resolution::kUnknown;
  return kind->integer(0, 0) == 0 ? Resolution::kApplied : Resolution::kNotApplied;
}

template <class Decode, class Sink>
Result<bool> recover_rows(Connection& connection, const Statement& statement, Decode decode,
                          const Sink& sink) {
  if (!sink) return true;
  const auto done =
      connection.stream(statement, {}, kSchemaDeadline, [&](const Rows& row) -> Result<bool> {
        auto record = decode(row.bytes(0, 0));
        if (!record) {
          return fail(ErrorKind::kStoreUnreachable,
                      std::string(row.bytes(0, 1)) + ": " + record.error().detail);
        }
        sink(std::move(*record));
        return true;
      });
  if (done) return true;
  return tl::unexpected(connection.failure("the database cannot be read", done.error()));
}

// Over a connection of its own, whose statements may take their time.
Result<bool> PostgresStore::recover(const RecoverSink& sink) {
  static constexpr Statement kPackets = {
      "live_packets", "SELECT head, key FROM packet WHERE state < 3 AND NOT gone"};
  static constexpr Statement kMembers = {"all_members",
                                         "SELECT record, key FROM member ORDER BY key"};
  static constexpr Statement kSessions = {"all_sessions",
                                          "SELECT record, id FROM session ORDER BY id"};
  static constexpr Statement kDocuments = {"all_documents",
                                           "SELECT record, key FROM document ORDER BY key"};
  auto opened = Connection::open_schema(options_, "recover");
  if (!opened) return tl::unexpected(opened.error());
  Connection& connection = **opened;
  const auto patient = connection.execute("SET statement_timeout = 0", options_.deadline);
  if (!patient) {
    return tl::unexpected(connection.failure("the database cannot be read", patient.error()));
  }
  Result<bool> done = true;
  if (options_.self.empty()) done = recover_rows(connection, kPackets, decode_head, sink.packet);
  if (done) done = recover_rows(connection, kMembers, decode_member, sink.member);
  if (done) done = recover_rows(connection, kSessions, decode_session, sink.session);
  if (done) done = recover_rows(connection, kDocuments, decode_document, sink.document);
  if (done && sink.ended) {
    const auto counted = count_ended(connection);
    if (!counted) return tl::unexpected(counted.error());
    sink.ended(*counted);
  }
  if (done && sink.incarnation_floor) {
    const auto floor = fact("store.incarnation-floor");
    if (!floor) return tl::unexpected(floor.error());
    sink.incarnation_floor(*floor ? std::strtoull((*floor)->c_str(), nullptr, 10) : 0);
  }
  return done;
}

Result<std::optional<std::string>> PostgresStore::fact(const std::string& name) {
  static constexpr Statement kFact = {"fact", "SELECT value FROM fact WHERE name = $1::text"};
  if (auto open = ensure_open(); !open) return tl::unexpected(open.error());
  Arguments arguments;
  arguments.text(name);
  const auto rows = connection_->query(kFact, std::move(arguments), Deadline(options_.deadline));
  if (!rows) {
    return tl::unexpected(connection_->failure("the database cannot be read", rows.error()));
  }
  if (rows->size() == 0) return std::optional<std::string>();
  return std::optional<std::string>(std::string(rows->bytes(0, 0)));
}

Result<bool> PostgresStore::set_fact(const std::string& name, const std::string& value) {
  if (auto open = ensure_open(); !open) return open;
  Arguments arguments;
  arguments.text(name).bytes(value);
  const auto rows =
      connection_->query(sql::kPutFact, std::move(arguments), Deadline(options_.deadline));
  if (rows) return true;
  return tl::unexpected(connection_->failure("the database takes no write", rows.error()));
}

Result<Swept> PostgresStore::sweep(const SweepLimits& limits) {
  // It comes every few seconds, whether anybody writes or not.
  if (connection_ && !connection_->broken()) {
    if (auto safe = connection_->check_again(options_); !safe) {
      return tl::unexpected(safe.error());
    }
    promise_ = connection_->promise();
  }
  if (!sweeper_ || sweeper_->broken()) {
    auto opened = Sweeper::open(options_);
    if (!opened) return tl::unexpected(opened.error());
    sweeper_ = std::move(*opened);
  }
  return sweeper_->run(limits);
}

}  // namespace
}  // namespace postgres

Result<std::unique_ptr<Store>> open_postgres(const PostgresOptions& options) {
  auto store = std::make_unique<postgres::PostgresStore>(options);
  if (auto opened = store->ensure_open(); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace phoenix
