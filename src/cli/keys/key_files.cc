#include "cli/keys/key_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/context.h"

namespace phoenix::cli {
namespace {

constexpr size_t kMaxKeyFile = 4096;

tl::unexpected<Failure> failure(std::string what, std::string why, int exit_code = kExitFailed) {
  Failure told;
  told.exit_code = exit_code;
  told.what = std::move(what);
  told.why = std::move(why);
  return tl::unexpected(std::move(told));
}

// Created here and now, or not at all.
Outcome<int> create(const std::string& path, const std::string& text, mode_t mode) {
  const std::string what = "cannot write " + path;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) {
    return failure(what, errno == EEXIST ? "it exists already" : std::strerror(errno),
                   errno == EEXIST ? kExitConflict : kExitFailed);
  }
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file) == 0;
  const int error = errno;
  ::close(file);
  if (written) return kExitDone;
  ::unlink(path.c_str());
  return failure(what, std::strerror(error));
}

// The id alone: the namespace of a member stands inside.
std::string file_name(const std::string& name) {
  const size_t slash = name.find('/');
  return slash == std::string::npos ? name : name.substr(slash + 1);
}

}  // namespace

Outcome<KeyFile> make_key(const std::string& folder, lineage::KeyRole role,
                          const std::string& name) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return failure("cannot make " + folder, error.message());
  lineage::Seed seed{};
  if (::getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size())) {
    return failure("cannot make a key", "the system gives no random bytes");
  }
  const lineage::NamedKeyPair pair{role, name, lineage::KeyPair::from_seed(seed)};
  lineage::wipe(seed);
  const lineage::NamedKey open{role, name, pair.pair.public_key()};
  const std::string stem = folder + "/" + file_name(name);
  std::string secret = lineage::render_secret(pair);
  const auto kept = create(stem + ".key", secret, 0600);
  lineage::wipe(secret);
  if (!kept) return tl::unexpected(kept.error());
  if (const auto told = create(stem + ".pub", lineage::render_public(open), 0644); !told) {
    ::unlink((stem + ".key").c_str());
    return tl::unexpected(told.error());
  }
  return KeyFile{stem + ".pub", false, open};
}

Outcome<KeyFile> read_key(const std::string& path) {
  auto text = read_input(path, kMaxKeyFile, "cannot read the key");
  if (!text) return tl::unexpected(text.error());
  const auto open = lineage::parse_public(*text);
  if (open) return KeyFile{path, false, *open};
  const auto secret = lineage::parse_secret(*text);
  lineage::wipe(*text);
  if (!secret) return failure("cannot read the key " + path, secret.error().detail, kExitWrongUse);
  return KeyFile{path, true, {secret->role, secret->name, secret->pair.public_key()}};
}

Outcome<lineage::NamedKeyPair> read_secret_key(const std::string& path) {
  auto text = read_input(path, kMaxKeyFile, "cannot read the key");
  if (!text) return tl::unexpected(text.error());
  const bool open = lineage::parse_public(*text).has_value();
  auto secret = lineage::parse_secret(*text);
  lineage::wipe(*text);
  if (secret) return std::move(*secret);
  return failure("cannot sign with the key " + path,
                 open ? "it is the public one, which only verifies" : secret.error().detail,
                 kExitWrongUse);
}

Outcome<std::vector<KeyFile>> read_keys(const std::string& folder, bool secret_too) {
  std::error_code error;
  std::vector<std::string> paths;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string extension = it->path().extension();
    if (extension == ".pub" || (secret_too && extension == ".key")) paths.push_back(it->path());
  }
  if (error) return failure("cannot read the keys", folder + ": " + error.message(), kExitWrongUse);
  std::sort(paths.begin(), paths.end());
  std::vector<KeyFile> keys;
  for (const std::string& path : paths) {
    auto key = read_key(path);
    if (!key) return tl::unexpected(key.error());
    keys.push_back(*std::move(key));
  }
  return keys;
}

}  // namespace phoenix::cli
