#include "store/sqlite/connection.h"

#include <sqlite3.h>

namespace phoenix::sqlite {
namespace {

constexpr int kBusyMs = 2000;

}  // namespace

Statement::~Statement() { sqlite3_finalize(stmt_); }

// A failed bind (out of memory) leaves NULL, which the NOT NULL of the schema then refuses.
Statement& Statement::integer(int index, int64_t value) {
  sqlite3_bind_int64(stmt_, index, value);
  return *this;
}

Statement& Statement::text(int index, std::string_view value) {
  // A null pointer would bind NULL instead of an empty text.
  const char* data = value.data() ? value.data() : "";
  sqlite3_bind_text64(stmt_, index, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::blob(int index, std::string_view value) {
  const char* data = value.data() ? value.data() : "";
  sqlite3_bind_blob64(stmt_, index, data, value.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::null(int index) {
  sqlite3_bind_null(stmt_, index);
  return *this;
}

int Statement::step() {
  const int code = sqlite3_step(stmt_);
  if (code != SQLITE_ROW) sqlite3_reset(stmt_);
  return code;
}

int Statement::run() {
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) code = step();
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

void Statement::reset() { sqlite3_reset(stmt_); }

int64_t Statement::integer_at(int column) const { return sqlite3_column_int64(stmt_, column); }

bool Statement::null_at(int column) const {
  return sqlite3_column_type(stmt_, column) == SQLITE_NULL;
}

std::string_view Statement::text_at(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(stmt_, column));
  if (!data) return {};
  return {data, static_cast<size_t>(sqlite3_column_bytes(stmt_, column))};
}

std::string_view Statement::blob_at(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(stmt_, column));
  if (!data) return {};
  return {data, static_cast<size_t>(sqlite3_column_bytes(stmt_, column))};
}

Connection::~Connection() { sqlite3_close_v2(db_); }

Result<Connection> Connection::open(const std::string& path, const std::string& vfs) {
  Connection connection;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  const int code =
      sqlite3_open_v2(path.c_str(), &connection.db_, flags, vfs.empty() ? nullptr : vfs.c_str());
  if (code != SQLITE_OK) {
    return fail(ErrorKind::kStoreUnreachable,
                "cannot open the database " + path + ": " + connection.message(code));
  }
  sqlite3_extended_result_codes(connection.db_, 1);
  sqlite3_busy_timeout(connection.db_, kBusyMs);
  return connection;
}

Result<Statement> Connection::prepare(const char* sql) {
  sqlite3_stmt* stmt = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, nullptr);
  if (code != SQLITE_OK) return fail(ErrorKind::kStoreUnreachable, message(code));
  return Statement(stmt);
}

int Connection::exec(const char* sql) { return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr); }

Result<int64_t> Connection::pragma(const char* sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  const int code = statement->step();
  if (code != SQLITE_ROW) return fail(ErrorKind::kStoreUnreachable, message(code));
  return statement->integer_at(0);
}

std::string Connection::message(int code) const {
  std::string text = sqlite3_errstr(code);
  const char* detail = db_ ? sqlite3_errmsg(db_) : nullptr;
  if (detail && sqlite3_errcode(db_) != SQLITE_OK && text != detail) text = detail;
  return text + " (SQLite code " + std::to_string(code) + ")";
}

bool Connection::in_transaction() const { return db_ && sqlite3_get_autocommit(db_) == 0; }
bool Connection::read_only() const { return sqlite3_db_readonly(db_, "main") != 0; }
int Connection::changes() const { return sqlite3_changes(db_); }
int64_t Connection::last_rowid() const { return sqlite3_last_insert_rowid(db_); }

}  // namespace phoenix::sqlite
