#include "cli/worker/worker_key.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "lineage/crypto/key_file.h"

namespace phoenix::worker {
namespace {

using lineage::KeyRole;

Error trouble(const std::string& path, const std::string& why) {
  return {.kind = ErrorKind::kStoreUnreachable,
          .detail = "the worker's key " + path + ": " + why +
                    "; give another folder by --data, or --no-key to sign nothing"};
}

// Nothing if there is no such file.
Result<std::optional<std::string>> read_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return std::optional<std::string>();
  if (file < 0) return tl::unexpected(trouble(path, std::strerror(errno)));
  std::array<char, 4096> bytes{};
  const ssize_t size = ::read(file, bytes.data(), bytes.size());
  const int error = errno;
  ::close(file);
  if (size < 0) return tl::unexpected(trouble(path, std::strerror(error)));
  return std::optional(std::string(bytes.data(), static_cast<size_t>(size)));
}

// Whole or not at all, and in nobody's place: false if the file is there already.
Result<bool> write_new(const std::string& path, const std::string& text, mode_t mode) {
  const std::string draft = path + "." + std::to_string(::getpid());
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (file < 0) return tl::unexpected(trouble(path, std::strerror(errno)));
  bool good = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
              ::fsync(file) == 0;
  int error = errno;
  ::close(file);
  const bool linked = good && ::link(draft.c_str(), path.c_str()) == 0;
  if (good && !linked) error = errno;
  ::unlink(draft.c_str());
  if (linked) return true;
  if (good && error == EEXIST) return false;
  return tl::unexpected(trouble(path, std::strerror(error)));
}

Result<bool> make_key(const std::string& folder, const std::string& member) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return tl::unexpected(trouble(folder, error.message()));
  lineage::Seed seed{};
  if (::getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size())) {
    return tl::unexpected(trouble(folder, "the system gives no random bytes"));
  }
  const lineage::NamedKeyPair named{KeyRole::kMember, member, lineage::KeyPair::from_seed(seed)};
  lineage::wipe(seed);
  std::string secret = lineage::render_secret(named);
  auto made = write_new(folder + "/worker.key", secret, 0600);
  lineage::wipe(secret);
  if (!made || !*made) return made;
  const lineage::NamedKey open{named.role, named.name, named.pair.public_key()};
  return write_new(folder + "/worker.pub", lineage::render_public(open), 0644);
}

}  // namespace

Result<std::shared_ptr<const lineage::KeyPair>> take_worker_key(const std::string& folder,
                                                                const std::string& member) {
  const std::string path = folder + "/worker.key";
  auto text = read_file(path);
  if (text && !*text) {
    if (auto made = make_key(folder, member); !made) return tl::unexpected(made.error());
    text = read_file(path);
  }
  if (!text) return tl::unexpected(text.error());
  auto named = lineage::parse_secret(text->value_or(""));
  if (*text) lineage::wipe(**text);
  if (!named) return tl::unexpected(trouble(path, named.error().detail));
  return std::make_shared<const lineage::KeyPair>(named->pair);
}

}  // namespace phoenix::worker
