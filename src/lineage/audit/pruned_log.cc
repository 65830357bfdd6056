#include "lineage/audit/pruned_log.h"

#include "lineage/form/entry.h"
#include "lineage/form/fields.h"

namespace phoenix::lineage {
namespace {

constexpr uint64_t kMaxTiles = uint64_t{1} << 26;
constexpr uint32_t kPathInTile = 8;  // of 256 leaves
static_assert(kTileLeaves == uint64_t{1} << kPathInTile);

// The tree over the tiles' sums, which is what the whole tree is above its tiles.
LogTree tree_of_tiles(const std::vector<Digest>& tiles) {
  LogTree tree;
  for (const Digest& sum : tiles) tree.append(sum);
  return tree;
}

}  // namespace

void PrunedLog::add_tile(std::span<const std::string> entries) {
  std::vector<Digest> leaves;
  leaves.reserve(entries.size());
  for (const std::string& entry : entries) leaves.push_back(leaf_hash(entry));
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto entry = decode<Entry>(entries[i]);
    if (!entry || entry->kind != EntryKind::kKey) continue;
    keys.push_back({size() + i, entries[i], path_in(leaves, i)});
  }
  tiles.push_back(complete_root(leaves));
}

LogPrefix PrunedLog::prefix() const {
  LogPrefix prefix;
  prefix.log = log;
  prefix.until = tree().frontier();
  return prefix;
}

std::vector<KeptEntry> PrunedLog::kept() const {
  const LogTree above = tree_of_tiles(tiles);
  const LeafReader read = [this](uint64_t first) -> Result<std::vector<Digest>> {
    return std::vector<Digest>(tiles.begin() + static_cast<std::ptrdiff_t>(first),
                               tiles.begin() + static_cast<std::ptrdiff_t>(first + kTileLeaves));
  };
  std::vector<KeptEntry> all;
  for (const Key& key : keys) {
    KeptEntry kept{log, key.position, key.entry, key.path};
    const auto rest = above.inclusion(key.position / kTileLeaves, tiles.size(), read);
    if (!rest) continue;  // its tile is none of these: not possible of what was decoded
    kept.path.insert(kept.path.end(), rest->begin(), rest->end());
    all.push_back(std::move(kept));
  }
  return all;
}

LogTree PrunedLog::tree() const {
  LogTree tree;
  for (const Digest& sum : tiles) tree.append_tile(sum);
  return tree;
}

std::string encode_pruned(const PrunedLog& pruned) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(5);
  out.uint(fields::kVersion);
  out.uint(pruned.log);
  out.uint(pruned.before);
  out.array(static_cast<uint32_t>(pruned.tiles.size()));
  for (const Digest& sum : pruned.tiles) out.digest(sum);
  out.array(static_cast<uint32_t>(pruned.keys.size()));
  for (const PrunedLog::Key& key : pruned.keys) {
    out.array(3);
    out.uint(key.position);
    out.bin(key.entry);
    out.array(static_cast<uint32_t>(key.path.size()));
    for (const Digest& sibling : key.path) out.digest(sibling);
  }
  return bytes;
}

Result<PrunedLog> decode_pruned(std::string_view bytes) {
  MsgpackReader in(bytes);
  PrunedLog pruned;
  fields::take_head(in, 5);
  pruned.log = static_cast<uint32_t>(in.uint(UINT32_MAX));
  pruned.before = in.uint();
  const uint32_t tiles = in.array();
  if (tiles == 0 || tiles > kMaxTiles) in.reject();
  for (uint32_t i = 0; i < tiles && in.ok(); ++i) pruned.tiles.push_back(in.digest());
  const uint32_t keys = in.array();
  for (uint32_t i = 0; i < keys && in.ok(); ++i) {
    PrunedLog::Key key;
    in.array_of(3);
    key.position = in.uint();
    key.entry = in.bin();
    in.array_of(kPathInTile);
    for (uint32_t level = 0; level < kPathInTile && in.ok(); ++level) {
      key.path.push_back(in.digest());
    }
    const bool in_order = i == 0 || pruned.keys.back().position < key.position;
    if (!in_order || key.position >= pruned.size()) in.reject();
    pruned.keys.push_back(std::move(key));
  }
  if (!in.at_end()) return fields::bad_form("log with a pruned beginning", bytes.size());
  return pruned;
}

}  // namespace phoenix::lineage
