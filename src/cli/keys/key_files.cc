#include "cli/keys/key_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/bytes_text.h"
#include "cli/context.h"
#include "cli/table.h"

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

}  // namespace

Outcome<KeyFile> make_key(const std::string& folder, lineage::KeyRole role, const std::string& name,
                          const std::string& stem) {
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
  const std::string path = folder + "/" + stem;
  std::string secret = lineage::render_secret(pair);
  const auto kept = create(path + ".key", secret, 0600);
  lineage::wipe(secret);
  if (!kept) return tl::unexpected(kept.error());
  if (const auto told = create(path + ".pub", lineage::render_public(open), 0644); !told) {
    ::unlink((path + ".key").c_str());
    return tl::unexpected(told.error());
  }
  return KeyFile{path + ".pub", false, open};
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

Json key_document(const KeyFile& file) {
  Json document = Json::object();
  document.set("id", Json::string(file.key.key.id()))
      .set("role", Json::string(lineage::role_name(file.key.role)))
      .set("name", Json::string(file.key.name))
      .set("publicKey", Json::string(base64_text(file.key.key.view())))
      .set("secret", Json::boolean(file.secret))
      .set("path", Json::string(file.path));
  return document;
}

std::string key_sheet(const KeyFile& file, bool color) {
  return render_sheet({{"Key", file.key.key.id()},
                       {"Role", std::string(lineage::role_name(file.key.role))},
                       {"Name", harmless(file.key.name)},
                       {"Public key", base64_text(file.key.key.view())},
                       {"File", harmless(file.path) + (file.secret ? " (secret)" : "")}},
                      color);
}

Flag trusted_keys_flag(std::string* folder) {
  Flag flag = text_flag("--keys", "DIR", folder, "the public keys that are trusted");
  flag.required = true;
  return flag;
}

Outcome<std::vector<lineage::NamedKey>> trusted_keys(const std::string& folder,
                                                     const std::string& what) {
  const auto files = read_keys(folder, false);
  if (!files) return tl::unexpected(files.error());
  std::vector<lineage::NamedKey> keys;
  for (const KeyFile& file : *files) keys.push_back(file.key);
  if (!keys.empty()) return keys;
  return tl::unexpected(wrong_use(what, folder + " has no *.pub",
                                  "it is to hold the key of the pool's root or, where there is "
                                  "none, those of its hosts"));
}

}  // namespace phoenix::cli
