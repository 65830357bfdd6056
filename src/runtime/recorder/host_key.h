// The key with which a host signs, in its data folder: host.key (secret, readable by the owner
// alone) and host.pub (to be handed to whoever verifies). Made at the first start.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "lineage/crypto/key_file.h"
#include "runtime/data_folder.h"

namespace phoenix {

inline constexpr const char* kHostKeyFile = "host.key";
inline constexpr const char* kHostPublicKeyFile = "host.pub";

// Under the host's name, or as "host" where the name is none that a key may have. A folder that is
// started under another name keeps its key. Errors name the file.
Result<lineage::NamedKeyPair> take_host_key(const DataFolder& folder, const std::string& host_name);

// The newest checkpoint that the host has signed, in its data folder; empty: there is none. A host
// that cannot write it goes on, and says so: what it has signed stands in the store as well.
Result<std::string> read_checkpoint_file(const DataFolder& folder);
Result<bool> write_checkpoint_file(const DataFolder& folder, const std::string& envelope);

// What the pool's root says of the host's key.
struct HostStanding {
  std::optional<lineage::NamedKey> root;  // absent: the pool has none
  std::string grant;                      // envelope of a KeyGrant; empty exactly where it has none
};
// Where the pool has a root key, a host signs only with a key that this root has granted to it.
// `known`: the root's public key as the pool's store has it, in the form of a key file; absent: the
// store knows of none. From the folder come root.pub, host.grant and, where it is kept here,
// root.key, which then signs the host's own key. kWrongState: the pool has a root that has not
// granted this key, or another root than the folder says.
Result<HostStanding> take_standing(const DataFolder& folder, const lineage::NamedKeyPair& key,
                                   const std::string& pool, const std::optional<std::string>& known,
                                   WallMs now);

}  // namespace phoenix
