#include "cli/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace phoenix::cli {
namespace {

tl::unexpected<Failure> failure(const std::string& what, const std::string& path, int error) {
  return tl::unexpected(
      Failure{kExitFailed, what, fmt::format("{}: {}", path, std::strerror(error)), "", ""});
}

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return ::fsync(file) == 0;
}

}  // namespace

Outcome<int> write_output_file(const std::string& what, const std::string& path,
                               std::string_view bytes) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) return failure(what, folder.string(), error.value());
  const std::string beside = fmt::format("{}.{}.new", path, ::getpid());
  const int file = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return failure(what, path, errno);
  const bool whole = write_all(file, bytes);
  int fault = errno;
  ::close(file);
  if (whole && ::rename(beside.c_str(), path.c_str()) == 0) return kExitDone;
  if (whole) fault = errno;
  ::unlink(beside.c_str());
  return failure(what, path, fault);
}

}  // namespace phoenix::cli
