#include "runtime/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace phoenix {
namespace {

Error trouble(const std::string& what, const std::string& path) {
  return {.kind = ErrorKind::kStoreUnreachable,
          .detail = what + " " + path + ": " + std::strerror(errno)};
}

// Writes all of it and syncs; false with errno otherwise.
bool write_synced(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(fd, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    done += static_cast<size_t>(wrote);
  }
  return ::fsync(fd) == 0;
}

void sync_folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

Result<std::optional<std::string>> read_whole(const std::string& path, size_t limit) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0) return tl::unexpected<Error>(trouble("cannot read", path));
  std::string text;
  std::array<char, 16'384> part{};
  for (;;) {
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const Error error = trouble("cannot read", path);
      ::close(fd);
      return tl::unexpected<Error>(error);
    }
    text.append(part.data(), static_cast<size_t>(got));
    if (got == 0 || text.size() > limit) break;
  }
  ::close(fd);
  if (text.size() <= limit) return text;
  return fail(ErrorKind::kStoreUnreachable, path + " is larger than " + std::to_string(limit) +
                                                " bytes, which none of its kind is");
}

Result<void> replace_file(const std::string& path, const std::string& text) {
  const std::string draft = path + ".new";
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return tl::unexpected<Error>(trouble("cannot write", draft));
  const bool written = write_synced(fd, text);
  const int why = errno;
  ::close(fd);
  errno = why;
  if (!written || ::rename(draft.c_str(), path.c_str()) != 0) {
    const Error error = trouble("cannot write", path);
    ::unlink(draft.c_str());
    return tl::unexpected<Error>(error);
  }
  sync_folder_of(path);
  return {};
}

Result<FileLock> FileLock::take(const std::string& path, int patience_ms) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return tl::unexpected<Error>(trouble("cannot open", path));
  FileLock lock(fd);
  // Asked again and again, since flock() itself could wait for ever behind a frozen process.
  for (int waited_ms = 0;; ++waited_ms) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return tl::unexpected<Error>(trouble("cannot lock", path));
    }
    if (waited_ms >= patience_ms) break;
    const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return fail(ErrorKind::kConflict, "another process holds " + path + " and does not let go of it");
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace phoenix
