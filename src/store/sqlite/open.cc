#include "store/sqlite/open.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "store/sqlite/schema.h"

namespace phoenix::sqlite {
namespace {

tl::unexpected<Error> system_failure(const std::string& what, const std::string& path) {
  return fail(ErrorKind::kStoreUnreachable, what + " " + path + ": " + std::strerror(errno));
}

void sync_folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

// SQLite takes a file of less than 512 bytes for an empty database, whatever stands in it, and
// writes over it.
Result<bool> check_header(int fd, const std::string& path) {
  constexpr std::string_view kMagic("SQLite format 3\0", 16);
  std::array<char, kMagic.size()> start{};
  const ssize_t got = ::pread(fd, start.data(), start.size(), 0);
  // A folder, for one; SQLite says what is wrong with it.
  if (got <= 0 || std::string_view(start.data(), static_cast<size_t>(got)) == kMagic) return true;
  return fail(ErrorKind::kStoreUnreachable,
              path +
                  " is no database: it does not begin as one; restore it from a backup, or give "
                  "another data folder");
}

// SQLite gives its side files the mode of the database, so this one open decides all three.
Result<bool> ensure_file(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    ::close(fd);
    sync_folder_of(path);
    return true;
  }
  if (errno != EEXIST) return system_failure("cannot create the database", path);
  fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return system_failure("cannot open the database", path);
  auto header = check_header(fd, path);
  ::close(fd);
  return header;
}

Result<bool> check_identity(Connection& db, const std::string& path) {
  auto version = db.pragma("PRAGMA user_version");
  if (!version) {
    return fail(ErrorKind::kStoreUnreachable,
                path + " cannot be read as a database: " + version.error().detail);
  }
  auto application = db.pragma("PRAGMA application_id");
  auto tables = db.pragma("SELECT count(*) FROM sqlite_master");
  if (!application || !tables) {
    return fail(ErrorKind::kStoreUnreachable,
                path + " cannot be read: " + (!application ? application : tables).error().detail);
  }
  if (*application != kApplicationId && (*application != 0 || *tables != 0)) {
    return fail(ErrorKind::kStoreUnreachable,
                path + " is another program's database; give another data folder");
  }
  if (*version > kSchemaVersion) {
    return fail(ErrorKind::kStoreUnreachable,
                path + " was written by a newer version (schema " + std::to_string(*version) +
                    ", this version knows up to " + std::to_string(kSchemaVersion) +
                    "); use that version again, or another data folder");
  }
  return true;
}

Result<bool> require(Connection& db, int code, const std::string& what) {
  if (code == SQLITE_OK) return true;
  return fail(ErrorKind::kStoreUnreachable, what + ": " + db.message(code));
}

// A connection that closes last must not write into a database that it was told to leave alone.
void never_checkpoint_on_close(Connection& db, bool never) {
  sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, never ? 1 : 0, nullptr);
}

}  // namespace

Result<bool> migrate(Connection& db, std::span<const char* const> steps) {
  auto version = db.pragma("PRAGMA user_version");
  if (!version) return tl::unexpected(version.error());
  if (*version >= static_cast<int64_t>(steps.size())) return false;
  int code = db.exec(sql::kBegin);
  for (size_t i = static_cast<size_t>(*version); code == SQLITE_OK && i < steps.size(); ++i) {
    code = db.exec(steps[i]);
  }
  const std::string stamp = "PRAGMA user_version=" + std::to_string(steps.size()) +
                            ";PRAGMA application_id=" + std::to_string(kApplicationId);
  if (code == SQLITE_OK) code = db.exec(stamp.c_str());
  if (code == SQLITE_OK) code = db.exec(sql::kCommit);
  if (code == SQLITE_OK) return true;
  auto error = fail(ErrorKind::kStoreUnreachable,
                    "cannot bring the database from schema " + std::to_string(*version) + " to " +
                        std::to_string(steps.size()) + ": " + db.message(code));
  if (db.in_transaction()) db.exec(sql::kRollback);
  return error;
}

Result<Connection> open_writer(const std::string& path, const SqliteOptions& options) {
  if (auto file = ensure_file(path); !file) return tl::unexpected(file.error());
  auto db = Connection::open(path, options.vfs);
  if (!db) return db;
  never_checkpoint_on_close(*db, true);
  if (auto ours = check_identity(*db, path); !ours) return tl::unexpected(ours.error());
  if (db->read_only()) {
    return fail(ErrorKind::kStoreUnreachable, path + " is read-only; make it writable");
  }
  if (auto set = require(*db, db->exec(kWriterPragmas), "cannot set up " + path); !set) {
    return tl::unexpected(set.error());
  }
  if (options.max_page_count > 0) {
    db->exec(("PRAGMA max_page_count=" + std::to_string(options.max_page_count)).c_str());
  }
  if (auto done = migrate(*db, kMigrations); !done) return tl::unexpected(done.error());
  never_checkpoint_on_close(*db, false);
  return db;
}

Result<Connection> open_reader(const std::string& path, const SqliteOptions& options) {
  auto db = Connection::open(path, options.vfs);
  if (!db) return db;
  never_checkpoint_on_close(*db, true);
  if (auto set = require(*db, db->exec(kReaderPragmas), "cannot read " + path); !set) {
    return tl::unexpected(set.error());
  }
  return db;
}

}  // namespace phoenix::sqlite
