// Key files in a folder: NAME.pub for everybody, NAME.key for the owner alone (mode 0600).
#pragma once

#include <string>
#include <vector>

#include "cli/output.h"
#include "lineage/crypto/key_file.h"

namespace phoenix::cli {

struct KeyFile {
  std::string path;
  bool secret = false;
  lineage::NamedKey key;  // of a secret file its public half
};

// Neither file may exist already. Draws the key.
Outcome<KeyFile> make_key(const std::string& folder, lineage::KeyRole role,
                          const std::string& name);
// A public or a secret key; what is secret is wiped.
Outcome<KeyFile> read_key(const std::string& path);
// A secret key, for signing with it.
Outcome<lineage::NamedKeyPair> read_secret_key(const std::string& path);
// Of all *.pub and *.key of the folder, by name.
Outcome<std::vector<KeyFile>> read_keys(const std::string& folder, bool secret_too);

}  // namespace phoenix::cli
