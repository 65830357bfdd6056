#include "runtime/recorder/host_key.h"

#include <sys/random.h>

#include "lineage/crypto/key_file.h"
#include "lineage/form/statements.h"
#include "runtime/files.h"
#include "runtime/recorder/root_desk.h"

namespace phoenix {
namespace {

constexpr size_t kMaxKeyFile = 4096;
constexpr const char* kCheckpointFile = "last.checkpoint";
constexpr size_t kMaxCheckpointFile = 512 * 1024;  // 4,096 logs

Result<lineage::KeyPair> fresh_key() {
  lineage::Seed seed{};
  if (::getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size())) {
    return fail(ErrorKind::kStoreUnreachable, "no randomness for the host's key");
  }
  const lineage::KeyPair pair = lineage::KeyPair::from_seed(seed);
  lineage::wipe(seed);
  return pair;
}

std::string public_half(const lineage::NamedKeyPair& named) {
  return lineage::render_public({named.role, named.name, named.pair.public_key()});
}

Result<bool> keep(const DataFolder& folder, const lineage::NamedKeyPair& named) {
  std::string secret = lineage::render_secret(named);
  auto done = folder.write_file(kHostKeyFile, secret);
  lineage::wipe(secret);
  if (!done) return done;
  return folder.write_file(kHostPublicKeyFile, public_half(named));
}

// It may have been killed between the two files, or somebody has cleaned up.
Result<bool> mend_public_half(const DataFolder& folder, const lineage::NamedKeyPair& named) {
  const auto text = read_whole(folder.file(kHostPublicKeyFile), kMaxKeyFile);
  const std::string wanted = public_half(named);
  if (text && *text == wanted) return true;
  return folder.write_file(kHostPublicKeyFile, wanted);
}

// A public root key of this pool, or nothing where there is no text.
Result<std::optional<lineage::NamedKey>> root_in(const std::optional<std::string>& text,
                                                 const std::string& from, const std::string& pool) {
  if (!text) return std::nullopt;
  auto named = lineage::parse_public(*text);
  if (!named) return fail(ErrorKind::kWrongState, from + ": " + named.error().detail);
  if (named->role == lineage::KeyRole::kRoot && named->name == pool) return std::optional(*named);
  return fail(ErrorKind::kWrongState, from + " is the " +
                                          std::string(lineage::role_name(named->role)) +
                                          " key of " + named->name + ", and this is pool " + pool);
}

// Signed here and now, where the root's key is kept here.
Result<std::string> own_grant(const DataFolder& folder, const lineage::NamedKey& root,
                              const lineage::NamedKeyPair& key, WallMs now) {
  const std::string path = folder.file(kRootKeyFile);
  auto text = read_whole(path, kMaxKeyFile);
  if (!text) return tl::unexpected<Error>(text.error());
  if (!*text) return std::string();
  const auto pair = lineage::parse_secret(**text);
  lineage::wipe(**text);
  if (!pair || pair->pair.public_key() != root.key) {
    return fail(ErrorKind::kWrongState, path + " is not the secret half of the pool's root key " +
                                            root.key.id() +
                                            "; put the right one there, or remove it");
  }
  std::string grant =
      lineage::sign(pair->pair, lineage::KeyGrant{root.name, key.name, key.pair.public_key(), now});
  if (auto done = folder.write_file(kHostGrantFile, render_grant(grant)); !done) {
    return tl::unexpected<Error>(done.error());
  }
  return grant;
}

}  // namespace

Result<std::string> read_checkpoint_file(const DataFolder& folder) {
  const std::string path = folder.file(kCheckpointFile);
  const auto text = read_whole(path, kMaxCheckpointFile);
  if (!text) return tl::unexpected<Error>(text.error());
  if (!*text) return std::string();
  auto envelope = parse_grant(**text);
  if (envelope) return envelope;
  return fail(ErrorKind::kStoreUnreachable, path +
                                                " is no checkpoint; restore it from a backup, or "
                                                "remove it to trust the store as it is");
}

Result<bool> write_checkpoint_file(const DataFolder& folder, const std::string& envelope) {
  return folder.write_file(kCheckpointFile, render_grant(envelope));
}

Result<HostStanding> take_standing(const DataFolder& folder, const lineage::NamedKeyPair& key,
                                   const std::string& pool, const std::optional<std::string>& known,
                                   WallMs now) {
  const std::string root_path = folder.file(kRootPublicKeyFile);
  auto text = read_whole(root_path, kMaxKeyFile);
  if (!text) return tl::unexpected<Error>(text.error());
  const auto here = root_in(*text, root_path, pool);
  if (!here) return tl::unexpected<Error>(here.error());
  const auto there = root_in(known, "the root key in the pool's store", pool);
  if (!there) return tl::unexpected<Error>(there.error());
  if (*here && *there && **here != **there) {
    return fail(ErrorKind::kWrongState, "the pool's root key is " + (**there).key.id() + ", and " +
                                            root_path + " is " + (**here).key.id() +
                                            "; a pool keeps its root: remove that file");
  }
  HostStanding standing;
  standing.root = *there ? *there : *here;
  if (!standing.root) return standing;
  const std::string path = folder.file(kHostGrantFile);
  const auto kept = read_whole(path, kMaxKeyFile);
  if (!kept) return tl::unexpected<Error>(kept.error());
  const lineage::NamedKey own{key.role, key.name, key.pair.public_key()};
  std::string why = "there is none";
  if (*kept) {
    const auto grant = parse_grant(**kept);
    const auto refused = grant ? fault_of_grant(*grant, *standing.root, own) : grant.error().detail;
    if (!refused) {
      standing.grant = *grant;
      return standing;
    }
    why = *refused;
  }
  auto grant = own_grant(folder, *standing.root, key, now);
  if (!grant) return tl::unexpected<Error>(grant.error());
  standing.grant = *std::move(grant);
  if (!standing.grant.empty()) return standing;
  return fail(ErrorKind::kWrongState,
              "this pool has a root key (" + standing.root->key.id() + "), and " + path +
                  " does not say that it knows this host's key (" + why +
                  "); get one by a token of `phoenix host join-token " + key.name +
                  "`: phoenix host enroll --join-token FILE, or by hand: phoenix key sign-host " +
                  folder.file(kHostPublicKeyFile));
}

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
  } else if (auto done = mend_public_half(folder, *named); !done) {
    return tl::unexpected<Error>(done.error());
  }
  return std::move(*named);
}

}  // namespace phoenix
