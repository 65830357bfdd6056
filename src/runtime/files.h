// Small files that are read and replaced as a whole. Blocking; for start-up and for threads that
// may wait. Errors are kStoreUnreachable and name the path and the system's reason.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/error.h"

namespace phoenix {

// nullopt: there is no such file. More than `limit` bytes are an error.
Result<std::optional<std::string>> read_whole(const std::string& path, size_t limit);

// By rename: whoever reads sees the old file or the new one, whole, readable by the owner alone.
// When it returns, the new one outlasts a power cut. One writer at a time.
Result<void> replace_file(const std::string& path, const std::string& text);

// A lock between processes that lasts until it is destroyed (flock on a file of its own, because
// files replaced by rename cannot carry one).
class FileLock {
 public:
  // Waits up to `patience_ms` for who has it now; then kConflict.
  static Result<FileLock> take(const std::string& path, int patience_ms);
  FileLock(FileLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace phoenix
