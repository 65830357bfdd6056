// The key with which a host signs, in its data folder: host.key (secret, readable by the owner
// alone) and host.pub (to be handed to whoever verifies). Made at the first start.
#pragma once

#include <string>

#include "base/error.h"
#include "lineage/crypto/key_file.h"
#include "runtime/data_folder.h"

namespace phoenix {

inline constexpr const char* kHostKeyFile = "host.key";
inline constexpr const char* kHostPublicKeyFile = "host.pub";

// Under the host's name, or as "host" where the name is none that a key may have. A folder that is
// started under another name keeps its key. Errors name the file.
Result<lineage::NamedKeyPair> take_host_key(const DataFolder& folder, const std::string& host_name);

}  // namespace phoenix
