// What is left of a log whose oldest entries are gone: enough to prove the rest as before, and
// every change of a key that stood among them, since later entries rest on those. Entries go in
// whole tiles of 256, so that the tree needs one hash for each; a change of a key keeps the way to
// its tile beside it. A hundred bytes for each key, and 1.25 MB for ten million entries.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "lineage/audit/export_format.h"
#include "lineage/tree/log_tree.h"

namespace phoenix::lineage {

struct PrunedLog {
  struct Key {
    uint64_t position = 0;  // from 0
    std::string entry;
    Proof path;  // to its tile
    bool operator==(const Key&) const = default;
  };

  uint32_t log = 0;
  uint64_t before = 0;        // rows of the log from before the recorder
  std::vector<Digest> tiles;  // their sums, from the first on
  std::vector<Key> keys;      // ascending

  uint64_t size() const { return tiles.size() * kTileLeaves; }
  // One more tile goes. Requires: exactly its 256 entries, in order.
  void add_tile(std::span<const std::string> entries);
  // As an export has them.
  LogPrefix prefix() const;
  std::vector<KeptEntry> kept() const;
  // For what comes after.
  LogTree tree() const;
  bool operator==(const PrunedLog&) const = default;
};

std::string encode_pruned(const PrunedLog& pruned);
Result<PrunedLog> decode_pruned(std::string_view bytes);

}  // namespace phoenix::lineage
