#include "runtime/gossip/pool_folder.h"

#include <openssl/sha.h>
#include <sys/random.h>

#include <cstring>
#include <filesystem>

#include "base/bytes_text.h"
#include "base/digest.h"
#include "runtime/files.h"

namespace phoenix::gossip {
namespace {

constexpr int kLockPatienceMs = 5'000;
constexpr size_t kMaxPoolFile = 4'096;

Result<std::string> random_bytes(size_t size) {
  std::string bytes(size, '\0');
  if (::getrandom(bytes.data(), size, 0) != static_cast<ssize_t>(size)) {
    return fail(ErrorKind::kInternal, "the system gives no random bytes");
  }
  return bytes;
}

Result<RingKey> take_ring_key(const std::string& path) {
  RingKey key;
  auto text = read_whole(path, kMaxPoolFile);
  if (!text) return tl::unexpected<Error>(text.error());
  if (!*text) {
    auto made = random_bytes(key.bytes.size());
    if (!made) return tl::unexpected<Error>(made.error());
    if (auto done = replace_file(path, *made); !done) return tl::unexpected<Error>(done.error());
    *text = std::move(*made);
  }
  if ((*text)->size() != key.bytes.size()) {
    return fail(ErrorKind::kStoreUnreachable,
                path + " has " + std::to_string((*text)->size()) + " bytes instead of " +
                    std::to_string(key.bytes.size()) + "; restore it from a backup");
  }
  std::memcpy(key.bytes.data(), (*text)->data(), key.bytes.size());
  return key;
}

Result<PoolNames> take_names(const std::string& path) {
  auto text = read_whole(path, kMaxPoolFile);
  if (!text) return tl::unexpected<Error>(text.error());
  if (!*text) {
    auto made = random_bytes(16);
    if (!made) return tl::unexpected<Error>(made.error());
    const std::string_view bytes = *made;
    PoolNames names{hex_text(bytes.substr(0, 8)), hex_text(bytes.substr(8))};
    if (auto done = replace_file(path, render(names)); !done) {
      return tl::unexpected<Error>(done.error());
    }
    return names;
  }
  auto names = parse_pool_names(**text);
  if (!names) {
    return fail(ErrorKind::kStoreUnreachable,
                path + " is broken: " + names.error().detail + "; restore it from a backup");
  }
  return names;
}

}  // namespace

std::string fingerprint_of(const RingKey& key) {
  Digest digest{};
  SHA256(key.bytes.data(), key.bytes.size(), digest.data());
  return hex_text(bytes_of(digest).substr(0, 8));
}

Result<PoolFolder> open_pool_folder(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) {
    return fail(ErrorKind::kStoreUnreachable,
                "cannot create the pool's folder " + path + ": " + code.message());
  }
  PoolFolder folder;
  folder.path = path;
  // Two hosts that come first together must not each make a key of their own.
  const auto lock = FileLock::take(folder.file("pool.lock"), kLockPatienceMs);
  if (!lock) return tl::unexpected<Error>(lock.error());
  const auto key = take_ring_key(folder.file("ring.key"));
  if (!key) return tl::unexpected<Error>(key.error());
  folder.ring_key = *key;
  auto names = take_names(folder.file("pool.json"));
  if (!names) return tl::unexpected<Error>(names.error());
  folder.names = std::move(*names);
  return folder;
}

}  // namespace phoenix::gossip
