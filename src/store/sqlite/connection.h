// One SQLite connection and its prepared statements, as owners that close what they opened. Not a
// query layer: SQL is written out where it is used. Belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace phoenix::sqlite {

// Bound texts and blobs are not copied: they must live until the step that reads them.
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept : stmt_(other.stmt_) { other.stmt_ = nullptr; }
  Statement& operator=(Statement&& other) noexcept {
    std::swap(stmt_, other.stmt_);
    return *this;
  }
  ~Statement();

  Statement& integer(int index, int64_t value);
  Statement& text(int index, std::string_view value);
  Statement& blob(int index, std::string_view value);
  Statement& null(int index);

  // SQLite's result code: SQLITE_ROW, SQLITE_DONE or an extended error. Anything but a row resets
  // the statement for the next use.
  int step();
  // Runs to the end; SQLITE_OK instead of SQLITE_DONE.
  int run();
  void reset();

  int64_t integer_at(int column) const;
  bool null_at(int column) const;
  // Valid until the next step or reset.
  std::string_view text_at(int column) const;
  std::string_view blob_at(int column) const;

 private:
  friend class Connection;
  explicit Statement(sqlite3_stmt* stmt) : stmt_(stmt) {}
  sqlite3_stmt* stmt_ = nullptr;
};

class Connection {
 public:
  Connection() = default;
  Connection(Connection&& other) noexcept : db_(other.db_) { other.db_ = nullptr; }
  Connection& operator=(Connection&& other) noexcept {
    std::swap(db_, other.db_);
    return *this;
  }
  // All statements must be gone.
  ~Connection();

  // The file must exist. Waits for another connection's lock for 2 s at most.
  static Result<Connection> open(const std::string& path, const std::string& vfs);

  Result<Statement> prepare(const char* sql);
  // One or more statements without parameters; rows are dropped. SQLite's code.
  int exec(const char* sql);
  Result<int64_t> pragma(const char* sql);
  // "disk I/O error (SQLITE code 778)", of the last failure.
  std::string message(int code) const;
  bool in_transaction() const;
  bool read_only() const;
  int changes() const;
  int64_t last_rowid() const;
  sqlite3* handle() { return db_; }
  explicit operator bool() const { return db_ != nullptr; }

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace phoenix::sqlite
