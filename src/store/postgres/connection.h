// One connection to PostgreSQL: opened, checked, and used by deadlines of our own, since a server
// may be silent for as long as it likes (a commit waits for a frozen standby for ever). Not a query
// layer: SQL is written out where it is used, arguments and results are binary.
//
// A transaction goes to the server whole, in one pipeline: the server never waits for us while it
// holds a row, and one round trip carries it. Either all of its results come back, and it is
// committed and durable, or a Refusal, which says whether it is certain that nothing happened.
//
// Belongs to one thread. After a lost connection or a missed deadline it is broken() for good: open
// another one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/host_life.h"
#include "base/time.h"
#include "store/postgres/arguments.h"

struct pg_conn;
struct pg_result;

namespace phoenix {

// Which database this is: what survives of a restored backup or of a standby that took over.
struct EngineIdentity {
  uint64_t system_id = 0;
  uint32_t timeline = 0;  // +1 at each takeover
  bool operator==(const EngineIdentity&) const = default;
};

struct PostgresOptions {
  std::string url;                 // postgresql://user@host:port/database
  std::string schema = "phoenix";  // [a-z_][a-z0-9_]{0,62}
  HostLife self;                   // who commits; empty: a single host, which nobody fences
  EngineIdentity minimum;          // another system, or a lower timeline, is refused; 0: any
  Duration deadline = seconds(2);  // of each call
  bool create = false;             // make the schema where there is none
};

namespace postgres {

// How long the layout may take to be looked at or changed.
inline constexpr Duration kSchemaDeadline = seconds(60);

class Deadline {
 public:
  explicit Deadline(Duration from_now)
      : at_(std::chrono::steady_clock::now() + std::chrono::nanoseconds(from_now.ns)) {}
  // Milliseconds, rounded up; 0 when it has passed.
  int left_ms() const;
  bool passed() const { return left_ms() == 0; }

 private:
  std::chrono::steady_clock::time_point at_;
};

// The rows of one statement, in binary.
class Rows {
 public:
  explicit Rows(pg_result* result);
  int size() const;
  bool null(int row, int column) const;
  int64_t integer(int row, int column) const;  // smallint, integer, bigint
  bool boolean(int row, int column) const { return integer(row, column) != 0; }
  std::string_view bytes(int row, int column) const;  // text, bytea

 private:
  std::shared_ptr<pg_result> result_;
};

struct Refusal {
  std::string state;       // SQLSTATE; empty: it does not come from the server
  std::string message;     // one line, without secrets
  std::string constraint;  // for a violated one
  bool certain = true;     // nothing of it happened; false: it may have
};
template <class T>
using Answer = tl::expected<T, Refusal>;

// Prepared at its first use on a connection. Both are literals; the name is unique in the program.
struct Statement {
  const char* name;
  const char* sql;
};

struct Call {
  const Statement* statement;
  Arguments arguments;
};

// What the server promises, as its settings say.
struct ServerPromise {
  std::string version;   // "15.18"
  std::string survives;  // in words: what may be lost while an acknowledged commit is not
  EngineIdentity identity;
};

enum class Isolation : uint8_t {
  kStatement,  // each statement sees what was committed before it
  kSnapshot,   // all see one state, and only read
};

class Connection {
 public:
  // Connects, sets the session up and refuses: a server before 13, one that may lose what it has
  // acknowledged (fsync, full_page_writes, synchronous_commit), a standby, a pooler that gives each
  // transaction another session, and a database that options.minimum excludes. `role` is a word for
  // what the connection does. The schema need not exist.
  static Result<std::unique_ptr<Connection>> open(const PostgresOptions& options,
                                                  std::string_view role);
  // Beside that: refuses where the schema is missing or of another version (or makes it, if
  // options.create), and commits a write of its own, synchronously: what is read after that is
  // known to be as durable as that.
  static Result<std::unique_ptr<Connection>> open_schema(const PostgresOptions& options,
                                                         std::string_view role);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // One transaction; a Rows for each call.
  Answer<std::vector<Rows>> transact(std::span<const Call> calls, const Deadline& deadline,
                                     Isolation isolation = Isolation::kStatement);
  Answer<Rows> query(const Statement& statement, Arguments arguments, const Deadline& deadline);
  // A read whose rows come one by one, so that memory holds only one of them. The deadline is for
  // each row anew.
  Answer<bool> stream(const Statement& statement, const Arguments& arguments, Duration patience,
                      const std::function<Result<bool>(const Rows&)>& row);
  // Text without parameters, of one or more statements; the last one's rows.
  Answer<Rows> execute(const std::string& sql, Duration patience);

  // Reads the server's settings anew, for some may be changed while it runs. Closed where open()
  // would refuse the server now.
  Result<bool> check_again(const PostgresOptions& options);

  bool broken() const { return broken_; }
  const std::string& schema() const { return schema_; }
  const ServerPromise& promise() const { return promise_; }
  // "WHAT: MESSAGE" as an error for callers.
  Error failure(const std::string& what, const Refusal& refusal) const;
  // Takes the password out of a text, and its line ends.
  std::string clean(std::string_view text) const;

 private:
  struct Reading;
  explicit Connection(const PostgresOptions& options);
  Result<bool> connect(const PostgresOptions& options, std::string_view role,
                       const Deadline& deadline);
  Result<bool> set_up(const PostgresOptions& options);
  Result<bool> check_server(const PostgresOptions& options);
  bool send(std::span<const Call> calls, std::vector<const Statement*>& prepared);
  void receive(Reading& reading, const Deadline& deadline);
  void take(Reading& reading, pg_result* result);
  // Waits until something can be read, and sends what is not sent yet.
  bool wait(const Deadline& deadline);
  Refusal lost(const std::string& why);
  Refusal refusal_of(const pg_result* result);
  void close();

  pg_conn* connection_ = nullptr;
  std::string schema_;
  std::string url_;
  std::string password_;
  std::set<const Statement*> prepared_;
  ServerPromise promise_;
  std::string warning_;  // of the server since the last call began
  bool flushed_ = true;
  bool broken_ = false;
};

}  // namespace postgres
}  // namespace phoenix
