// What the store of a pool tells all its hosts, and whoever verifies what they have signed: the
// root's key, which key is whose, and how the log comes to know of a host's key.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "lineage/crypto/key_file.h"
#include "node/node.h"
#include "store/store.h"

namespace phoenix {

inline constexpr const char* kRootKeyFact = "root-key";      // its public key as a key file
inline constexpr const char* kHostKeyFact = "host-key.";     // and the host's name: a HostKeyFact
inline constexpr const char* kEnteredFact = "key-entered.";  // the id of its key that the log has

struct HostKeyFact {
  lineage::NamedKey key;
  std::string grant;  // envelope; empty: no root has granted it

  std::string text() const;
  static Result<HostKeyFact> parse(std::string_view text);
};

// Of the host that runs.
struct KeyFacts {
  const lineage::NamedKeyPair* key = nullptr;  // null: it signs nothing
  std::optional<lineage::NamedKey> root;       // absent: the pool has none
  std::string grant;                           // of the root for the key
};
// Makes the facts what they are now. Answers the id of the key that the log has as this host's;
// empty: none. Blocking; before the store has other users.
Result<std::string> publish_keys(Store& store, const KeyFacts& facts);
// A key that the root has granted is good from an entry of the log on: that entry, unless it stands
// there.
std::optional<HostNote> key_note(const KeyFacts& facts, const std::string& entered);
// Whether that row of the log is such an entry, of the host with that name.
bool enters_key_of(const PutNote& note, const std::string& host);

}  // namespace phoenix
