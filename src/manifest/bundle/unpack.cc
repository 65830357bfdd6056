#include "manifest/bundle/unpack.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace phoenix::manifest {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> refuse(const std::string& path) {
  return fail(ErrorKind::kInvalidRequest, fmt::format("{}: {}", path, std::strerror(errno)));
}

// An open file or folder.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

// The folder while it is being filled, gone again unless it was kept.
class NewFolder {
 public:
  explicit NewFolder(std::string path) : path_(std::move(path)) {}
  ~NewFolder() {
    std::error_code ignored;  // nobody could do anything about it
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  const std::string& path() const { return path_; }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

// Below `root` and through no link: each folder on the way is opened from the one before.
Result<bool> write_file(int root, const ArchiveFile& file) {
  std::string_view rest = file.path;
  Descriptor folder(::dup(root));
  for (size_t slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    const std::string name(rest.substr(0, slash));
    if (::mkdirat(folder.get(), name.c_str(), 0755) != 0 && errno != EEXIST)
      return refuse(file.path);
    Descriptor next(
        ::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.ok()) return refuse(file.path);
    ::dup3(next.get(), folder.get(), O_CLOEXEC);
    rest.remove_prefix(slash + 1);
  }
  const std::string name(rest);
  const Descriptor made(::openat(folder.get(), name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                 is_program(file.bytes) ? 0755 : 0644));
  if (!made.ok()) return refuse(file.path);
  std::string_view bytes = file.bytes;
  while (!bytes.empty()) {
    const ssize_t written = ::write(made.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return refuse(file.path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(made.get()) != 0) return refuse(file.path);
  return true;
}

}  // namespace

bool is_program(std::string_view bytes) {
  return bytes.starts_with("#!") || bytes.starts_with(
                                        "\x7f"
                                        "ELF");
}

Result<bool> unpack_bundle(const Bundle& bundle, const std::string& folder) {
  std::error_code error;
  const fs::path target = fs::absolute(folder, error).lexically_normal();
  const fs::path plain = target.has_filename() ? target : target.parent_path();
  const auto status = fs::symlink_status(plain, error);
  if (fs::exists(status) && (!fs::is_directory(status) || !fs::is_empty(plain, error))) {
    return fail(ErrorKind::kConflict,
                fmt::format("{} is there already, and is no empty folder", folder));
  }
  std::string pattern = plain.string() + ".unpacking-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return refuse(pattern);
  NewFolder made(pattern);
  const Descriptor root(::open(pattern.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.ok()) return refuse(pattern);
  for (const ArchiveFile& file : bundle.files) {
    if (auto written = write_file(root.get(), file); !written) return written;
  }
  if (::fchmod(root.get(), 0755) != 0 || ::fsync(root.get()) != 0) return refuse(pattern);
  if (::rename(pattern.c_str(), plain.c_str()) != 0) return refuse(folder);
  made.keep();
  return true;
}

}  // namespace phoenix::manifest
