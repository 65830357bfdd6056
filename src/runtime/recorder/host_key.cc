#include "runtime/recorder/host_key.h"

#include <sys/random.h>

#include "lineage/crypto/key_file.h"
#include "runtime/files.h"

namespace phoenix {
namespace {

constexpr size_t kMaxKeyFile = 4096;

Result<lineage::KeyPair> fresh_key() {
  lineage::Seed seed{};
  if (::getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size())) {
    return fail(ErrorKind::kStoreUnreachable, "no randomness for the host's key");
  }
  const lineage::KeyPair pair = lineage::KeyPair::from_seed(seed);
  lineage::wipe(seed);
  return pair;
}

Result<bool> keep(const DataFolder& folder, const lineage::NamedKeyPair& named) {
  std::string secret = lineage::render_secret(named);
  auto done = folder.write_file(kHostKeyFile, secret);
  lineage::wipe(secret);
  if (!done) return done;
  return folder.write_file(kHostPublicKeyFile, lineage::render_public({named.role, named.name,
                                                                       named.pair.public_key()}));
}

}  // namespace

Result<lineage::NamedKeyPair> take_host_key(const DataFolder& folder,
                                            const std::string& host_name) {
  const std::string host =
      lineage::valid_key_name(lineage::KeyRole::kHost, host_name) ? host_name : "host";
  const std::string path = folder.file(kHostKeyFile);
  auto text = read_whole(path, kMaxKeyFile);
  if (!text) return tl::unexpected<Error>(text.error());
  if (!*text) {
    auto pair = fresh_key();
    if (!pair) return tl::unexpected<Error>(pair.error());
    const lineage::NamedKeyPair named{lineage::KeyRole::kHost, host, *pair};
    if (auto done = keep(folder, named); !done) return tl::unexpected<Error>(done.error());
    return named;
  }
  auto named = lineage::parse_secret(**text);
  lineage::wipe(**text);
  if (!named) {
    return fail(ErrorKind::kStoreUnreachable,
                path + " is no key (" + named.error().detail +
                    "); restore it from a backup, or remove it to begin with a new one");
  }
  if (named->name != host || named->role != lineage::KeyRole::kHost) {
    named->name = host;
    named->role = lineage::KeyRole::kHost;
    if (auto done = keep(folder, *named); !done) return tl::unexpected<Error>(done.error());
  }
  return std::move(*named);
}

}  // namespace phoenix
