#include "runtime/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "runtime/files.h"

namespace phoenix {
namespace {

Error trouble(const std::string& what, const std::string& path) {
  return {.kind = ErrorKind::kStoreUnreachable,
          .detail = what + " " + path + ": " + std::strerror(errno)};
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 512> part{};
  for (;;) {
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || text.size() > 65'536) return text;
    text.append(part.data(), static_cast<size_t>(got));
  }
}

int open_folder(const std::string& path) {
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void close_both(int lock, int folder) {
  if (lock >= 0) ::close(lock);
  if (folder >= 0) ::close(folder);
}

// Takes the lock of an open file and that of its folder, or says who has them. The folder's, since
// the file may be deleted under a running host; some file systems lock no folders, and the file
// alone counts there.
Result<bool> lock_both(int lock, int folder_lock, const std::string& folder) {
  const bool taken =
      folder_lock >= 0 && ::flock(folder_lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (!taken && ::flock(lock, LOCK_EX | LOCK_NB) == 0) return true;
  std::string pid = read_all(lock);
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  return fail(ErrorKind::kConflict,
              "the data folder " + folder + " is in use by the host with pid " +
                  (pid.empty() ? "unknown" : pid) + "; give another one with --data");
}

}  // namespace

Result<bool> DataFolder::check_free(const std::string& path) {
  const int lock = ::open((path + "/host.lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) return true;  // open() will say what is wrong, if anything is
  const int folder = open_folder(path);
  auto free = lock_both(lock, folder, path);
  close_both(lock, folder);
  return free;
}

Result<DataFolder> DataFolder::open(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) {
    return fail(ErrorKind::kStoreUnreachable,
                "cannot create the data folder " + path + ": " + code.message());
  }
  const std::string lock_path = path + "/host.lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return tl::unexpected<Error>(trouble("cannot write in the data folder", path));
  const int folder = open_folder(path);
  if (auto locked = lock_both(lock, folder, path); !locked) {
    close_both(lock, folder);
    return tl::unexpected<Error>(locked.error());
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock, 0) != 0 || ::pwrite(lock, pid.data(), pid.size(), 0) < 0) {
    const Error error = trouble("cannot write", lock_path);
    close_both(lock, folder);
    return tl::unexpected<Error>(error);
  }
  return DataFolder(path, lock, folder);
}

DataFolder::DataFolder(DataFolder&& other) noexcept
    : path_(std::move(other.path_)),
      lock_(std::exchange(other.lock_, -1)),
      folder_lock_(std::exchange(other.folder_lock_, -1)) {}

DataFolder::~DataFolder() { close_both(lock_, folder_lock_); }

Result<std::string> DataFolder::secret(const std::string& name, size_t size) const {
  const std::string path = file(name);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    std::string bytes = read_all(fd);
    ::close(fd);
    if (bytes.size() != size) {
      return fail(ErrorKind::kStoreUnreachable, path + " has " + std::to_string(bytes.size()) +
                                                    " bytes instead of " + std::to_string(size) +
                                                    "; restore it from a backup");
    }
    return bytes;
  }
  if (errno != ENOENT) return tl::unexpected<Error>(trouble("cannot read", path));
  std::string bytes(size, '\0');
  if (::getrandom(bytes.data(), size, 0) != static_cast<ssize_t>(size)) {
    return tl::unexpected<Error>(trouble("no randomness for", path));
  }
  if (auto done = write_file(name, bytes); !done) return tl::unexpected<Error>(done.error());
  return bytes;
}

Result<std::array<uint8_t, 32>> DataFolder::token_key() const {
  const auto bytes = secret("token.key", 32);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  std::array<uint8_t, 32> key{};
  std::memcpy(key.data(), bytes->data(), key.size());
  return key;
}

Result<bool> DataFolder::write_file(const std::string& name, const std::string& text) const {
  if (auto done = replace_file(file(name), text); !done) {
    return tl::unexpected<Error>(done.error());
  }
  return true;
}

void DataFolder::remove_file(const std::string& name) const { ::unlink(file(name).c_str()); }

}  // namespace phoenix
