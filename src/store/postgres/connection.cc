#include "store/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "store/postgres/schema.h"
#include "store/postgres/server_check.h"

namespace phoenix::postgres {
namespace {

// For the server: a statement that waits for a lock, or computes, longer than the client waits is
// of no use to anybody. These settings cannot end the wait of a commit for its standby; that is
// what the client's own deadline is for. A dead or silent client must not keep a transaction open.
std::string session_settings(const PostgresOptions& options) {
  const int64_t deadline = std::max<int64_t>(options.deadline.ms(), 100);
  const auto part = [&](int64_t tenths) { return std::to_string(deadline * tenths / 10); };
  return "SET search_path = " + options.schema + "; SET lock_timeout = " + part(7) +
         "; SET statement_timeout = " + part(8) +
         "; SET idle_in_transaction_session_timeout = 1000"
         "; SET tcp_keepalives_idle = 1; SET tcp_keepalives_interval = 1"
         "; SET tcp_keepalives_count = 2; SET tcp_user_timeout = 1000"
         "; SET default_transaction_isolation = 'read committed'"
         "; SET default_transaction_read_only = off; SET client_min_messages = warning"
         // Every statement of ours finds rows by keys. A plan made while a table was small or not
         // analyzed must not read all of it later; and rows are locked in the order of the keys
         // that we send, so that two batches cannot wait for each other.
         "; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off"
         "; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";
}

// Longer names are cut off by the server.
std::string application_name(const HostLife& self, std::string_view role) {
  char life[17];
  std::snprintf(life, sizeof life, "%016llx", static_cast<unsigned long long>(self.life));
  return ("phoenix " + std::string(life) + " " + std::string(role) + " " + self.host).substr(0, 63);
}

bool valid_schema(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && name.size() <= 63 && letter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool is_url(std::string_view url) {
  return url.starts_with("postgresql://") || url.starts_with("postgres://");
}

std::string password_in(const std::string& url) {
  std::string password;
  PQconninfoOption* parts = PQconninfoParse(url.c_str(), nullptr);
  for (const PQconninfoOption* part = parts; part != nullptr && part->keyword != nullptr; ++part) {
    if (std::string_view(part->keyword) == "password" && part->val != nullptr) password = part->val;
  }
  const bool valid = parts != nullptr;
  PQconninfoFree(parts);
  return valid ? password : std::string();
}

void replace_all(std::string& text, const std::string& what, std::string_view by) {
  if (what.empty()) return;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

constexpr Statement kOpened = {"opened",
                               "INSERT INTO fact(name, value) VALUES ('store.opened', $1::bytea)"
                               " ON CONFLICT (name) DO UPDATE SET value = excluded.value"};

}  // namespace

int Deadline::left_ms() const {
  const auto left = at_ - std::chrono::steady_clock::now();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<int64_t>(ms, 0, 3'600'000));
}

Rows::Rows(pg_result* result) : result_(result, PQclear) {}

int Rows::size() const { return PQntuples(result_.get()); }

bool Rows::null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }

std::string_view Rows::bytes(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

int64_t Rows::integer(int row, int column) const {
  if (null(row, column)) return 0;
  const std::string_view data = bytes(row, column);
  if (PQfformat(result_.get(), column) == 0) {  // text
    int64_t value = 0;
    std::from_chars(data.data(), data.data() + data.size(), value);
    return data == "t" ? 1 : value;
  }
  if (data.empty() || data.size() > 8) return 0;
  uint64_t bits = (static_cast<uint8_t>(data[0]) & 0x80) != 0 && data.size() > 1 ? ~uint64_t{0} : 0;
  for (const char c : data) bits = bits << 8 | static_cast<uint8_t>(c);
  return static_cast<int64_t>(bits);
}

// What came back of one pipeline.
struct Connection::Reading {
  int syncs = 0;  // that are to come
  std::vector<Rows> rows;
  std::optional<Refusal> refusal;  // the first
  bool prepared = false;           // the part that prepares statements went well
};

Connection::Connection(const PostgresOptions& options)
    : schema_(options.schema), url_(options.url), password_(password_in(options.url)) {}

Connection::~Connection() { close(); }

void Connection::close() {
  PQfinish(connection_);
  connection_ = nullptr;
  broken_ = true;
}

Result<std::unique_ptr<Connection>> Connection::open(const PostgresOptions& options,
                                                     std::string_view role) {
  if (!is_url(options.url)) {
    return fail(ErrorKind::kInvalidRequest,
                "the store must be a URL like postgresql://user@host:5432/database");
  }
  if (!valid_schema(options.schema)) {
    return fail(ErrorKind::kInvalidRequest,
                "the schema must be a name of small letters, digits and _, not beginning with a "
                "digit");
  }
  std::unique_ptr<Connection> connection(new Connection(options));
  const Deadline deadline(options.deadline);
  auto ready = connection->connect(options, role, deadline);
  if (ready) ready = connection->set_up(options);
  if (ready) ready = connection->check_server(options);
  if (!ready) return tl::unexpected(ready.error());
  return connection;
}

Result<std::unique_ptr<Connection>> Connection::open_schema(const PostgresOptions& options,
                                                            std::string_view role) {
  auto connection = open(options, role);
  if (!connection) return connection;
  auto versions = read_versions(**connection, options.deadline);
  if (!versions) return tl::unexpected(versions.error());
  if (!versions->exists() && options.create) {
    if (auto made = create_schema(**connection); !made) return tl::unexpected(made.error());
    versions = read_versions(**connection, options.deadline);
    if (!versions) return tl::unexpected(versions.error());
  }
  if (auto fits = check_versions(*versions, options.schema); !fits) {
    return tl::unexpected(fits.error());
  }
  Arguments who;
  who.text(application_name(options.self, role));
  const auto written = (*connection)->query(kOpened, std::move(who), Deadline(options.deadline));
  if (!written) {
    return tl::unexpected((*connection)->failure("the database takes no write", written.error()));
  }
  return connection;
}

Result<bool> Connection::connect(const PostgresOptions& options, std::string_view role,
                                 const Deadline& deadline) {
  const std::string name = application_name(options.self, role);
  // Later ones win over those in the URL.
  const char* const keys[] = {"dbname",
                              "application_name",
                              "client_encoding",
                              "target_session_attrs",
                              "keepalives_idle",
                              "keepalives_interval",
                              "keepalives_count",
                              "tcp_user_timeout",
                              nullptr};
  const char* const values[] = {url_.c_str(), name.c_str(), "UTF8", "read-write", "1",
                                "1",          "2",          "1000", nullptr};
  connection_ = PQconnectStartParams(keys, values, 1);
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (connection_ != nullptr && PQstatus(connection_) != CONNECTION_BAD) {
    const int events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    pollfd socket = {PQsocket(connection_), static_cast<short>(events), 0};
    const int ready = ::poll(&socket, 1, deadline.left_ms());
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      return fail(ErrorKind::kStoreUnreachable, "the database does not answer within " +
                                                    std::to_string(options.deadline.ms()) + " ms");
    }
    next = PQconnectPoll(connection_);
    if (next == PGRES_POLLING_OK) break;
    if (next == PGRES_POLLING_FAILED) break;
  }
  if (connection_ == nullptr || next != PGRES_POLLING_OK) {
    return fail(ErrorKind::kStoreUnreachable,
                "cannot connect to the database: " +
                    (connection_ == nullptr ? "no memory" : clean(PQerrorMessage(connection_))));
  }
  PQsetnonblocking(connection_, 1);
  // A warning may say that a commit is not as durable as it should be.
  PQsetNoticeReceiver(
      connection_,
      [](void* self, const PGresult* notice) {
        const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
        if (severity == nullptr || std::string_view(severity) != "WARNING") return;
        auto* connection = static_cast<Connection*>(self);
        const char* message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
        connection->warning_ = connection->clean(message == nullptr ? "a warning" : message);
      },
      this);
  return true;
}

Result<bool> Connection::set_up(const PostgresOptions& options) {
  const auto set = execute(session_settings(options), options.deadline);
  if (!set) return tl::unexpected(failure("cannot set the session up", set.error()));
  return true;
}

Result<bool> Connection::check_server(const PostgresOptions& options) {
  const auto rows = execute(kServerQuestion, options.deadline);
  if (!rows) return tl::unexpected(failure("cannot read the server's settings", rows.error()));
  const ServerFacts facts = server_facts(*rows);
  if (facts.backend_pid != PQbackendPID(connection_)) {
    return fail(ErrorKind::kStoreUnreachable,
                "a connection pooler stands before the database: it may give each transaction "
                "another session; connect to the server itself");
  }
  auto promise = judge_server(facts, options.minimum);
  if (!promise) return tl::unexpected(promise.error());
  promise_ = std::move(*promise);
  return true;
}

Result<bool> Connection::check_again(const PostgresOptions& options) {
  auto safe = check_server(options);
  if (!safe) close();
  return safe;
}

std::string Connection::clean(std::string_view text) const {
  std::string out(text);
  replace_all(out, url_, "URL");
  replace_all(out, password_, "***");
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  replace_all(out, "\n", "; ");
  replace_all(out, "\t", " ");
  return out;
}

Error Connection::failure(const std::string& what, const Refusal& refusal) const {
  return fail(ErrorKind::kStoreUnreachable, what + ": " + refusal.message).value();
}

// What has not left this process cannot have happened: the end of the transaction is its last byte.
Refusal Connection::lost(const std::string& why) {
  Refusal refusal;
  refusal.message = why;
  refusal.certain = !flushed_;
  close();
  return refusal;
}

Refusal Connection::refusal_of(const pg_result* result) {
  const auto field = [&](int code) {
    const char* text = PQresultErrorField(result, code);
    return text == nullptr ? std::string() : std::string(text);
  };
  Refusal refusal;
  refusal.state = field(PG_DIAG_SQLSTATE);
  refusal.message = clean(field(PG_DIAG_MESSAGE_PRIMARY));
  refusal.constraint = field(PG_DIAG_CONSTRAINT_NAME);
  // A session that the server ends may have been in its commit.
  refusal.certain = field(PG_DIAG_SEVERITY_NONLOCALIZED) == "ERROR";
  if (refusal.message.empty()) refusal.message = clean(PQresultErrorMessage(result));
  return refusal;
}

bool Connection::send(std::span<const Call> calls, std::vector<const Statement*>& prepared) {
  bool sent = PQpipelineStatus(connection_) != PQ_PIPELINE_OFF || PQenterPipelineMode(connection_);
  for (const Call& call : calls) {
    const Statement* it = call.statement;
    if (prepared_.contains(it) || std::count(prepared.begin(), prepared.end(), it) > 0) continue;
    sent = sent && PQsendPrepare(connection_, it->name, it->sql, 0, nullptr);
    prepared.push_back(it);
  }
  if (!prepared.empty()) sent = sent && PQpipelineSync(connection_);
  for (const Call& call : calls) {
    std::vector<const char*> values;
    std::vector<int> lengths;
    for (const std::string& value : call.arguments.values()) {
      values.push_back(value.data());
      lengths.push_back(static_cast<int>(value.size()));
    }
    const std::vector<int> binary(values.size(), 1);
    sent = sent &&
           PQsendQueryPrepared(connection_, call.statement->name, static_cast<int>(values.size()),
                               values.data(), lengths.data(), binary.data(), 1);
  }
  return sent && PQpipelineSync(connection_);
}

bool Connection::wait(const Deadline& deadline) {
  for (;;) {
    const int unsent = PQflush(connection_);
    if (unsent < 0) return false;
    flushed_ = unsent == 0;
    const auto events = static_cast<short>(flushed_ ? POLLIN : POLLIN | POLLOUT);
    pollfd socket = {PQsocket(connection_), events, 0};
    const int ready = ::poll(&socket, 1, deadline.left_ms());
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    if ((socket.revents & ~POLLOUT) == 0) continue;
    return PQconsumeInput(connection_) != 0;
  }
}

void Connection::take(Reading& reading, pg_result* result) {
  Rows rows(result);
  switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
      --reading.syncs;
      if (reading.syncs == 1 && !reading.refusal) reading.prepared = true;
      return;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
      reading.rows.push_back(std::move(rows));
      return;
    case PGRES_PIPELINE_ABORTED:
      return;
    default:
      if (!reading.refusal) reading.refusal = refusal_of(result);
  }
}

