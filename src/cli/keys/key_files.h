// Key files in a folder: NAME.pub for everybody, NAME.key for the owner alone (mode 0600).
#pragma once

#include <string>
#include <vector>

#include "cli/json.h"
#include "cli/line/command.h"
#include "cli/output.h"
#include "lineage/crypto/key_file.h"

namespace phoenix::cli {

struct KeyFile {
  std::string path;
  bool secret = false;
  lineage::NamedKey key;  // of a secret file its public half
};

// Neither STEM.key nor STEM.pub may exist already. Draws the key.
Outcome<KeyFile> make_key(const std::string& folder, lineage::KeyRole role, const std::string& name,
                          const std::string& stem);
// A public or a secret key; what is secret is wiped.
Outcome<KeyFile> read_key(const std::string& path);
// A secret key, for signing with it.
Outcome<lineage::NamedKeyPair> read_secret_key(const std::string& path);
// Of all *.pub and *.key of the folder, by name.
Outcome<std::vector<KeyFile>> read_keys(const std::string& folder, bool secret_too);
// As a document, and for people.
Json key_document(const KeyFile& file);
std::string key_sheet(const KeyFile& file, bool color);

// The public keys by which verbs verify without a host: all *.pub of a folder, at least one. Where
// the pool's root is among them, keys of hosts count with its grant alone. Each failure begins with
// `what`.
Flag trusted_keys_flag(std::string* folder);
Outcome<std::vector<lineage::NamedKey>> trusted_keys(const std::string& folder,
                                                     const std::string& what);

}  // namespace phoenix::cli
