#include "manifest/app/app_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

namespace phoenix::manifest {
namespace {

constexpr const char* kLeadsOut = "leads out of the app's folder";

struct Closer {
  int fd;
  ~Closer() {
    if (fd >= 0) close(fd);
  }
};

tl::unexpected<Error> refuse(std::string detail) {
  return tl::unexpected(Error{.kind = ErrorKind::kInvalidRequest, .detail = std::move(detail)});
}

std::string why(int code) {
  return code == ENOENT || code == ENOTDIR ? "does not exist"
                                           : fmt::format("cannot be read: {}", strerror(code));
}

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
  return real == nullptr ? std::string() : std::string(real.get());
}

bool inside(const std::string& root, const std::string& path) {
  return root == "/" ||
         (path.size() > root.size() && path.starts_with(root) && path[root.size()] == '/');
}

Result<std::string> read_all(int fd, size_t limit) {
  std::string bytes;
  char part[64 * 1024];
  for (;;) {
    const ssize_t n = ::read(fd, part, sizeof part);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return refuse(why(errno));
    if (n == 0) return bytes;
    bytes.append(part, static_cast<size_t>(n));
    if (bytes.size() > limit) {
      return refuse(fmt::format("has more than {} bytes", limit));
    }
  }
}

}  // namespace

Result<AppFiles> AppFiles::open(const std::string& folder) {
  const std::string root = real_path(folder.empty() ? "." : folder);
  if (root.empty()) return refuse(why(errno));
  return AppFiles(root);
}

Result<std::string> AppFiles::within(std::string_view path) {
  if (path.starts_with('/')) return refuse(std::string(kLeadsOut) + ": it is absolute");
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
      continue;
    }
    if (parts.empty()) return refuse(kLeadsOut);
    parts.pop_back();
  }
  return fmt::format("{}", fmt::join(parts, "/"));
}

Result<AppFiles::Content> AppFiles::read(std::string_view path, size_t limit) const {
  const auto name = within(path);
  if (!name) return tl::unexpected(name.error());
  const std::string real = real_path(root_ + "/" + *name);
  if (real.empty()) return refuse(why(errno));
  if (!inside(root_, real)) return refuse(std::string(kLeadsOut) + ", by a link");
  struct stat found = {};
  if (stat(real.c_str(), &found) != 0) return refuse(why(errno));
  if (!S_ISREG(found.st_mode)) return refuse("is no file");
  // Should it have become a pipe in the meantime, opening it waits for nobody.
  const Closer file{::open(real.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  if (file.fd < 0) return refuse(why(errno));
  // What was opened, not what was looked at, must be within.
  char opened[PATH_MAX] = {};
  const std::string link = fmt::format("/proc/self/fd/{}", file.fd);
  const ssize_t size = readlink(link.c_str(), opened, sizeof opened - 1);
  if (size > 0 && !inside(root_, std::string(opened, static_cast<size_t>(size)))) {
    return refuse(std::string(kLeadsOut) + ", by a link");
  }
  if (fstat(file.fd, &found) != 0 || !S_ISREG(found.st_mode)) return refuse("is no file");
  auto bytes = read_all(file.fd, limit);
  if (!bytes) return tl::unexpected(bytes.error());
  const size_t cut = root_ == "/" ? 1 : root_.size() + 1;
  return Content{real.substr(cut), std::move(*bytes)};
}

std::vector<std::string> AppFiles::list(std::string_view folder) const {
  std::vector<std::string> names;
  const auto name = within(folder);
  if (!name) return names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(root_ + "/" + *name, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  return names;
}

}  // namespace phoenix::manifest