void Connection::receive(Reading& reading, const Deadline& deadline) {
  while (reading.syncs > 0) {
    while (PQisBusy(connection_) != 0) {
      if (wait(deadline)) continue;
      const bool late = deadline.passed();
      const std::string why = clean(PQerrorMessage(connection_));
      reading.refusal = lost(late ? "the database does not answer in time"
                                  : "the connection to the database broke: " + why);
      return;
    }
    pg_result* result = PQgetResult(connection_);
    if (result != nullptr) take(reading, result);
    if (PQstatus(connection_) != CONNECTION_OK) {
      const std::string why =
          reading.refusal ? reading.refusal->message : clean(PQerrorMessage(connection_));
      reading.refusal = lost("the connection to the database broke: " + why);
      return;
    }
  }
}

Answer<std::vector<Rows>> Connection::transact(std::span<const Call> calls,
                                               const Deadline& deadline, Isolation isolation) {
  if (broken_)
    return tl::unexpected(Refusal{"", "the connection to the database is broken", "", true});
  static constexpr Statement kBegin = {"begin_snapshot",
                                       "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
  static constexpr Statement kEnd = {"end_snapshot", "COMMIT"};
  std::vector<Call> framed;
  if (isolation == Isolation::kSnapshot) {
    framed.push_back({&kBegin, {}});
    framed.insert(framed.end(), calls.begin(), calls.end());
    framed.push_back({&kEnd, {}});
    calls = framed;
  }
  warning_.clear();
  flushed_ = false;
  Reading reading;
  std::vector<const Statement*> prepared;
  if (!send(calls, prepared)) {
    return tl::unexpected(
        lost("cannot send to the database: " + clean(PQerrorMessage(connection_))));
  }
  reading.syncs = prepared.empty() ? 1 : 2;
  receive(reading, deadline);
  if (!reading.refusal && !warning_.empty()) {
    reading.refusal = lost("the database committed with a warning: " + warning_);
  }
  if (reading.refusal) {
    if (reading.prepared) prepared_.insert(prepared.begin(), prepared.end());
    // What went wrong while preparing, or within a snapshot, leaves a session that is not as we
    // think: another one is cheap.
    const bool unsure = !reading.refusal->certain || (!reading.prepared && !prepared.empty());
    if (isolation == Isolation::kSnapshot || unsure) close();
    return tl::unexpected(std::move(*reading.refusal));
  }
  prepared_.insert(prepared.begin(), prepared.end());
  auto first = reading.rows.begin() + static_cast<std::ptrdiff_t>(prepared.size());
  auto last = reading.rows.end();
  if (isolation == Isolation::kSnapshot) {
    ++first;
    --last;
  }
  return std::vector<Rows>(std::make_move_iterator(first), std::make_move_iterator(last));
}

Answer<Rows> Connection::query(const Statement& statement, Arguments arguments,
                               const Deadline& deadline) {
  const Call call = {&statement, std::move(arguments)};
  auto rows = transact({&call, 1}, deadline);
  if (!rows) return tl::unexpected(std::move(rows.error()));
  return std::move(rows->at(0));
}

Answer<Rows> Connection::execute(const std::string& sql, Duration patience) {
  if (broken_)
    return tl::unexpected(Refusal{"", "the connection to the database is broken", "", true});
  const Deadline deadline(patience);
  flushed_ = false;
  warning_.clear();
  if (PQpipelineStatus(connection_) != PQ_PIPELINE_OFF) PQexitPipelineMode(connection_);
  if (PQsendQuery(connection_, sql.c_str()) == 0) {
    return tl::unexpected(
        lost("cannot send to the database: " + clean(PQerrorMessage(connection_))));
  }
  std::optional<Rows> last;
  std::optional<Refusal> refusal;
  for (;;) {
    while (PQisBusy(connection_) != 0) {
      if (!wait(deadline)) return tl::unexpected(lost("the database does not answer in time"));
    }
    pg_result* result = PQgetResult(connection_);
    if (result == nullptr) break;
    Rows rows(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
      last.emplace(std::move(rows));
    } else if (!refusal) {
      refusal = refusal_of(result);
    }
  }
  if (PQstatus(connection_) != CONNECTION_OK) {
    return tl::unexpected(lost("the connection to the database broke"));
  }
  if (refusal) return tl::unexpected(std::move(*refusal));
  if (!last) return tl::unexpected(Refusal{"", "the database answered nothing", "", false});
  return std::move(*last);
}

Answer<bool> Connection::stream(const Statement& statement, const Arguments& arguments,
                                Duration patience,
                                const std::function<Result<bool>(const Rows&)>& row) {
  if (broken_)
    return tl::unexpected(Refusal{"", "the connection to the database is broken", "", true});
  if (PQpipelineStatus(connection_) != PQ_PIPELINE_OFF) PQexitPipelineMode(connection_);
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (const std::string& value : arguments.values()) {
    values.push_back(value.data());
    lengths.push_back(static_cast<int>(value.size()));
  }
  const std::vector<int> binary(values.size(), 1);
  flushed_ = false;
  if (PQsendQueryParams(connection_, statement.sql, static_cast<int>(values.size()), nullptr,
                        values.data(), lengths.data(), binary.data(), 1) == 0 ||
      PQsetSingleRowMode(connection_) == 0) {
    return tl::unexpected(
        lost("cannot send to the database: " + clean(PQerrorMessage(connection_))));
  }
  std::optional<Refusal> refusal;
  for (;;) {
    const Deadline deadline(patience);
    while (PQisBusy(connection_) != 0) {
      if (!wait(deadline)) return tl::unexpected(lost("the database does not answer in time"));
    }
    pg_result* result = PQgetResult(connection_);
    if (result == nullptr) break;
    const Rows rows(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_SINGLE_TUPLE) {
      const auto taken = row(rows);
      if (!taken) return tl::unexpected(lost(taken.error().detail));
    } else if (status != PGRES_TUPLES_OK && !refusal) {
      refusal = refusal_of(result);
    }
  }
  if (PQstatus(connection_) != CONNECTION_OK) {
    return tl::unexpected(lost("the connection to the database broke"));
  }
  if (refusal) return tl::unexpected(std::move(*refusal));
  return true;
}

}  // namespace phoenix::postgres
